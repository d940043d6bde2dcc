// SIGHUP and a changed file: backends, weights and pools change under load and no request is lost.
#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/live/support/fleet.hpp"
#include "tests/live/support/tags.hpp"

namespace ringfence::live {
namespace {

// A client that never lets go of its connection and notes every answer that is no answer. Without
// tags NOT_STORED is one, and so is an older value: README says so.
class Witness {
 public:
  explicit Witness(const std::string& address, bool has_tags = true)
      : has_tags_(has_tags), client_(address), thread_([this] { run(); }) {}
  ~Witness() { stop(); }
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

  // Ends the load; returns what went wrong, empty: nothing.
  std::string stop() {
    is_ending_.store(true, std::memory_order_relaxed);
    if (thread_.joinable()) {
      thread_.join();
    }
    return trouble_;
  }
  [[nodiscard]] std::uint64_t request_count() const { return request_count_.load(); }
  [[nodiscard]] std::uint64_t not_stored_count() const { return not_stored_count_.load(); }

 private:
  [[nodiscard]] bool may_be(const std::string& value, std::uint64_t last) const {
    if (has_tags_) return value == std::to_string(last);
    const std::uint64_t number = std::stoull(value);
    return number <= last && number % key_count == last % key_count;
  }
  void run() {
    try {
      for (std::uint64_t i = 0; !is_ending_.load(std::memory_order_relaxed); ++i) {
        const std::string key = "reload-" + std::to_string(i % key_count);
        const std::string answer = client_.set(key, std::to_string(i));
        if (!has_tags_ && answer == "NOT_STORED") {
          not_stored_count_.fetch_add(1);
        } else if (answer != "STORED") {
          trouble_ = "set " + key + " answered " + answer;
          return;
        }
        const std::optional<std::string> value = client_.get(key);  // a miss is an answer too
        if (value && !may_be(*value, i)) {
          trouble_ = "get " + key + " answered " + *value + " after " + std::to_string(i);
          return;
        }
        request_count_.fetch_add(2);
      }
    } catch (const std::exception& error) {
      trouble_ = error.what();
    }
  }

  static constexpr std::uint64_t key_count = 500;

  const bool has_tags_;
  TextClient client_;
  std::string trouble_;                             // written by the thread, read after its end
  std::atomic<bool> is_ending_{false};              // relaxed: only ends the loop
  std::atomic<std::uint64_t> request_count_{0};     // a count
  std::atomic<std::uint64_t> not_stored_count_{0};  // a count
  std::thread thread_;
};

class Reload : public testing::TestWithParam<bool> {};

INSTANTIATE_TEST_SUITE_P(Tags, Reload, testing::Bool(), tags_name);

TEST_P(Reload, BackendAddedWeightedAndRemovedUnderLoadThenNoRequestIsLost) {
  std::vector<Memcached> memcacheds = start_memcacheds(3);
  AgentSettings settings = impatient(memcacheds);
  settings.has_tags = GetParam();
  const std::vector<std::string> all = settings.backends;
  settings.backends = {all[0], all[1]};
  Agent agent{settings};
  agent.wait_ready();
  Witness witness{agent.port_address(), GetParam()};

  settings.backends = all;
  agent.reconfigure(settings);
  agent.reload();
  agent.wait_serving(3);

  settings.backends = {all[0] + " weight=3", all[1], all[2]};
  agent.reconfigure(settings);
  agent.reload();
  EXPECT_TRUE(wait_until([&] {
    const int slots = agent.backend(all[0]).value("slots", 0);
    return slots >= 39321 && slots <= 39322;  // three fifths of 65,536
  })) << agent.backend(all[0]);

  settings.backends = {all[0], all[2]};
  agent.reconfigure(settings);
  agent.reload();
  agent.wait_serving(2);
  EXPECT_EQ(agent.backend(all[1]).value("slots", 0), 0);

  EXPECT_EQ(witness.stop(), "");
  EXPECT_GT(witness.request_count(), 100U);
  // Without tags: the write that is under way when its slot moves, at most one a change.
  EXPECT_LE(witness.not_stored_count(), GetParam() ? 0U : 3U);
}

TEST(Reloading, FileChangedWithoutASignalThenItIsAppliedToo) {
  std::vector<Memcached> memcacheds = start_memcacheds(2);
  AgentSettings settings = impatient(memcacheds);
  const std::vector<std::string> all = settings.backends;
  settings.backends = {all[0]};
  Agent agent{settings};
  agent.wait_ready();

  settings.backends = all;
  agent.reconfigure(settings);

  EXPECT_NO_THROW(agent.wait_serving(2));
}

TEST(Reloading, BadFileThenTheOldOneStaysAndTheLogSaysWhy) {
  std::vector<Memcached> memcacheds = start_memcacheds(1);
  AgentSettings settings = impatient(memcacheds);
  Agent agent{settings};
  agent.wait_ready();

  settings.pool_lines += "bakends = []\n";
  agent.reconfigure(settings);
  agent.reload();

  EXPECT_TRUE(wait_until([&] { return agent.log().find("bakends") != std::string::npos; }))
      << agent.log();
  EXPECT_NE(agent.log().find("backends"), std::string::npos) << "the nearest known key";
  EXPECT_EQ(agent.client().set("k", "v"), "STORED");
  EXPECT_TRUE(agent.child().is_running());
}

TEST(Reloading, PoolAddedAndRemovedThenItServesAndTheFirstPoolNotices) {
  std::vector<Memcached> memcacheds = start_memcacheds(2);
  AgentSettings settings = impatient(memcacheds);
  settings.backends = {memcacheds[0].address()};
  Agent agent{settings};
  agent.wait_ready();
  Witness witness{agent.port_address()};
  const std::string address = "127.0.0.1:" + std::to_string(free_port());
  const std::string one_pool = settings.pool_lines;

  settings.pool_lines += "[[pool]]\nname = \"second\"\nlisten = [\"" + address +
                         "\"]\nbackends = [\"" + memcacheds[1].address() + "\"]\n";
  agent.reconfigure(settings);
  agent.reload();
  agent.wait_serving(2);
  TextClient second{address};
  set_until_stored(second, "k", "v");

  settings.pool_lines = one_pool;
  agent.reconfigure(settings);
  agent.reload();
  agent.wait_serving(1);

  EXPECT_EQ(witness.stop(), "");
}

TEST(Regression, PoolRemovedAndTakenBackWhileItsPortDrainsThenItServes) {
  std::vector<Memcached> memcacheds = start_memcacheds(2);
  AgentSettings settings = impatient(memcacheds);
  settings.backends = {memcacheds[0].address()};
  const std::string one_pool = settings.pool_lines;
  const std::string address = "127.0.0.1:" + std::to_string(free_port());
  const std::string two_pools = one_pool + "[[pool]]\nname = \"second\"\nlisten = [\"" + address +
                                "\"]\nbackends = [\"" + memcacheds[1].address() + "\"]\n";
  settings.pool_lines = two_pools;
  Agent agent{settings};
  agent.wait_serving(2);
  TextClient half{address};
  half.send("set k 0 0 10\r\nhalf");  // keeps the port from being drained at once
  TextClient{address}.set("k", "v");

  settings.pool_lines = one_pool;
  agent.reconfigure(settings);
  agent.reload();
  ASSERT_TRUE(wait_until([&] {
    return agent.log().find("second left the view") != std::string::npos;
  })) << agent.log();
  settings.pool_lines = two_pools;
  agent.reconfigure(settings);
  agent.reload();

  EXPECT_TRUE(wait_until([&] {
    try {
      return TextClient{address}.set("k", "v") == "STORED";
    } catch (const std::exception&) {
      return false;
    }
  })) << agent.log();
}

}  // namespace
}  // namespace ringfence::live
