// An agent's own going and coming: killed and restarted under load, ended in good order, started
// twice.
#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "shim/segment_handle.hpp"
#include "shm_layout/mapped_segment.hpp"
#include "tests/live/support/fleet.hpp"
#include "tests/live/support/tags.hpp"

namespace ringfence::live {
namespace {

constexpr int restart_count = 100;

// One client that sets and gets its own keys for as long as it lives, across restarts of the agent,
// and notes a get that answered something else than what its last acknowledged set said.
class Load {
 public:
  explicit Load(std::string address) : address_(std::move(address)), thread_([this] { run(); }) {}
  ~Load() {
    is_ending_.store(true, std::memory_order_relaxed);
    thread_.join();
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  [[nodiscard]] std::uint64_t hit_count() const { return hit_count_.load(); }
  [[nodiscard]] std::uint64_t wrong_count() const { return wrong_count_.load(); }

 private:
  void run() {
    while (!is_ending_.load(std::memory_order_relaxed)) {
      try {
        TextClient client{address_, Milliseconds{3000}};
        while (!is_ending_.load(std::memory_order_relaxed)) {
          turn(client);
        }
      } catch (const std::exception&) {
        pass(Milliseconds{
            2});  // the agent is between two lives; what was sent may have taken effect
      }
    }
  }

  // A set whose answer is lost may take effect later, so each set has a value of its own, and after
  // a failed one the key is left alone.
  void turn(TextClient& client) {
    ++turn_;
    const std::string key = "load-" + std::to_string(turn_);
    const std::string value = "value-" + std::to_string(turn_);
    if (client.set(key, value) == "STORED") {
      last_key_ = key;
      last_value_ = value;
    }
    if (const std::optional<std::string> got = client.get(last_key_)) {
      hit_count_.fetch_add(1);
      wrong_count_.fetch_add(got == last_value_ ? 0 : 1);
    }
  }

  std::string address_;
  std::uint64_t turn_ = 0;
  std::string last_key_ = "none", last_value_;
  std::atomic<bool> is_ending_{false};         // relaxed: only ends loops
  std::atomic<std::uint64_t> hit_count_{0};    // a count
  std::atomic<std::uint64_t> wrong_count_{0};  // a count
  std::thread thread_;
};

class Restart : public testing::TestWithParam<bool> {
 protected:
  [[nodiscard]] static AgentSettings settings(const std::vector<Memcached>& memcacheds) {
    AgentSettings settings = impatient(memcacheds);
    settings.has_tags = GetParam();
    return settings;
  }
};

INSTANTIATE_TEST_SUITE_P(Tags, Restart, testing::Bool(), tags_name);

TEST_P(Restart, AgentKilledAHundredTimesUnderLoadThenSameEpochNoFlushNoWrongValue) {
  std::vector<Memcached> memcacheds = start_memcacheds(3);
  Agent agent{settings(memcacheds)};
  agent.wait_ready();
  const std::uint64_t epoch = agent.epoch();
  const std::string digest = agent.ask("status").value("digest", "");
  TextClient first = agent.client();
  set_until_stored(first, "kept", "since before");
  const Load load{agent.port_address()};

  for (int i = 0; i < restart_count; ++i) {
    const std::uint64_t hits = load.hit_count();
    agent.kill();
    agent.start();
    ASSERT_TRUE(wait_until([&] { return load.hit_count() > hits + 5; }))
        << "no hit after restart " << i << agent.ask("status") << agent.log();
  }

  agent.wait_ready();
  EXPECT_EQ(agent.epoch(), epoch);
  EXPECT_EQ(agent.ask("status").value("digest", ""), digest);
  for (const Memcached& memcached : memcacheds) {
    EXPECT_EQ(memcached.flush_count(), 1U) << memcached.address();
  }
  EXPECT_EQ(load.wrong_count(), 0U);
  EXPECT_EQ(agent.client().get("kept"), "since before");
}

TEST(Ending, SigtermThenTheSegmentIsClosedAndShmdumpSaysSo) {
  std::vector<Memcached> memcacheds = start_memcacheds(1);
  Agent agent{impatient(memcacheds)};
  agent.wait_ready();
  EXPECT_EQ(run({program("shmdump"), agent.segment()}).exit_code, 0);

  EXPECT_EQ(agent.terminate(), 0) << agent.log();

  const RunOutcome dump = run({program("shmdump"), agent.segment()});
  EXPECT_EQ(dump.exit_code, 1) << dump.output;
  EXPECT_NE(dump.output.find("closed"), std::string::npos) << dump.output;
  shm_layout::MappedSegment segment;
  ASSERT_EQ(segment.open(agent.segment().c_str()), shm_layout::AttachVerdict::ok);
  EXPECT_EQ(segment.reader().control().deadline_boottime_ns.load(), 0);
  EXPECT_EQ(segment.reader().control().state.load(),
            static_cast<std::uint32_t>(shm_layout::SegmentState::closed));
}

TEST(Ending, SigtermAndStartedAgainThenTheSameViewContinues) {
  std::vector<Memcached> memcacheds = start_memcacheds(2);
  Agent agent{impatient(memcacheds)};
  agent.wait_ready();
  TextClient client = agent.client();
  set_until_stored(client, "k", "v");
  const std::uint64_t epoch = agent.epoch();

  EXPECT_EQ(agent.terminate(), 0);
  agent.start();
  agent.wait_ready();

  EXPECT_EQ(agent.epoch(), epoch);
  EXPECT_EQ(agent.client().get("k"), "v");
  EXPECT_EQ(memcacheds[0].flush_count(), 1U);
}

TEST(Regression, SigtermAndStartedAgainThenTheSegmentIsOpenAgain) {
  std::vector<Memcached> memcacheds = start_memcacheds(1);
  Agent agent{impatient(memcacheds)};
  agent.wait_ready();

  EXPECT_EQ(agent.terminate(), 0);
  agent.start();
  agent.wait_ready();

  EXPECT_TRUE(wait_until([&] {
    return run({program("shmdump"), agent.segment()}).exit_code == 0;
  })) << run({program("shmdump"), agent.segment()}).output;
  shim::SegmentHandle reader{agent.segment(), ""};
  EXPECT_EQ(reader.refresh(), shim::AttachStatus::attached);
}

TEST(Ending, AgentKilledThenShmdumpSaysStaleAfterTheLease) {
  std::vector<Memcached> memcacheds = start_memcacheds(1);
  AgentSettings settings = impatient(memcacheds);
  settings.table_lines = "[lease]\nlength = \"200ms\"\nmargin = \"10ms\"\n";
  Agent agent{settings};
  agent.wait_ready();

  agent.kill();

  EXPECT_TRUE(wait_until([&] {
    return run({program("shmdump"), agent.segment()}).exit_code == 1;
  }));
}

TEST(TwoAgents, SecondOnTheSameStateThenItRefusesAndNamesTheFirst) {
  std::vector<Memcached> memcacheds = start_memcacheds(1);
  Agent agent{impatient(memcacheds)};
  agent.wait_ready();

  const RunOutcome second = run({program("ringfenced"), "--config", agent.config_path()});

  EXPECT_GT(second.exit_code, 0);
  EXPECT_NE(second.output.find(std::to_string(agent.pid())), std::string::npos) << second.output;
  EXPECT_EQ(agent.client().set("k", "v"), "STORED");
}

TEST(TwoAgents, SecondOnTheSameSegmentWithItsOwnStateThenItRefuses) {
  std::vector<Memcached> memcacheds = start_memcacheds(1);
  Agent agent{impatient(memcacheds)};
  agent.wait_ready();
  const TempDir other;

  const RunOutcome second =
      run({program("ringfenced"), "--config", agent.config_path(), "--state-dir",
           other.file("state"), "--control", other.file("control.sock")});

  EXPECT_GT(second.exit_code, 0);
  EXPECT_NE(second.output.find(agent.segment()), std::string::npos) << second.output;
  EXPECT_EQ(agent.client().set("k", "v"), "STORED");
}

}  // namespace
}  // namespace ringfence::live
