// A fleet in virtual time: real Nodes with a simulated mesh, engine, segments, memcacheds and
// clients, and faults of every kind drawn from a seed. The same seed gives the same run.
// One thread. What must hold is judged from outside: fleet_check.hpp and check.hpp.
//
//   fleet.cpp           a run: trouble, then peace, then all must agree
//   fleet_faults.cpp    what goes wrong
//   fleet_agent.cpp     an agent's process: its life, what it is told and what it orders
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
#include "tests/sim/check.hpp"
#include "tests/sim/fleet_check.hpp"
#include "tests/sim/fleet_engine.hpp"
#include "tests/sim/fleet_mesh.hpp"
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
};

struct FleetPlan {
  std::size_t host_count = 5;
  std::size_t backend_count = 4;
  std::size_t client_count = 10;
  std::size_t seed_count = 3;  // hosts that the others are told of
  bool has_backend_faults = true;
  bool has_agent_faults = true;  // crashes, pauses, clocks
  bool has_network_faults = true;
  bool has_flush_alls = true;
  Duration fault_pause_max = 1500_ms;
  Duration trouble = 10_s;
  Duration peace = 16_s;
  Mutation mutation = Mutation::none;
};

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
  [[nodiscard]] std::uint64_t epoch() const { return truth_.view()->epoch.value; }
  [[nodiscard]] std::uint64_t entry_count() const { return engine_.entry_count(); }

 private:
  struct Watch {
    bool is_told_down = false, is_connected = false, expects_claim = false;
    bool is_looking = false;
  };
  struct Disk {
    AgentId id;
    ClusterId cluster_id{}, promised{};
    bool has_fleet = false, is_voter = false;
    Term term;
  };
  struct Host {
    std::string address;
    Disk disk;
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
    std::vector<bool> reaches;  // each backend
  };
  struct Memcached {
    std::string address;
    bool is_up = true, refuses_flush = false, lies_about_flush = false, is_claimed = false;
    std::map<std::string, std::uint64_t> store;  // wire key -> value
  };
  struct Request {
    std::shared_ptr<Segment> segment;
    SlotWord word;
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
  [[nodiscard]] EngineWorld engine_world();
  void make_peace();
  void verify();
  void verify(std::size_t host);
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

  // fleet_faults.cpp
  void draw_fault();
  void draw_agent_fault();
  void draw_network_fault();
  void draw_backend_fault();
  void pause(std::size_t host, Duration length);
  void split();
  void cut_some();
  void flush_all();
  [[nodiscard]] std::size_t some_host();
  [[nodiscard]] bool may_lose_state(std::size_t host) const;

  // fleet_agent.cpp
  void start_agent(std::size_t host);
  [[nodiscard]] NodeSettings settings_of(std::size_t host);
  void crash_agent(std::size_t host, bool loses_state);
  void end_in_order(std::size_t host);
  void renew_identity(std::size_t host);
  void renew_segment(std::size_t host);
  void load_configuration(std::size_t host);
  void give(std::size_t host, Event event);
  void work(std::size_t host);
  void step(std::size_t host, const Event& event);
  void before_step(std::size_t host, const Event& event);
  void perform(std::size_t host, const Effect& effect);
  void perform_on_engine(std::size_t host, const Effect& effect);
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
  void break_backend(std::size_t backend);
  void cut_from_some(std::size_t backend);

  // fleet_clients.cpp
  void client_turn(std::size_t client);
  void arrive(const Request& request, std::size_t client);
  void reply(const Request& request, std::size_t client, bool is_done, std::uint64_t value);
  void flush_all_answered(RequestId id);

  const FleetPlan plan_;
  const bool is_traced_;
  Schedule schedule_;
  Check check_;
  FleetCheck truth_;
  FleetMesh mesh_;
  FleetEngine engine_;
  std::vector<Host> hosts_;
  std::vector<Memcached> backends_;
  std::vector<Client> clients_;
  WantedPool pool_;
  Instant trouble_ends_;
  ClusterId formed_{};
  std::uint64_t last_id_ = 0, last_value_ = 0, last_request_ = 0;
  std::map<std::uint64_t, Instant> flush_all_begin_;  // by request
};

}  // namespace ringfence::sim
