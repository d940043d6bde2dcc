// A host in virtual time: the real Node with a simulated engine, segment, memcacheds and clients,
// and faults of every kind drawn from a seed. The same seed gives the same run.
// One thread. The checks stand outside the node: see check.hpp.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "agent/core/node.hpp"
#include "agent/core/replica.hpp"
#include "tests/sim/check.hpp"

namespace ringfence::sim {

using namespace agent::core;  // NOLINT(google-build-using-namespace): the simulator is its shell

struct Faults {
  bool has_backend_faults = true;
  bool has_agent_crashes = true;
  bool has_engine_faults = true;
  bool has_flush_alls = true;
};

class World {
 public:
  World(std::uint64_t seed, Faults faults);
  // Faults until `trouble_ends`, then peace until `end`, when all must serve again.
  void run(Instant trouble_ends, Instant end);
  [[nodiscard]] const Check& check() const { return check_; }
  [[nodiscard]] std::uint64_t restarts() const { return life_ - 1; }

 private:
  struct Memcached {
    std::string address;
    bool is_up = true;  // reachable and answering
    bool refuses_flush = false;
    bool lies_about_flush = false;
    bool is_claimed = false;
    std::map<std::string, std::uint64_t> store;  // wire key -> value
  };
  struct Watch {
    bool is_told_down = false;
    bool is_connected = false;
    bool expects_claim = false;
  };
  struct Segment {
    std::vector<SlotWord> slots;
    std::map<std::uint16_t, std::string> addresses;
    Epoch epoch;
    Instant deadline;
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
  struct EngineTask {
    Commit commit;  // bytes empty: a barrier
    Instant submitted_at;
    bool is_failed = false;  // told so already; the entry may be applied all the same
  };
  struct Scheduled {
    Instant at;
    std::uint64_t order = 0;
    std::function<void()> action;
    friend bool operator<(const Scheduled& a, const Scheduled& b) {
      return a.at != b.at ? a.at > b.at : a.order > b.order;
    }
  };

  // world.cpp
  [[nodiscard]] std::uint64_t random(std::uint64_t below) { return random_() % below; }
  [[nodiscard]] bool chance(std::uint64_t percent) { return random(100) < percent; }
  [[nodiscard]] Duration between(Duration low, Duration high);
  void after(Duration delay, std::function<void()> action);
  void after_in_life(Duration delay, std::function<void()> action);
  void draw_fault();
  void make_peace();
  void trace(const std::string& text) const;

  // agent.cpp
  void start_agent();
  void crash_agent();
  void give(const Event& event);
  void perform(const Effect& effect);
  void publish(const PublishView& order);
  void engine_turn();

  // backends.cpp
  [[nodiscard]] std::size_t find(const std::string& address) const;
  void look(std::size_t backend);
  void look_soon(std::size_t backend);
  void flush(const FlushBackend& order);
  void break_backend();

  // clients.cpp
  void client_turn(std::size_t client);
  void arrive(const Request& request, std::size_t client);
  void flush_all_answered(RequestId id);
  void reply(const Request& request, std::size_t client, bool is_done, std::uint64_t value);

  std::mt19937_64 random_;
  const bool is_traced_;
  Faults faults_;
  Check check_;
  Instant now_{1'000'000'000};
  Instant trouble_ends_;
  std::uint64_t order_ = 0;
  std::priority_queue<Scheduled> queue_;

  std::unique_ptr<Node> node_;
  std::uint64_t life_ = 0;
  std::uint64_t timer_ = 0;
  bool is_in_step_ = false;
  std::deque<Event> events_;
  std::vector<std::string> log_;
  std::deque<EngineTask> tasks_;
  bool is_engine_busy_ = false;
  std::shared_ptr<Segment> segment_;
  Instant earlier_leases_end_;

  std::vector<Memcached> backends_;
  std::vector<Watch> watches_;
  std::uint64_t last_value_ = 0;
  std::uint64_t last_request_ = 0;
  std::map<std::uint64_t, Instant> flush_all_begin_;  // by request
  std::vector<std::shared_ptr<Segment>> attached_;    // of each client
};

}  // namespace ringfence::sim
