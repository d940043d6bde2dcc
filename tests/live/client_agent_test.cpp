// The linked client and its agent's fate: absent, hung, killed, ended, begun anew; and segments of
// other versions. A program that was built against the library runs, and each call says clearly
// why.
#include <gtest/gtest.h>

#include <csignal>
#include <cstddef>
#include <fstream>
#include <nlohmann/json.hpp>

#include "shm_layout/layout.hpp"
#include "tests/live/support/client_support.hpp"
#include "tests/live/support/fleet.hpp"
#include "tests/live/support/port_host.hpp"

namespace ringfence::live {
namespace {

using namespace std::chrono_literals;

// Short enough to be waited for, long enough to ask something while it holds.
constexpr const char* short_lease = "[lease]\nlength = \"1s\"\nmargin = \"20ms\"\n";

// ---- the C program and the layout's versions

RunOutcome run_program(const std::string& segment) {
  return run({program("client_program"), segment, "k"});
}

class ClientLayout : public testing::Test {
 protected:
  // Writes into the live segment's identity, as an agent of another version would have.
  void write_version(std::uint32_t major, std::uint32_t minor, std::uint32_t oldest_reader) {
    std::fstream file(host_.segment(), std::ios::in | std::ios::out | std::ios::binary);
    const std::uint32_t words[3] = {major, minor, oldest_reader};
    static_assert(offsetof(shm_layout::Identity, oldest_reader) ==
                  offsetof(shm_layout::Identity, major) + 8);
    file.seekp(offsetof(shm_layout::Identity, major));
    file.write(reinterpret_cast<const char*>(words), sizeof words);
  }
  PortHost host_;
};

constexpr const char* it_worked = "open: ok\nset: ok\nget: ok value\n";

TEST_F(ClientLayout, OwnVersionThenTheProgramWorks) {
  const RunOutcome outcome = run_program(host_.segment());
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.output, it_worked);
}

TEST_F(ClientLayout, LaterMinorThenItWorks) {
  write_version(shm_layout::layout_major, shm_layout::layout_minor + 7,
                shm_layout::layout_oldest_reader);
  EXPECT_EQ(run_program(host_.segment()).output, it_worked);
}

TEST_F(ClientLayout, LaterMajorThatStillAcceptsItThenItWorks) {
  write_version(shm_layout::layout_major + 1, 0, shm_layout::layout_major);
  EXPECT_EQ(run_program(host_.segment()).output, it_worked);
}

TEST_F(ClientLayout, LaterMajorThatDoesNotThenOtherVersion) {
  write_version(shm_layout::layout_major + 1, 0, shm_layout::layout_major + 1);
  const RunOutcome outcome = run_program(host_.segment());
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.output,
            "open: " + std::string(ringfence_describe(RINGFENCE_OTHER_VERSION)) + "\n");
}

TEST_F(ClientLayout, EarlierMajorThenOtherVersion) {
  write_version(shm_layout::layout_major - 1, 0, shm_layout::layout_major - 1);
  EXPECT_EQ(run_program(host_.segment()).exit_code, 2);
}

TEST_F(ClientLayout, FileThatIsNoSegmentThenDamaged) {
  const TempDir dir;
  write_file(dir.file("segment"), std::string(1000, 'x'));
  const RunOutcome outcome = run_program(dir.file("segment"));
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.output, "open: " + std::string(ringfence_describe(RINGFENCE_DAMAGED)) + "\n");
}

TEST_F(ClientLayout, NoSegmentThenTheProgramRunsAndSaysNoView) {
  const RunOutcome outcome = run_program(host_.segment() + ".none");
  const std::string no_view = ringfence_describe(RINGFENCE_NO_VIEW);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.output, "open: " + no_view + "\nset: " + no_view + "\nget: " + no_view + " \n");
}

TEST_F(ClientLayout, ProgramThatKnowsFewerOptionsThenTheRestAreDefaults) {
  const std::string path = host_.segment();
  ringfence_options options;
  ringfence_options_init(&options);
  EXPECT_EQ(options.struct_bytes, sizeof options);
  options.struct_bytes = offsetof(ringfence_options, connect_timeout_ms);
  options.segment_path = path.c_str();
  options.connections_per_backend = 0xffffffff;  // what an earlier program has behind its struct
  options.idle_ms = 1;
  ringfence_client_t* client = nullptr;
  EXPECT_EQ(ringfence_client_open(&options, &client), RINGFENCE_OK);
  EXPECT_EQ(ringfence_set(client, "k", 1, "v", 1, 0, 0, RINGFENCE_DEFAULT_TIMEOUT), RINGFENCE_OK);
  ringfence_client_close(client);
}

// ---- a real agent

class ClientAgent : public testing::Test {
 protected:
  [[nodiscard]] static AgentSettings settings(const std::vector<Memcached>& memcacheds) {
    AgentSettings settings = impatient(memcacheds);
    settings.table_lines = short_lease;
    return settings;
  }
  // Until a call is refused so, within the lease and then some.
  void wait_refused(ringfence_status expected) {
    ringfence_status status = RINGFENCE_OK;
    EXPECT_TRUE(wait_until([&] { return (status = client_.get("k").status) == expected; }))
        << ringfence_describe(status);
  }
  // Refused means at once: nothing is waited for.
  void expect_refused_at_once(ringfence_status expected) {
    const Stopwatch watch;
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(client_.get("k").status, expected);
      EXPECT_EQ(client_.set("k", "2"), expected);
    }
    EXPECT_LT(watch.elapsed(), slack);
  }

  std::vector<Memcached> memcacheds_ = start_memcacheds(2);
  Agent agent_{settings(memcacheds_)};
  Client client_;
};

TEST_F(ClientAgent, AbsentAndStartedLaterThenTheSameClientServes) {
  agent_.kill();
  std::filesystem::remove(agent_.segment());
  Options options;
  const std::string segment = agent_.segment();
  options.segment_path = segment.c_str();
  EXPECT_EQ(client_.open(options), RINGFENCE_NO_VIEW);
  EXPECT_TRUE(client_);
  expect_refused_at_once(RINGFENCE_NO_VIEW);

  agent_.start();
  agent_.wait_ready();
  until_ok([&] { return client_.set("k", "1"); });
  EXPECT_EQ(client_.get("k").view(), "1");
}

TEST_F(ClientAgent, HungThenServedUntilItsLeaseEndsAndAgainWhenItGoesOn) {
  agent_.wait_ready();
  client_ = client_of(agent_.segment());
  ASSERT_EQ(client_.set("k", "1"), RINGFENCE_OK);

  agent_.child().signal(SIGSTOP);
  EXPECT_EQ(client_.get("k").view(), "1");
  wait_refused(RINGFENCE_LEASE_LAPSED);
  expect_refused_at_once(RINGFENCE_LEASE_LAPSED);

  agent_.child().signal(SIGCONT);
  until_ok([&] { return client_.get("k").status; });
  EXPECT_EQ(client_.get("k").view(), "1");
}

TEST_F(ClientAgent, KilledAndStartedAgainThenTheSameValuesAreThere) {
  agent_.wait_ready();
  client_ = client_of(agent_.segment());
  ASSERT_EQ(client_.set("k", "1"), RINGFENCE_OK);
  for (int turn = 0; turn < 2; ++turn) {
    agent_.kill();
    EXPECT_EQ(client_.get("k").view(), "1");  // the lease holds
    wait_refused(RINGFENCE_LEASE_LAPSED);
    agent_.start();
    until_ok([&] { return client_.get("k").status; });
    EXPECT_EQ(client_.get("k").view(), "1");
  }
}

TEST_F(ClientAgent, EndedInGoodOrderThenNoViewAtOnceAndServedAfterItsStart) {
  agent_.wait_ready();
  client_ = client_of(agent_.segment());
  ASSERT_EQ(client_.set("k", "1"), RINGFENCE_OK);
  EXPECT_EQ(agent_.terminate(), 0);
  wait_refused(RINGFENCE_NO_VIEW);
  expect_refused_at_once(RINGFENCE_NO_VIEW);
  agent_.start();
  until_ok([&] { return client_.get("k").status; });
  EXPECT_EQ(client_.get("k").view(), "1");
}

TEST_F(ClientAgent, StateLostAndAnotherFleetBegunThenTheClientFollowsToItsSegment) {
  agent_.wait_ready();
  client_ = client_of(agent_.segment());
  ASSERT_EQ(client_.set("k", "1"), RINGFENCE_OK);
  agent_.kill();
  std::filesystem::remove_all(agent_.state_dir());
  for (Memcached& memcached : memcacheds_) {
    memcached.kill();  // with the former fleet's claims
    memcached.restart();
  }
  agent_.start();
  agent_.wait_ready();
  until_ok([&] { return client_.set("k", "2"); });
  EXPECT_EQ(client_.get("k").view(), "2");
  EXPECT_EQ(agent_.client().get("k"), "2");  // one view for both
}

TEST_F(ClientAgent, PortAndClientThenEachReadsWhatTheOtherWrote) {
  agent_.wait_ready();
  client_ = client_of(agent_.segment());
  TextClient port = agent_.client();
  for (int i = 0; i < 50; ++i) {
    const std::string key = "key-" + std::to_string(i);
    ASSERT_EQ(client_.set(key, "linked", forever, 7), RINGFENCE_OK);
    ASSERT_EQ(port.get(key), "linked");
    ASSERT_EQ(port.set(key, "port", 9), "STORED");
    const Read got = client_.get(key);
    ASSERT_EQ(got.view(), "port");
    ASSERT_EQ(got.flags(), 9U);
  }
}

}  // namespace
}  // namespace ringfence::live
