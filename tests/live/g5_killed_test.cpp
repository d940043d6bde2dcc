// G5, fail-safe: an agent that is killed while it publishes, again and again, never shows a torn
// view, and what it published continues.
//
// How often: RINGFENCE_TEST_KILLS, by default kill_count_default; tools/test --full asks for 1,000.
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "shm_layout/clock.hpp"
#include "shm_layout/mapped_segment.hpp"
#include "tests/live/support/fleet.hpp"
#include "tests/live/support/segment_readers.hpp"

namespace ringfence::live {
namespace {

constexpr int kill_count_default = 100;  // some two minutes on two busy cores
constexpr std::size_t reader_count = 2;
// The shortest lease that the configuration allows: half of the kills wait for its end.
constexpr const char* shortest_lease = "[lease]\nlength = \"100ms\"\nmargin = \"10ms\"\n";
constexpr Milliseconds lease{100};
constexpr Milliseconds publish_wait{2000};  // for one flush_all to begin publishing

int kill_count_wanted() {
  const char* wanted = std::getenv("RINGFENCE_TEST_KILLS");
  return wanted == nullptr ? kill_count_default : std::atoi(wanted);
}

class Killer {
 public:
  Killer(Agent& agent, const shm_layout::SegmentReader& reader) : agent_(agent), reader_(reader) {}

  // Asks for a change of every slot and kills the agent the moment that it begins to publish it.
  // The word is odd only while it publishes; whether the kill landed inside, the next takeover
  // says.
  void kill_while_publishing() {
    TextClient client = agent_.client();
    const std::uint64_t before = sequence();
    client.send("flush_all\r\n");
    const auto end = std::chrono::steady_clock::now() + publish_wait;
    while (sequence() == before && std::chrono::steady_clock::now() < end) {
    }
    ++asked_count_;
    agent_.kill();
  }

  // Acquire: pairs with SegmentWriter::begin_publish.
  [[nodiscard]] std::uint64_t sequence() const {
    return reader_.control().publish_sequence.load(std::memory_order_acquire);
  }
  [[nodiscard]] bool is_odd() const { return (sequence() & 1U) != 0; }
  [[nodiscard]] std::uint64_t interrupted_count() const {
    return reader_.control().publish_interrupted_count.load(std::memory_order_acquire);
  }
  [[nodiscard]] std::uint64_t asked_count() const { return asked_count_; }

 private:
  Agent& agent_;
  const shm_layout::SegmentReader& reader_;
  std::uint64_t asked_count_ = 0;
};

// Until the deadline in the segment has passed on both clocks (the coarse one lags by a tick).
void pass_lease(const shm_layout::SegmentReader& reader) {
  constexpr Milliseconds coarse_tick{10};
  const std::int64_t deadline = reader.control().deadline_boottime_ns.load();
  EXPECT_LE(deadline - shm_layout::boottime_ns(), lease.count() * shm_layout::ns_per_ms)
      << "a lease longer than was configured";
  EXPECT_TRUE(wait_until([&] { return shm_layout::boottime_ns() > deadline; }));
  pass(coarse_tick);
}

TEST(G5_Killed, AgentKilledWhilePublishingThenReadersSeeNoTornViewAndMissAfterTheLease) {
  std::vector<Memcached> memcacheds = start_memcacheds(3);
  AgentSettings settings = impatient(memcacheds);
  settings.table_lines = shortest_lease;
  Agent agent{settings};
  agent.wait_ready();
  shm_layout::MappedSegment segment;
  ASSERT_EQ(segment.open(agent.segment().c_str()), shm_layout::AttachVerdict::ok);
  const std::string cluster_id = agent.ask("status").value("cluster_id", "");
  const std::uint64_t epoch_before = agent.epoch();
  const auto kill_count = static_cast<std::uint64_t>(kill_count_wanted());
  SegmentReaders readers(agent.segment(), addresses_of(memcacheds), reader_count);
  Killer killer(agent, segment.reader());
  std::uint64_t epoch = epoch_before;

  // A kill that came too late to land inside does not count; a limit keeps a machine on which they
  // never land from trying for ever.
  while (killer.interrupted_count() < kill_count && killer.asked_count() < kill_count * 10) {
    killer.kill_while_publishing();
    if (killer.asked_count() % 2 == 0) {
      pass_lease(segment.reader());
      readers.expect_no_route(true);
      pass(Milliseconds{5});
      readers.expect_no_route(false);
    }
    const std::uint64_t routed = readers.routed_count();
    agent.start();
    ASSERT_TRUE(wait_until([&] {
      return readers.routed_count() > routed + 100 && agent.epoch() > 0;
    })) << agent.ask("status")
        << agent.log();
    ASSERT_GE(agent.epoch(), epoch) << "the epoch fell";
    epoch = agent.epoch();
    ASSERT_EQ(readers.violation(), "") << "after " << killer.asked_count() << " kills";
  }

  EXPECT_GE(killer.interrupted_count(), kill_count) << "of " << killer.asked_count() << " kills";
  EXPECT_TRUE(segment.is_at(agent.segment().c_str())) << "the segment was replaced";
  EXPECT_EQ(agent.ask("status").value("cluster_id", ""), cluster_id);
  // Each kill: the flush_all; and where it struck between the real flush and the claim's return, a
  // loss of the instances without a claim and their admission. Nothing else.
  EXPECT_LE(agent.epoch() - epoch_before, killer.asked_count() * 3) << "changes nobody asked for";
  EXPECT_GT(readers.refused_count(), 0U);
  agent.wait_ready();
  TextClient client = agent.client();
  set_until_stored(client, "k", "v");
  EXPECT_EQ(client.get("k"), "v");
  RecordProperty("kills_inside_publishing", static_cast<int>(killer.interrupted_count()));
  RecordProperty("kills", static_cast<int>(killer.asked_count()));
}

}  // namespace
}  // namespace ringfence::live
