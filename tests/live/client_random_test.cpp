// Random operations of several threads on one linked client, on keys of their own and on shared
// ones, while memcacheds are killed, hang and return, and the agent is killed, stopped and started.
// A model judges every answer: a cache may forget anything, and may not lie.
//
// How many: RINGFENCE_TEST_OPERATIONS that were answered, by default operation_count_default.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <random>
#include <sstream>
#include <thread>

#include "tests/live/support/client_support.hpp"
#include "tests/live/support/fleet.hpp"
#include "tests/live/support/random_client.hpp"

namespace ringfence::live {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t operation_count_default = 100'000;
constexpr std::size_t thread_count = 4;
constexpr std::size_t memcached_count = 3;
constexpr std::size_t memory_growth_kib_max = 48 * 1024;  // of a million operations' own records

std::uint64_t operation_count_wanted() {
  const char* wanted = std::getenv("RINGFENCE_TEST_OPERATIONS");
  return wanted == nullptr ? operation_count_default : std::strtoull(wanted, nullptr, 10);
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all{"/proc/self/fd"};
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::size_t resident_kib() {
  std::istringstream status{read_file("/proc/self/status")};
  for (std::string word; status >> word;) {
    if (word != "VmRSS:") continue;
    std::size_t kib = 0;
    status >> kib;
    return kib;
  }
  return 0;
}

// One of the ways a fleet can break, and its end.
class Breaker {
 public:
  Breaker(Agent& agent, std::vector<Memcached>& memcacheds)
      : agent_(agent), memcacheds_(memcacheds) {}

  void break_something() {
    Memcached& memcached = memcacheds_[random_() % memcacheds_.size()];
    switch (random_() % 6) {
      case 0:
      case 1:
        memcached.kill();
        pass(some(200));
        memcached.restart();
        break;
      case 2:  // too short for anybody to notice, or long enough to be lost
      case 3:
        memcached.stop();
        pass(some(800));
        memcached.resume();
        break;
      case 4:
        agent_.kill();
        pass(some(300));
        agent_.start();
        break;
      default:  // beyond its lease now and then
        agent_.child().signal(SIGSTOP);
        pass(some(900));
        agent_.child().signal(SIGCONT);
        break;
    }
    ++count_;
    pass(some(150));
  }
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  [[nodiscard]] Milliseconds some(int most) { return Milliseconds{random_() % most}; }

  Agent& agent_;
  std::vector<Memcached>& memcacheds_;
  std::mt19937 random_{20070117};
  std::size_t count_ = 0;
};

TEST(ClientRandom, EveryTroubleThenNoLieNoCallBeyondItsTimeAndNothingLeaks) {
  const std::uint64_t wanted = operation_count_wanted();
  std::vector<Memcached> memcacheds;
  for (std::size_t i = 0; i < memcached_count; ++i) {
    memcacheds.emplace_back(std::vector<std::string>{"-m", "128"});
  }
  AgentSettings settings = impatient(memcacheds);
  settings.table_lines = "[lease]\nlength = \"500ms\"\nmargin = \"20ms\"\n";
  Agent agent{settings};
  agent.wait_ready();
  // What a process keeps from its first client to its end (its counters' file) is no leak.
  until_ok([&] { return client_of(agent.segment()).set("first", "1"); });
  const std::size_t descriptors_before = open_descriptors();

  Findings findings;
  std::size_t resident_early = 0;
  {
    Client client = client_of(agent.segment());
    SharedKeys shared;
    std::atomic<bool> is_over{false};  // relaxed: only ends loops
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < thread_count; ++i) {
      threads.emplace_back([&, i] {
        RandomClient random{client, shared, findings, i};
        while (!is_over.load(std::memory_order_relaxed)) random.do_something();
      });
    }
    Breaker breaker{agent, memcacheds};
    while (findings.answered.load() < wanted && findings.lies() == 0) {
      breaker.break_something();
      if (resident_early == 0 && findings.answered.load() > wanted / 4) {
        resident_early = resident_kib();
      }
    }
    is_over.store(true, std::memory_order_relaxed);
    for (std::thread& thread : threads) thread.join();
    EXPECT_GT(breaker.count(), 5U);
    std::cout << breaker.count() << " troubles, ";
  }

  EXPECT_EQ(findings.lies(), 0U) << findings.first_lie();
  EXPECT_LT(findings.longest_excess_ms.load(), slack.count()) << "a call outlived its timeout";
  EXPECT_EQ(open_descriptors(), descriptors_before);
  if (!is_sanitized) {
    EXPECT_LT(resident_kib(), resident_early + memory_growth_kib_max);
  }
  // Or it would show nothing.
  EXPECT_GT(findings.hits.load(), wanted / 10);
  EXPECT_GT(findings.unanswered.load(), 0U);
  std::cout << findings.summary() << "\n";
}

}  // namespace
}  // namespace ringfence::live
