// What shmdump concludes from a segment's bytes, and how it prints it.
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "shm_layout/clock.hpp"
#include "tests/unit/segment_support.hpp"
#include "tools/shmdump/print.hpp"
#include "tools/shmdump/printable.hpp"
#include "tools/shmdump/source.hpp"

namespace ringfence::shmdump {
namespace {

using shm_layout::BackendInfo;
using shm_layout::Control;
using shm_layout::ns_per_second;
using shm_layout::Segment;
using shm_layout::SegmentState;
using shm_layout::SegmentWriter;
using shm_layout::slot_count;
using shm_layout::SlotState;
using shm_layout::SlotWord;
using shm_layout::testing::TempDirectory;
using shm_layout::testing::test_identity;

BackendInfo backend_at(const char* address) {
  BackendInfo info{};
  info.family = shm_layout::AddressFamily::inet4;
  info.weight = 1;
  info.serving = 1;
  info.incarnation = 7;
  std::strncpy(info.text, address, sizeof(info.text) - 1);
  return info;
}

class ShmdumpSnapshotTest : public ::testing::Test {
 protected:
  // Two backends that share the slots, generation 3, a lease of 10 s.
  ShmdumpSnapshotTest() {
    auto opened = SegmentWriter::open(path_, test_identity());
    EXPECT_TRUE(opened.is_ok());
    writer_ = std::move(opened).value();
    writer_->store_backend(0, backend_at("10.0.0.5:11211"));
    writer_->store_backend(1, backend_at("10.0.0.6:11211"));
    writer_->store_pool(shm_layout::PoolWord(true, '{', '}', 'A', 'b'));
    writer_->begin_publish();
    for (std::uint32_t slot = 0; slot < slot_count; ++slot) {
      writer_->store_slot(slot, SlotWord(SlotState::served, slot % 2, 3));
    }
    writer_->end_publish(12, 0xabc);
    writer_->store_deadline(shm_layout::boottime_ns() + 10 * ns_per_second);
    writer_->beat();
  }
  Snapshot look(const std::vector<std::string>& keys = {}) { return look_at(moment_now(), keys); }
  Snapshot look_at(const Moment& now, const std::vector<std::string>& keys = {}) {
    const auto copy = SegmentCopy::read(path_);
    EXPECT_TRUE(copy.is_ok());
    return take_snapshot(copy.value().bytes(), now, keys);
  }

  TempDirectory directory_;
  std::string path_ = directory_.file("fleet-one.default");
  std::unique_ptr<SegmentWriter> writer_;
};

TEST_F(ShmdumpSnapshotTest, LeaseHoldsThenFreshWithoutDoubt) {
  const Snapshot snapshot = look();
  EXPECT_EQ(snapshot.freshness, Freshness::fresh);
  EXPECT_EQ(snapshot.reason, "");
  EXPECT_TRUE(snapshot.doubts.empty()) << snapshot.doubts.front();
  EXPECT_EQ(snapshot.epoch, 12U);
  EXPECT_EQ(snapshot.served_count, slot_count);
  ASSERT_EQ(snapshot.backends.size(), 2U);
  EXPECT_EQ(snapshot.backends[1].slot_count, slot_count / 2);
  EXPECT_EQ(snapshot.hash_tag, "{}");
  EXPECT_EQ(snapshot.salt, "Ab");
  EXPECT_EQ(snapshot.publish_count, 1U);
}

TEST_F(ShmdumpSnapshotTest, LeaseEndedThenStale) {
  Moment later = moment_now();
  later.boottime_ns += 20 * ns_per_second;
  const Snapshot snapshot = look_at(later);
  EXPECT_EQ(snapshot.freshness, Freshness::stale);
  EXPECT_EQ(snapshot.reason, "the lease has ended");
  EXPECT_LT(*snapshot.lease_left_ns, -9 * ns_per_second);
  ASSERT_FALSE(snapshot.doubts.empty());  // the agent has not turned for long
}

TEST_F(ShmdumpSnapshotTest, NoLeaseThenStale) {
  writer_->store_deadline(0);
  EXPECT_EQ(look().freshness, Freshness::stale);
  EXPECT_EQ(look().reason, "no lease was granted");
}

TEST_F(ShmdumpSnapshotTest, ClosedOrReplacedThenStaleWithTheWord) {
  writer_->store_state(SegmentState::closed);
  EXPECT_EQ(look().freshness, Freshness::stale);
  EXPECT_NE(look().reason.find("closed"), std::string::npos);
  writer_->store_state(SegmentState::replaced);
  EXPECT_EQ(look().freshness, Freshness::stale);
  EXPECT_NE(look().reason.find("replaced"), std::string::npos);
}

TEST_F(ShmdumpSnapshotTest, OtherBootThenStaleWithoutAges) {
  Moment now = moment_now();
  now.boot_id->fill(0);
  const Snapshot snapshot = look_at(now);
  EXPECT_EQ(snapshot.freshness, Freshness::stale);
  EXPECT_NE(snapshot.reason.find("earlier boot"), std::string::npos);
  EXPECT_FALSE(snapshot.lease_left_ns.has_value());
  EXPECT_FALSE(snapshot.heartbeat_age_ns.has_value());
}

TEST_F(ShmdumpSnapshotTest, FencedAndUnownedSlotsThenCounted) {
  writer_->store_slot(0, SlotWord(SlotState::unowned, 0, 9));
  writer_->fence_slot(1);
  const Snapshot snapshot = look();
  EXPECT_EQ(snapshot.unowned_count, 1U);
  EXPECT_EQ(snapshot.fenced_count, 1U);
  EXPECT_EQ(snapshot.backends[1].fenced_count, 1U);
  EXPECT_EQ(snapshot.generation_lowest, 3U);
  EXPECT_EQ(snapshot.generation_highest, 9U);
}

TEST_F(ShmdumpSnapshotTest, AgentOfALayoutWithoutThemThenAnswersAndBudgetByDefault) {
  const Snapshot snapshot = look();
  EXPECT_EQ(snapshot.answers, shm_layout::AnswerWord(false, false, 1000, 1000));
  EXPECT_EQ(snapshot.connection_budget, 512U);
}

TEST_F(ShmdumpSnapshotTest, KeysThenSlotBackendAndGeneration) {
  writer_->fence_slot(0xab6e);  // of "foo"
  const Snapshot snapshot = look({"foo", "{foo}bar", "key"});
  ASSERT_EQ(snapshot.keys.size(), 3U);
  EXPECT_EQ(snapshot.keys[0].slot, 0xab6eU);
  EXPECT_EQ(snapshot.keys[0].state, "fenced");
  EXPECT_EQ(snapshot.keys[0].address, "10.0.0.5:11211");
  EXPECT_EQ(snapshot.keys[1].slot, 0xab6eU);
  EXPECT_EQ(snapshot.keys[2].state, "served");
  EXPECT_EQ(snapshot.keys[2].generation, 3U);
}

TEST_F(ShmdumpSnapshotTest, SlotThatCannotBeThenDamagedAndStillShown) {
  writer_->store_slot(5, SlotWord(SlotState::served, 5000, 1));
  const Snapshot snapshot = look();
  EXPECT_EQ(snapshot.freshness, Freshness::damaged);
  EXPECT_EQ(snapshot.broken_count, 1U);
  EXPECT_NE(text_of(snapshot, false).find("10.0.0.5:11211"), std::string::npos);
}

TEST_F(ShmdumpSnapshotTest, SlotOfABackendWithoutRecordThenDoubt) {
  writer_->store_slot(5, SlotWord(SlotState::served, 9, 1));
  const Snapshot snapshot = look();
  EXPECT_EQ(snapshot.freshness, Freshness::fresh);
  ASSERT_EQ(snapshot.doubts.size(), 1U);
  EXPECT_NE(snapshot.doubts[0].find("1 slots name a backend"), std::string::npos);
}

TEST_F(ShmdumpSnapshotTest, PublicationUnderWayThenDoubt) {
  writer_->begin_publish();
  const Snapshot snapshot = look();
  EXPECT_TRUE(snapshot.is_publishing);
  ASSERT_FALSE(snapshot.doubts.empty());
  EXPECT_NE(snapshot.doubts[0].find("publication"), std::string::npos);
}

TEST_F(ShmdumpSnapshotTest, ImpossibleTimesThenDoubtsAndNoOverflow) {
  Moment now = moment_now();
  for (const std::int64_t boottime_ns :
       {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    now.boottime_ns = boottime_ns;
    now.unix_ns = boottime_ns;
    const Snapshot snapshot = look_at(now);
    EXPECT_FALSE(snapshot.doubts.empty());
    EXPECT_FALSE(text_of(snapshot, true).empty());
    EXPECT_FALSE(json_of(snapshot, -1).empty());
  }
}

TEST_F(ShmdumpSnapshotTest, AddressWithControlCharactersThenPrintedHarmless) {
  writer_->store_backend(0, backend_at("\x1b[31mred\n\xff"));
  const Snapshot snapshot = look();
  EXPECT_EQ(snapshot.backends[0].address, "\\x1b[31mred\\x0a\\xff");
}

TEST_F(ShmdumpSnapshotTest, ShownAsTextThenAgesNotStamps) {
  writer_->store_answers({true, false, 250, 2000});
  writer_->store_connection_budget(9);
  const std::string text = text_of(look({"foo"}), false);
  for (const char* part : {"fresh", " s left; heartbeat ", "epoch 12, digest 0000000000000abc",
                           "tags on, salt Ab", "32768   50.00", "foo",
                           "get failure error, store failure not_stored, request timeout 250 ms, "
                           "change wait 2.0 s",
                           "9 connections to one backend"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text_of(look(), true).find('\x1b'), std::string::npos);
}

TEST_F(ShmdumpSnapshotTest, ShownAsJsonThenTheSameFacts) {
  writer_->store_answers({true, false, 250, 2000});
  writer_->store_connection_budget(9);
  const auto json = nlohmann::json::parse(json_of(look({"foo"}), -1));
  EXPECT_EQ(json["is"], "fresh");
  EXPECT_EQ(json["epoch"], 12);
  EXPECT_EQ(json["digest"], "0000000000000abc");
  EXPECT_EQ(json["backends"].size(), 2U);
  EXPECT_EQ(json["backends"][0]["slots"], slot_count / 2);
  EXPECT_EQ(json["keys"][0]["slot"], 0xab6e);
  EXPECT_EQ(json["options"]["tags"], true);
  EXPECT_EQ(json["answers"]["get_failure"], "error");
  EXPECT_EQ(json["answers"]["store_failure"], "not_stored");
  EXPECT_EQ(json["answers"]["request_timeout_ms"], 250);
  EXPECT_EQ(json["answers"]["change_wait_ms"], 2000);
  EXPECT_EQ(json["preload"]["connections"], 9);
  EXPECT_GT(json["lease_left_ms"], 5000);
}

TEST_F(ShmdumpSnapshotTest, OneLineThenNoNewline) {
  const std::string line = line_of(look());
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_NE(line.find("epoch 12"), std::string::npos);
}

TEST(ShmdumpPrintable, DurationsThenTheUnitThatSuits) {
  EXPECT_EQ(duration_text(12 * shm_layout::ns_per_ms), "12 ms");
  EXPECT_EQ(duration_text(1800 * shm_layout::ns_per_ms), "1.8 s");
  EXPECT_EQ(duration_text(180 * ns_per_second), "3 min");
  EXPECT_EQ(duration_text(5 * 3600 * ns_per_second), "5 h");
  EXPECT_EQ(duration_text(72 * 3600 * ns_per_second), "3 days");
}

}  // namespace
}  // namespace ringfence::shmdump
