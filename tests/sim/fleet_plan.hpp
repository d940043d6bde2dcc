// What a simulated fleet is made of, and what may go wrong with it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/core/event.hpp"
#include "tests/sim/schedule.hpp"

namespace ringfence::sim {

// A rule of the design that the world around the nodes breaks, to see that the checks notice.
enum class Mutation : std::uint8_t {
  none,
  acknowledges_without_fencing,  // FenceSlots are dropped, the acknowledgement goes out
  skips_flush,                   // a flush is reported as verified and was not done
  counts_lease_from_arrival,     // a deadline is counted from the reply and not from the question
  new_leader_activates_at_once,  // it is told that it was elected a lease ago
  generations_are_not_raised,    // on the wire, every generation is the first
  ignores_budgets,               // agents are told of budgets without an end
  witnesses_agree,               // who is asked for a probe says what the reporter said
  hides_cuts,                    // who is cut off from a backend says that it answers
};

// How the fleet comes to be.
enum class Beginning : std::uint8_t {
  by_seeds,      // a majority of the seeds meet
  by_bootstrap,  // most seeds never come: a command forms it
  with_loner,    // by seeds, and one host was a fleet of its own before it was given seeds
};

struct FleetPlan {
  std::size_t host_count = 5;
  std::size_t backend_count = 4;
  std::size_t client_count = 10;
  std::size_t seed_count = 3;     // hosts that the others are told of
  std::size_t witness_count = 0;  // the last hosts; with any, roles change at restarts too
  std::size_t zone_count = 0;
  Beginning beginning = Beginning::by_seeds;
  bool has_tags = true;
  bool has_backend_faults = true;
  bool has_agent_faults = true;  // crashes, pauses, clocks
  bool has_network_faults = true;
  bool has_flush_alls = true;
  bool has_departures = false;          // hosts stay away for long, or for good
  bool has_mass_failures = false;       // of many backends at once
  bool has_option_changes = false;      // pools get tags and lose them
  bool has_broken_hosts = false;        // one at a time reaches no backend of another host
  bool has_lone_cuts = false;           // of one host from one backend, for seconds
  std::uint64_t odds_at_disk = 20'000;  // one in so many: it dies right before it changes its state
  Duration forget_after = 3600_s;
  PoolTiming timing = short_timing();
  Duration fault_pause_max = 1500_ms;
  Duration trouble = 10_s;
  Duration peace = 16_s;
  Mutation mutation = Mutation::none;

  static PoolTiming short_timing() {
    PoolTiming timing;
    timing.hold_down = 200_ms;
    timing.hold_down_max = 800_ms;
    timing.eviction_refill = timing.admission_refill = 200_ms;
    return timing;
  }
};

// Fewer backends, so that slots soon come back to where they were; and more trouble.
inline FleetPlan dense() {
  FleetPlan plan;
  plan.backend_count = 2;
  plan.client_count = 20;
  plan.fault_pause_max = 400_ms;
  return plan;
}

// Budgets that are soon used up.
inline FleetPlan mass_failures() {
  FleetPlan plan;
  plan.backend_count = 8;
  plan.has_mass_failures = true;
  plan.has_flush_alls = false;
  plan.timing.eviction_burst = 2;
  plan.timing.eviction_refill = 1_s;
  plan.timing.admission_burst = 3;
  plan.timing.admission_refill = 500_ms;
  return plan;
}

// Every backend is well, and now and then a host is not.
inline FleetPlan broken_hosts() {
  FleetPlan plan;
  plan.backend_count = 6;
  plan.has_backend_faults = plan.has_agent_faults = false;
  plan.has_network_faults = plan.has_flush_alls = false;
  plan.has_broken_hosts = true;
  return plan;
}

// Backends come and go, and some hosts are out of their reach for long.
inline FleetPlan lone_cuts() {
  FleetPlan plan;
  plan.backend_count = 3;
  plan.has_agent_faults = plan.has_network_faults = plan.has_flush_alls = false;
  plan.has_lone_cuts = true;
  plan.fault_pause_max = 600_ms;
  plan.trouble = 14_s;
  return plan;
}

}  // namespace ringfence::sim
