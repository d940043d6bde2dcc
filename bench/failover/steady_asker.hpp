// A client that asks all the time for keys that live on one memcached: get, set a newer value, get
// it again; then 1 ms of rest, and the next key. It notes each such round, and never judges.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bench/failover/contender.hpp"
#include "shm_layout/clock.hpp"
#include "tests/live/support/text_client.hpp"

namespace ringfence::bench {

[[nodiscard]] inline std::int64_t now_ns() {
  return shm_layout::read_clock_ns(CLOCK_MONOTONIC);
}

struct Round {
  std::int64_t begin_ns = 0, end_ns = 0;
  std::uint32_t requests = 0, failed = 0, slow = 0;
  bool is_done = false;   // set, and the value read again
  bool is_stale = false;  // a read gave a value older than what was acknowledged
  bool is_home = false;   // the new value is on the memcached itself; looked for only at times
};

// Values are growing numbers, which outlive a client, as memcacheds do.
struct Keys {
  std::vector<std::string> names;
  std::map<std::string, std::uint64_t> acknowledged;  // the last number that was stored
  std::uint64_t next = 1;
};

class SteadyAsker {
 public:
  // `home` is where the keys live. Looks there from the start.
  SteadyAsker(Contender& contender, Keys& keys, std::string home);
  ~SteadyAsker();
  SteadyAsker(const SteadyAsker&) = delete;
  SteadyAsker& operator=(const SteadyAsker&) = delete;

  void look_home();   // after each round from now on
  void leave_home();  // no look is under way any more when this returns
  // Every key was read and written there since look_home().
  [[nodiscard]] bool wait_home(std::chrono::seconds limit);
  [[nodiscard]] std::vector<Round> end();

 private:
  void run();
  [[nodiscard]] Round ask(const std::string& name);
  template <typename Request>
  auto timed(Round& round, const Request& request);
  [[nodiscard]] bool is_older(const std::string& value, const std::string& name) const;
  [[nodiscard]] bool is_at_home(const std::string& name, const std::string& value);

  Contender& contender_;
  Keys& keys_;
  const std::string home_;
  std::optional<live::TextClient> home_client_;
  std::vector<Round> rounds_;           // of the thread, until it was joined
  std::atomic<bool> is_looking_{true};  // release by who asks for it, acquire by the thread
  std::atomic<std::size_t> home_count_{0}, round_count_{0};  // release by the thread
  std::atomic<bool> is_ending_{false};                       // relaxed: only ends a loop
  std::thread thread_;
};

}  // namespace ringfence::bench
