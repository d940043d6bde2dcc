// The writer half against the reader half, on real files.
#include "shm_layout/segment_writer.hpp"

#include <gtest/gtest.h>

#include "shm_layout/clock.hpp"
#include "tests/unit/segment_support.hpp"

namespace ringfence::shm_layout {
namespace {

using testing::is_whole;
using testing::TempDirectory;
using testing::test_identity;
using testing::whole_backend;

class SegmentWriterTest : public ::testing::Test {
 protected:
  SegmentWriterTest() {
    auto opened = SegmentWriter::open(directory_.file("fleet-one.default"), test_identity());
    if (opened) {
      writer_ = std::move(opened).value();
    }
  }
  void SetUp() override { ASSERT_NE(writer_, nullptr); }

  TempDirectory directory_;
  std::unique_ptr<SegmentWriter> writer_;
};

TEST_F(SegmentWriterTest, NewSegmentThenIdentityAndNothingRoutable) {
  const SegmentReader& reader = writer_->reader();
  EXPECT_STREQ(reader.identity().cluster, "fleet");
  EXPECT_STREQ(reader.identity().instance, "one");
  EXPECT_STREQ(reader.identity().pool, "default");
  EXPECT_EQ(reader.control().deadline_coarse_ns.load(), 0);
  EXPECT_EQ(reader.control().state.load(), static_cast<std::uint32_t>(SegmentState::open));
  EXPECT_FALSE(reader.slot(0).is_routable());
  EXPECT_FALSE(reader.backend(0).has_value());
  EXPECT_FALSE(reader.intercept(0).has_value());
}

TEST_F(SegmentWriterTest, SlotStoredThenReaderLoadsIt) {
  const SlotWord word(SlotState::served, 3, 9);
  writer_->store_slot(65535, word);
  EXPECT_EQ(writer_->reader().slot(65535), word);
  EXPECT_EQ(writer_->slot(65535), word);
}

TEST_F(SegmentWriterTest, SlotFencedThenOnlyTheFenceIsNew) {
  const SlotWord word(SlotState::served, 3, 9);
  writer_->store_slot(5, word);
  writer_->fence_slot(5);
  EXPECT_EQ(writer_->reader().slot(5), word.fenced());
}

TEST_F(SegmentWriterTest, BackendStoredThenReaderCopiesItWhole) {
  writer_->store_backend(1023, whole_backend(77));
  const auto copy = writer_->reader().backend(1023);
  ASSERT_TRUE(copy.has_value());
  EXPECT_EQ(copy->incarnation, 77U);
  EXPECT_TRUE(is_whole(*copy));
}

TEST_F(SegmentWriterTest, SameBackendStoredAgainThenSequenceStays) {
  writer_->store_backend(0, whole_backend(1));
  const std::uint64_t sequence = writer_->reader().backend_sequence(0);
  writer_->store_backend(0, whole_backend(1));
  EXPECT_EQ(writer_->reader().backend_sequence(0), sequence);
  writer_->store_backend(0, whole_backend(2));
  EXPECT_NE(writer_->reader().backend_sequence(0), sequence);
}

TEST_F(SegmentWriterTest, BackendWithoutFamilyOrNulThenNothing) {
  writer_->store_backend(0, BackendInfo{});
  EXPECT_FALSE(writer_->reader().backend(0).has_value());
  BackendInfo endless = whole_backend(1);
  endless.text[address_bytes - 1] = 'x';
  writer_->store_backend(0, endless);
  EXPECT_FALSE(writer_->reader().backend(0).has_value());
}

TEST_F(SegmentWriterTest, IndexOutOfBoundsThenNothing) {
  EXPECT_FALSE(writer_->reader().backend(backend_count_max).has_value());
  EXPECT_FALSE(writer_->reader().backend(UINT32_MAX).has_value());
  EXPECT_FALSE(writer_->reader().intercept(intercept_count_max).has_value());
  EXPECT_EQ(writer_->reader().backend_sequence(backend_count_max), 0U);
}

TEST_F(SegmentWriterTest, InterceptStoredThenReaderCopiesIt) {
  InterceptInfo info{};
  info.family = AddressFamily::unix_path;
  std::strcpy(info.text, "/run/ringfence/default.sock");
  writer_->store_intercept(2, info);
  const auto copy = writer_->reader().intercept(2);
  ASSERT_TRUE(copy.has_value());
  EXPECT_STREQ(copy->text, "/run/ringfence/default.sock");
}

TEST_F(SegmentWriterTest, PublishedThenSequenceIsOddOnlyBetween) {
  const Control& control = writer_->reader().control();
  writer_->begin_publish();
  EXPECT_EQ(control.publish_sequence.load() % 2, 1U);
  writer_->end_publish(12, 0xd16e57);
  EXPECT_EQ(control.publish_sequence.load(), 2U);
  EXPECT_EQ(control.epoch.load(), 12U);
  EXPECT_EQ(control.digest.load(), 0xd16e57U);
}

TEST_F(SegmentWriterTest, DeadlineStoredThenCoarseOneEndsNoLater) {
  const std::int64_t left_ns = 2 * ns_per_second;
  writer_->store_deadline(boottime_ns() + left_ns);
  const Control& control = writer_->reader().control();
  const std::int64_t coarse_left_ns =
      control.deadline_coarse_ns.load() - read_clock_ns(CLOCK_MONOTONIC);
  EXPECT_LT(coarse_left_ns, left_ns);
  EXPECT_GT(coarse_left_ns, left_ns - ns_per_second);  // a tick and a slow machine, no more
  writer_->store_deadline(0);
  EXPECT_EQ(control.deadline_coarse_ns.load(), 0);
  EXPECT_EQ(control.deadline_boottime_ns.load(), 0);
}

TEST_F(SegmentWriterTest, ClosedThenLeaseHasEnded) {
  writer_->store_deadline(boottime_ns() + ns_per_second);
  writer_->store_state(SegmentState::closed);
  const Control& control = writer_->reader().control();
  EXPECT_EQ(control.deadline_coarse_ns.load(), 0);
  EXPECT_EQ(control.deadline_boottime_ns.load(), 0);
  EXPECT_EQ(control.state.load(), static_cast<std::uint32_t>(SegmentState::closed));
}

TEST_F(SegmentWriterTest, AgentPoolAndHeartbeatStoredThenReaderLoadsThem) {
  writer_->store_agent(5, 6, 7);
  const PoolWord pool(true, '{', '}', 'x', 'y');
  writer_->store_pool(pool);
  writer_->beat();
  const Control& control = writer_->reader().control();
  EXPECT_EQ(control.agent_incarnation.load(), 5U);
  EXPECT_EQ(control.term.load(), 6U);
  EXPECT_EQ(control.agent_pid.load(), 7U);
  EXPECT_EQ(writer_->reader().pool(), pool);
  EXPECT_LE(control.heartbeat_boottime_ns.load(), boottime_ns());
  EXPECT_GT(control.heartbeat_boottime_ns.load(), 0);
}

using SegmentWriterDeathTest = SegmentWriterTest;

TEST_F(SegmentWriterDeathTest, IndexOutOfBoundsThenTheAgentStops) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(writer_->store_backend(backend_count_max, BackendInfo{}), "");
}

}  // namespace
}  // namespace ringfence::shm_layout
