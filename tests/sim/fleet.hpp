// A fleet in virtual time: real Nodes with a simulated mesh, engine, segments, memcacheds and
// clients, and faults of every kind drawn from a seed. The same seed gives the same run.
// One thread. What must hold is judged from outside: fleet_check.hpp and check.hpp.
//
//   fleet_plan.hpp      what it is made of, and what may go wrong
//   fleet.cpp           a run: trouble, then peace
//   fleet_peace.cpp     after which all must agree
//   fleet_faults.cpp    what goes wrong
//   fleet_realms.cpp    how it comes to be: by seeds, by command, out of two
//   fleet_agent.cpp     an agent's process: its life, what it is told and what it orders
//   fleet_cuts.cpp      hosts that do not reach some backends, and what may come of it
//   fleet_backends.cpp  memcacheds, and what each host sees of them
//   fleet_clients.cpp   processes that route by their host's segment
//   fleet_traffic.cpp   how much is said
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/node.hpp"
#include "tests/sim/budget_check.hpp"
#include "tests/sim/check.hpp"
#include "tests/sim/fleet_check.hpp"
#include "tests/sim/fleet_engine.hpp"
#include "tests/sim/fleet_mesh.hpp"
#include "tests/sim/fleet_plan.hpp"
#include "tests/sim/schedule.hpp"

namespace ringfence::sim {

struct FleetTraffic {
  std::uint64_t messages = 0, bytes = 0;
};
struct TrafficFigures {
  FleetTraffic of_a_second, of_a_change;
};

class Fleet {
 public:
  Fleet(std::uint64_t seed, FleetPlan plan);
  void run();
  // Instead of run(): forms, idles, and changes a weight, without any trouble. Nothing when not all
  // agreed in the end.
  [[nodiscard]] std::optional<TrafficFigures> measure_traffic();
  [[nodiscard]] const Check& check() const { return check_; }
  [[nodiscard]] const FleetMesh& mesh() const { return mesh_; }
  // Of the fleet that most hosts belong to; 0: there is none.
  [[nodiscard]] std::uint64_t epoch() const;
  [[nodiscard]] std::uint64_t entry_count() const;

 private:
  // Of one cluster id: its log, and what is true in it.
  struct Realm {
    Realm(Schedule& schedule, EngineWorld world, FleetCheck check, const ClusterId& id)
        : engine(schedule, std::move(world)), truth(std::move(check)), cluster_id(id) {}
    FleetEngine engine;
    FleetCheck truth;
    const ClusterId cluster_id;
  };
  struct Watch {
    bool is_told_down = false, is_connected = false, expects_claim = false;
    bool is_looking = false;
  };
  struct Disk {
    AgentId id;
    ClusterId cluster_id{}, promised{};
    bool has_fleet = false, is_voter = false, is_founder = false;
    Term term;
  };
  struct Host {
    std::string address, zone;
    Disk disk;
    bool is_witness = false;
    bool is_alone = false;   // a fleet of its own, until it is given seeds
    bool is_gone = false;    // for good
    Duration absence;        // after its next crash; 0: as it comes
    std::uint64_t life = 0;  // of the process; its incarnation
    std::unique_ptr<Node> node;
    std::deque<Event> inbox;
    bool is_in_step = false, is_paused = false, is_closed = false, has_lost_state = false;
    std::uint64_t timer = 0;
    // Its clock: true time, a rate, and what it jumped.
    std::int64_t drift_ppm = 0;
    Duration jumped;
    bool must_tell_jump = false;
    Instant earlier_leases_end;
    Instant asked_at;  // its last question for a lease
    std::shared_ptr<Segment> segment;
    std::vector<AgentId> peers;  // who was met at each other host
    std::vector<Watch> watches;
    std::vector<bool> reaches;    // each backend
    std::vector<Instant> cut_at;  // from each backend it does not reach
  };
  struct Memcached {
    std::string address;
    bool is_up = true, refuses_flush = false, lies_about_flush = false;
    ClusterId claim{};                           // zeros: none
    std::map<std::string, std::uint64_t> store;  // wire key -> value
  };
  struct Request {
    std::shared_ptr<Segment> segment;
    SlotWord word;
    bool has_tag = true;
    std::uint32_t slot = 0;
    std::size_t backend = 0;
    std::string wire_key;
    std::size_t operation = 0;  // in check_
    std::uint64_t value = 0;    // to set; 0: a get
  };
  struct Client {
    std::size_t host = 0;
    std::shared_ptr<Segment> segment;
  };

  // fleet_traffic.cpp
  [[nodiscard]] FleetTraffic traffic_within(Duration time);

  // fleet.cpp
  [[nodiscard]] MeshEnds mesh_ends();
  void trace(const std::string& text) const;
  void trace(std::size_t host, const std::string& text) const;
  [[nodiscard]] std::uint64_t random(std::uint64_t below) { return schedule_.random(below); }
  [[nodiscard]] bool chance(std::uint64_t percent) { return schedule_.chance(percent); }
  [[nodiscard]] Duration between(Duration low, Duration high) {
    return schedule_.between(low, high);
  }
  [[nodiscard]] Instant now() const { return schedule_.now(); }
  void after(Duration delay, std::function<void()> action) {
    schedule_.after(delay, std::move(action));
  }
  void after_in_life(std::size_t host, Duration delay, std::function<void()> action);
  [[nodiscard]] std::optional<std::size_t> host_of(AgentId id) const;
  [[nodiscard]] std::optional<std::size_t> host_at(const std::string& address) const;
  [[nodiscard]] Instant clock_of(std::size_t host) const;
  [[nodiscard]] Instant truly(std::size_t host, Instant local) const;

  // fleet_peace.cpp
  void make_peace();
  void verify();
  void verify(std::size_t host, const View& newest);
  void verify_backends(const Realm& realm);
  void verify_agents(const View& view);
  void verify_voters(const Realm& realm);
  [[nodiscard]] std::size_t voters_in(const Realm& realm, const std::string& zone) const;

  // fleet_realms.cpp
  Realm& found_realm(const ClusterId& id);
  [[nodiscard]] EngineWorld engine_world(const ClusterId& id);
  [[nodiscard]] Realm* realm_of(const ClusterId& id) const;
  [[nodiscard]] Realm* realm_of(std::size_t host) const;  // null: it belongs to no fleet
  [[nodiscard]] Realm* main_realm() const;                // that most hosts belong to
  [[nodiscard]] std::uint32_t register_of(const ClusterId& id, std::uint32_t key) const;
  void begin_alone(std::size_t host);
  void give_seeds(std::size_t host);
  void give_up(std::size_t host, const std::string& why);
  void bootstrap();
  [[nodiscard]] std::vector<std::string> seeds_of(std::size_t host) const;
  [[nodiscard]] WantedPool wanted_by(std::size_t host) const;

  // fleet_faults.cpp
  void draw_fault();
  void draw_agent_fault();
  void draw_network_fault();
  void draw_backend_fault();
  void pause(std::size_t host, Duration length);
  void split();
  void cut_some();
  void flush_all();
  void draw_departure();
  void change_options();
  void fail_many();
  [[nodiscard]] std::size_t some_host();
  [[nodiscard]] bool may_lose_state(std::size_t host) const;

  // fleet_agent.cpp
  void start_agent(std::size_t host);
  [[nodiscard]] NodeSettings settings_of(std::size_t host);
  void crash_agent(std::size_t host, bool loses_state);
  void end_in_order(std::size_t host);
  void renew_identity(std::size_t host);
  void renew_segment(std::size_t host);
  void give(std::size_t host, Event event);
  void work(std::size_t host);
  void step(std::size_t host, const Event& event);
  void before_step(std::size_t host, const Event& event);
  void perform(std::size_t host, const Effect& effect);
  void perform_on_engine(std::size_t host, const Effect& effect);
  void start_engine(std::size_t host, const StartEngine& order);
  void commit(std::size_t host, const Commit& order);
  void send(std::size_t host, const SendMessage& order);
  void dial(std::size_t host, const DialPeers& order);
  void publish(std::size_t host, const PublishView& order);
  void fence(std::size_t host, const FenceSlots& order);
  void set_deadline(std::size_t host, const SetDeadline& order);
  void set_timer(std::size_t host, const SetTimer& order);

  // fleet_backends.cpp
  [[nodiscard]] std::size_t find(const std::string& address) const;
  [[nodiscard]] bool is_seen(std::size_t host, std::size_t backend) const;
  void look(std::size_t host, std::size_t backend);
  void look_soon(std::size_t host, std::size_t backend);
  void all_look_soon(std::size_t backend);
  void flush(std::size_t host, const FlushBackend& order);
  FlushOutcome flush_now(std::size_t host, std::size_t backend);
  [[nodiscard]] bool is_ours(std::size_t host, std::size_t backend) const;  // by its claim
  void had_trouble(std::size_t backend);
  void break_backend(std::size_t backend);
  void probe(std::size_t host, const ProbeBackend& order);

  // fleet_cuts.cpp
  void cut_from_some(std::size_t backend);
  void cut_off(std::size_t host, std::size_t backend, Duration length);
  void break_host();
  void cut_one();
  void cut_pair();
  [[nodiscard]] bool is_on_host(std::size_t host, std::size_t backend) const;
  void judge_losses(const Proposal& proposal);
  void judge_admissions(std::size_t leader, const Proposal& proposal);

  // fleet_clients.cpp
  void client_turn(std::size_t client);
  void arrive(const Request& request, std::size_t client);
  void reply(const Request& request, std::size_t client, bool is_done, std::uint64_t value);
  void flush_all_answered(RequestId id);

  const FleetPlan plan_;
  const bool is_traced_;
  Schedule schedule_;
  Check check_;
  BudgetCheck budgets_;
  FleetMesh mesh_;
  std::vector<std::weak_ptr<Segment>> segments_;
  std::vector<std::unique_ptr<Realm>> realms_;
  std::vector<Host> hosts_;
  std::vector<Memcached> backends_;
  std::vector<Client> clients_;
  WantedPool pool_;
  Instant trouble_ends_;
  Instant broken_until_;  // a host, and until the others may have noticed that it is well again
  std::uint64_t last_id_ = 0, last_value_ = 0, last_request_ = 0;
  struct FlushAllBegin {
    Instant at;
    ClusterId cluster_id{};
  };
  std::map<std::uint64_t, FlushAllBegin> flush_all_begin_;  // by request
};

}  // namespace ringfence::sim
