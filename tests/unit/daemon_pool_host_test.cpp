// What a pool's host writes into its segment, as readers find it. The port listens, nobody calls.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "agent/daemon/pool_host.hpp"
#include "tests/unit/segment_support.hpp"

namespace ringfence::agent::daemon {
namespace {

using core::operator""_ms;
using shm_layout::AddressFamily;
using shm_layout::SlotState;
using shm_layout::SlotWord;

class NoEvents final : public port::PortEvents {
  void on_flush_all(core::RequestId, const std::string&) override {}
  void on_backend_trouble(const std::string&, const std::string&) override {}
};

constexpr core::Instant far_deadline{std::int64_t{1} << 60};

// A host of pool "p"; start() again is the agent's next life.
class PoolHostTest : public testing::Test {
 protected:
  PoolHostTest() {
    pool_.name = view_pool_.name = "p";
    pool_.listen = {directory_.file("port.sock")};
    config_.segment_dir = directory_.path();
    config_.pools = {pool_};
    view_pool_.slots = core::SlotTable(shm_layout::slot_count, SlotWord(SlotState::served, 0, 1));
    view_pool_.backends.push_back({0, "cache:11211", 1, core::BackendStatus::serving, 7});
    start();
  }

  void start() {
    host_.reset();
    auto opened = PoolHost::open(config_, pool_, cluster_id_, events_);
    ASSERT_TRUE(opened) << opened.error().message;
    host_ = std::move(opened).value();
  }

  // A name that was resolved to 10.0.0.`last`; 0: not yet.
  static PoolHost::Resolve resolved_to(std::uint8_t last) {
    return [last](const std::string&) {
      backends::SegmentAddress address;
      if (last == 0) return address;
      address.family = AddressFamily::inet4;
      address.port = 11211;
      address.ip[0] = 10;
      address.ip[3] = last;
      return address;
    };
  }

  void publish(std::uint8_t last, const std::vector<std::uint32_t>& still_fenced = {}) {
    auto view = std::make_shared<core::View>();
    view->epoch = core::Epoch{1};
    core::PublishView order;
    order.view = view;
    host_->publish(view_pool_, order, still_fenced, resolved_to(last));
  }
  void set_slot(std::size_t slot, SlotWord word) {
    const std::size_t block = slot / core::SlotTable::block_slots;
    core::SlotTable::Words words = view_pool_.slots.block(block);
    words[slot % core::SlotTable::block_slots] = word;
    view_pool_.slots.set_block(block, words);
  }
  [[nodiscard]] SlotWord stored(std::uint32_t slot) const { return host_->writer().slot(slot); }

  [[nodiscard]] std::int64_t deadline_ns() const {
    return host_->writer().segment().control.deadline_boottime_ns.load();
  }
  [[nodiscard]] shm_layout::BackendInfo record() const {
    return host_->writer().reader().backend(0).value();
  }

  shm_layout::testing::TempDirectory directory_;
  config::Config config_;
  config::PoolConfig pool_;
  core::ClusterId cluster_id_{};
  core::Pool view_pool_;
  NoEvents events_;
  std::unique_ptr<PoolHost> host_;
};

TEST_F(PoolHostTest, DeadlineBeforeTheFirstPublicationThenNoLease) {
  publish(1);
  start();

  host_->set_deadline(far_deadline);
  EXPECT_EQ(deadline_ns(), 0);

  publish(1);
  host_->set_deadline(far_deadline);
  EXPECT_EQ(deadline_ns(), far_deadline.ns);
}

TEST_F(PoolHostTest, EndOfTheLeaseBeforeTheFirstPublicationThenItEnds) {
  publish(1);
  host_->set_deadline(far_deadline);
  start();

  host_->set_deadline(core::Instant{});

  EXPECT_EQ(deadline_ns(), 0);
}

TEST_F(PoolHostTest, OptionsThatThePreloadFollowsThenInTheSegmentAndAfterAReloadAnew) {
  const shm_layout::SegmentReader& segment = host_->writer().reader();
  EXPECT_EQ(segment.answers(), shm_layout::AnswerWord());
  EXPECT_EQ(segment.control().connection_budget.load(), 512U);

  pool_.tells_get_failure = true;
  pool_.request_timeout = 60'000_ms;
  pool_.change_wait = {};
  pool_.preload_connections = 9;
  ASSERT_TRUE(host_->apply(config_, pool_));

  EXPECT_EQ(segment.answers(), shm_layout::AnswerWord(true, false, 60'000, 0));
  EXPECT_EQ(segment.control().connection_budget.load(), 9U);
}

TEST_F(PoolHostTest, FencedThenPublishedUnchangedThenTheFenceIsGone) {
  publish(1);
  host_->fence({5, 700});
  ASSERT_TRUE(stored(5).is_fenced());
  publish(1);
  EXPECT_EQ(stored(5), view_pool_.slots[5]);
  EXPECT_EQ(stored(700), view_pool_.slots[700]);
}

TEST_F(PoolHostTest, StillFencedThenTheFenceStaysUntilAPublicationWithoutIt) {
  publish(1);
  publish(1, {5});
  EXPECT_EQ(stored(5), view_pool_.slots[5].fenced());
  publish(1);
  EXPECT_EQ(stored(5), view_pool_.slots[5]);
}

TEST_F(PoolHostTest, OneSlotChangesThenItIsStoredAndTheOthersStay) {
  publish(1);
  set_slot(70, SlotWord(SlotState::served, 0, 9));
  publish(1);
  for (std::uint32_t slot = 0; slot < shm_layout::slot_count; ++slot) {
    ASSERT_EQ(stored(slot), view_pool_.slots[slot]) << slot;
  }
}

TEST_F(PoolHostTest, AllFencedThenPublishedThenNoFenceIsLeft) {
  publish(1);
  host_->fence_all();
  publish(1);
  for (std::uint32_t slot = 0; slot < shm_layout::slot_count; ++slot) {
    ASSERT_FALSE(stored(slot).is_fenced()) << slot;
  }
}

TEST_F(PoolHostTest, TakenOverByAnotherLifeThenEverySlotIsLookedAt) {
  publish(1);
  host_->fence({70});
  start();
  publish(1);
  EXPECT_EQ(stored(70), view_pool_.slots[70]);
}

TEST_F(PoolHostTest, FenceAllThenEveryServedSlotIsFencedAndNoOther) {
  set_slot(3, SlotWord{});
  publish(1);
  start();

  host_->fence_all();

  EXPECT_TRUE(host_->writer().slot(0).is_fenced());
  EXPECT_TRUE(host_->writer().slot(shm_layout::slot_count - 1).is_fenced());
  EXPECT_FALSE(host_->writer().slot(3).is_fenced());
}

TEST_F(PoolHostTest, ClosedAndPublishedInTheNextLifeThenOpen) {
  publish(1);
  host_->close_segment();
  start();

  publish(1);

  EXPECT_EQ(host_->writer().segment().control.state.load(),
            static_cast<std::uint32_t>(shm_layout::SegmentState::open));
}

TEST_F(PoolHostTest, NameNotResolvedYetInTheNextLifeThenTheRecordKeepsItsAddress) {
  publish(1);
  start();

  publish(0);

  EXPECT_EQ(record().family, AddressFamily::inet4);
  EXPECT_EQ(record().ip[3], 1);
}

TEST_F(PoolHostTest, NameResolvesElsewhereThenTheRecordKeepsItsAddress) {
  publish(1);

  host_->refresh_address("cache:11211", resolved_to(2));
  publish(2);

  EXPECT_EQ(record().ip[3], 1);
}

TEST_F(PoolHostTest, NameResolvesElsewhereAndIsAdmittedAnewThenTheRecordFollows) {
  publish(1);
  ++view_pool_.backends[0].incarnation;

  publish(2);

  EXPECT_EQ(record().ip[3], 2);
}

TEST_F(PoolHostTest, NameResolvedAfterThePublicationThenTheRecordGetsItsAddress) {
  publish(0);
  EXPECT_FALSE(host_->writer().reader().backend(0)) << "readers take no record without address";

  host_->refresh_address("cache:11211", resolved_to(1));

  EXPECT_EQ(record().family, AddressFamily::inet4);
  EXPECT_EQ(record().ip[3], 1);
}

}  // namespace
}  // namespace ringfence::agent::daemon
