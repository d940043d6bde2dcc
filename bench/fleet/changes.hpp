// What is done to the fleet, and what is measured of it. Each leaves a fleet that agrees.
#pragma once

#include <cstddef>

#include "bench/fleet/figures.hpp"
#include "bench/fleet/rig.hpp"

namespace ringfence::bench {

// disk_floor: 4 KiB written and fdatasynced where the agents keep their state.
void measure_disk(std::size_t count, Figures& figures);

// changes.cpp
// weight_fenced, weight_active: a backend's weight asked of one agent after the other.
// weight_propose_us, weight_fence_us, weight_activate_us: as the leader's history has them.
void measure_weights(Rig& rig, std::size_t count, Figures& figures);
// loss_fenced, loss_active: from a memcached's SIGKILL.
void measure_losses(Rig& rig, std::size_t count, Figures& figures);

// backends.cpp
// empty_... and full_...: a memcached with nothing and with 1 GiB in it is killed. From SIGKILL and
// from the first connection's end: fenced, active; eof: that end itself. back_active: from its
// first answer after a restart. (full_: it is one more than the others.)
void measure_killed_memcacheds(Rig& rig, std::size_t count, Figures& figures);
void measure_killed_full_memcacheds(Rig& rig, std::size_t count, Figures& figures);
// stopped_fenced, stopped_active: from SIGSTOP, with the default probe times.
void measure_stopped_memcacheds(Rig& rig, std::size_t count, Figures& figures);
// new_active: a memcached that nobody knew, from the request that adds it.
void measure_new_memcacheds(Rig& rig, std::size_t count, Figures& figures);
// vanished_noticed, vanished_active, vanished_after_notice: a host stands still, agent and
// memcached, with all its connections. vanished_pause: of slots that stay, on the other hosts.
void measure_vanished_hosts(Rig& rig, std::size_t count, Figures& figures);

// leaders.cpp
// killed_...: the leader is killed and started again at once, as a service manager does, and a
// change is asked of another agent at that moment. elected, active; pause: of a slot that does not
// move, on any host; failed, slowest: of requests for such keys, on the leader's host and another.
void measure_killed_leaders(Rig& rig, std::size_t count, Figures& figures);
// gone_...: the leader stands still with its connections, and a memcached dies at that moment.
// elected, active, after_election; pause, failed and slowest on the other hosts.
void measure_gone_leaders(Rig& rig, std::size_t count, Figures& figures);

// comings.cpp
// join_serving: a new agent, from its start until its host routes.
void measure_joins(Rig& rig, std::size_t count, Figures& figures);
// restart_serving: all agents killed and started again, from the first start until every host
// routes under a new lease. restart_pause: the longest time that a host did not route meanwhile.
void measure_restarts(Rig& rig, std::size_t count, Figures& figures);
// idle_cpu_percent, idle_rss_mib, idle_sent_bytes_per_second: of each agent, and of the leader with
// "leader" in front.
void measure_idleness(Rig& rig, std::size_t seconds, Figures& figures);

}  // namespace ringfence::bench
