// route() and validate() on a real segment: every status, and threads that read while it changes.
#include "shim/route.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/unit/route_support.hpp"

namespace ringfence::shim {
namespace {

using shm_layout::boottime_ns;
using shm_layout::ns_per_second;
using shm_layout::SegmentState;
using testing::long_lease_ns;
using testing::RoutedSegment;
using testing::SlotState;
using testing::SlotWord;
using testing::test_pool;

class RouteTest : public ::testing::Test {
 protected:
  const shm_layout::SegmentReader& reader() { return segment_->reader(); }
  Ticket route_key() { return route(reader(), "key"); }

  shm_layout::testing::TempDirectory directory_;
  RoutedSegment segment_{directory_.file("fleet.default")};
  const std::uint32_t slot_ = shm_layout::slot_of("key", test_pool);
};

TEST_F(RouteTest, LeaseHeldThenTicketNamesTheSlotsOwner) {
  segment_->store_slot(slot_, SlotWord(SlotState::served, 7, 42));
  const Ticket ticket = route_key();
  EXPECT_EQ(ticket.status, RouteStatus::ok);
  EXPECT_EQ(ticket.slot, slot_);
  EXPECT_EQ(ticket.backend(), 7);
  EXPECT_EQ(ticket.generation(), 42U);
  EXPECT_EQ(ticket.pool_word, test_pool);
}

TEST_F(RouteTest, HashTagInThePoolThenKeysThatShareItShareASlot) {
  segment_->store_pool(shm_layout::PoolWord(true, '{', '}', 'x', 'y'));
  EXPECT_EQ(route(reader(), "{user1}.a").slot, route(reader(), "{user1}.b").slot);
  segment_->store_pool(test_pool);
  EXPECT_NE(route(reader(), "{user1}.a").slot, route(reader(), "{user1}.b").slot);
}

TEST_F(RouteTest, DeadlinePassedThenLeaseLapsedAndTheWordIsStillTold) {
  // Well past: the coarse clock that route() reads may lag by more than a tick.
  segment_->store_deadline(boottime_ns() - ns_per_second);
  const Ticket ticket = route_key();
  EXPECT_EQ(ticket.status, RouteStatus::lease_lapsed);
  EXPECT_TRUE(ticket.slot_word.is_routable());
  segment_->store_deadline(boottime_ns() + long_lease_ns);
  EXPECT_EQ(route_key().status, RouteStatus::ok);
}

TEST_F(RouteTest, SlotFencedThenFenced) {
  segment_->fence_slot(slot_);
  EXPECT_EQ(route_key().status, RouteStatus::fenced);
}

TEST_F(RouteTest, SlotUnownedThenUnowned) {
  segment_->store_slot(slot_, SlotWord(SlotState::unowned, 0, 2));
  EXPECT_EQ(route_key().status, RouteStatus::unowned);
}

TEST_F(RouteTest, WordThatCannotBeThenUnowned) {
  segment_->store_slot(slot_, SlotWord(SlotState::served, shm_layout::backend_count_max, 2));
  EXPECT_EQ(route_key().status, RouteStatus::unowned);
  segment_->store_slot(slot_, SlotWord(static_cast<SlotState>(0x55), 0, 2));
  EXPECT_EQ(route_key().status, RouteStatus::unowned);
  segment_->store_slot(slot_, SlotWord(~std::uint64_t{0}));
  EXPECT_EQ(route_key().status, RouteStatus::fenced);
}

TEST_F(RouteTest, SegmentClosedOrReplacedThenNoView) {
  segment_->store_state(SegmentState::closed);
  EXPECT_EQ(route_key().status, RouteStatus::no_view);
  segment_->store_state(SegmentState::replaced);
  EXPECT_EQ(route_key().status, RouteStatus::no_view);
  segment_->store_state(SegmentState::open);
  EXPECT_EQ(route_key().status, RouteStatus::lease_lapsed);
}

TEST_F(RouteTest, TicketUnchangedThenHoldsUntilTheLeaseEnds) {
  const Ticket ticket = route_key();
  EXPECT_EQ(validate(reader(), ticket), TicketStatus::holds);
  segment_->store_deadline(boottime_ns() - 1);
  EXPECT_EQ(validate(reader(), ticket), TicketStatus::lease_lapsed);
  segment_->store_deadline(boottime_ns() + ns_per_second);
  EXPECT_EQ(validate(reader(), ticket), TicketStatus::holds);
}

TEST_F(RouteTest, SlotFencedSinceThenChangedUntilTheFenceIsLifted) {
  const Ticket ticket = route_key();
  segment_->fence_slot(slot_);
  EXPECT_EQ(validate(reader(), ticket), TicketStatus::changed);
  segment_->store_slot(slot_, ticket.slot_word);
  EXPECT_EQ(validate(reader(), ticket), TicketStatus::holds);
}

TEST_F(RouteTest, SameOwnerUnderANewGenerationThenChanged) {
  const Ticket ticket = route_key();
  segment_->store_slot(slot_, SlotWord(SlotState::served, ticket.backend(), 2));
  EXPECT_EQ(validate(reader(), ticket), TicketStatus::changed);
}

// A lapsed lease alone is waited out; a change of owner under it must not be taken for that.
TEST_F(RouteTest, SlotChangedAndLeaseLapsedThenChanged) {
  const Ticket ticket = route_key();
  segment_->store_slot(slot_, SlotWord(SlotState::served, 9, 2));
  segment_->store_deadline(0);
  EXPECT_EQ(validate(reader(), ticket), TicketStatus::changed);
}

TEST_F(RouteTest, AnotherSlotChangedThenHolds) {
  const Ticket ticket = route_key();
  segment_->store_slot(slot_ ^ 1U, SlotWord(SlotState::served, 9, 2));
  EXPECT_EQ(validate(reader(), ticket), TicketStatus::holds);
}

TEST_F(RouteTest, TagsTurnedOffSinceThenChanged) {
  const Ticket ticket = route_key();
  segment_->store_pool(shm_layout::PoolWord(false, 0, 0, 'x', 'y'));
  EXPECT_EQ(validate(reader(), ticket), TicketStatus::changed);
}

TEST_F(RouteTest, OneCheckForManyRepliesThenEachIsJudgedAsIfAlone) {
  const Ticket ticket = route_key();
  const Ticket other = route(reader(), "another key");
  ASSERT_NE(ticket.slot, other.slot);
  const ArrivalCheck before(reader());
  segment_->fence_slot(slot_);
  EXPECT_EQ(before.status_of(ticket), TicketStatus::changed);
  EXPECT_EQ(before.status_of(other), TicketStatus::holds);
  // Made under the earlier lease: what arrived before its making stays good.
  segment_->store_deadline(0);
  EXPECT_EQ(before.status_of(other), TicketStatus::holds);
  const ArrivalCheck after(reader());
  EXPECT_EQ(after.status_of(other), TicketStatus::lease_lapsed);
  EXPECT_EQ(after.status_of(ticket), TicketStatus::changed);
}

TEST_F(RouteTest, OneClockReadForManyKeysThenEachIsRoutedAsIfAlone) {
  segment_->store_slot(slot_, SlotWord(SlotState::served, 7, 42));
  const Departure departure(reader());
  const auto route_by = [](const Departure& by, std::string_view key) {
    Ticket aimed = by.aim(key);
    by.route(aimed);
    return aimed;
  };
  const Ticket ticket = route_by(departure, "key");
  EXPECT_EQ(ticket.status, RouteStatus::ok);
  EXPECT_EQ(ticket.slot, slot_);
  EXPECT_EQ(ticket.generation(), 42U);
  EXPECT_EQ(ticket.pool_word, test_pool);
  segment_->fence_slot(slot_);  // since the clock was read: slots are read key by key
  EXPECT_EQ(route_by(departure, "key").status, RouteStatus::fenced);
  segment_->store_slot(slot_, SlotWord(SlotState::served, shm_layout::backend_count_max, 43));
  EXPECT_EQ(route_by(departure, "key").status, RouteStatus::unowned);
  segment_->store_deadline(boottime_ns() - ns_per_second);
  EXPECT_EQ(route_by(Departure(reader()), "another key").status, RouteStatus::lease_lapsed);
  segment_->store_state(SegmentState::closed);
  EXPECT_EQ(route_by(Departure(reader()), "another key").status, RouteStatus::no_view);
}

TEST_F(RouteTest, PoolServesWithoutLeaseThenAGetMayGoByTheLastView) {
  segment_->store_deadline(boottime_ns() - ns_per_second);
  EXPECT_FALSE(may_get_without_lease(reader(), route_key()));
  segment_->store_pool(shm_layout::PoolWord(test_pool.raw() | 2U));
  EXPECT_TRUE(may_get_without_lease(reader(), route_key()));
  segment_->fence_slot(slot_);
  EXPECT_FALSE(may_get_without_lease(reader(), route_key()));
}

// Views follow each other while readers route: the lease ends, the slot changes, a new lease is
// granted. A reader that has seen a lease end, and then is given a route, must be given one of a
// later generation: that is what loading the deadline before the slot word is for.
TEST_F(RouteTest, ViewsChangeWhileThreadsRouteThenNoLeaseCoversAnOlderWord) {
  std::atomic<std::uint64_t> ended_generation{0};
  std::atomic<bool> is_over{false};
  std::atomic<std::uint64_t> violation_count{0};
  std::atomic<std::uint64_t> ok_count{0};
  const auto read = [&] {
    while (!is_over.load(std::memory_order_relaxed)) {
      // Acquire; pairs with the release below: the deadline seen next is not of an earlier lease.
      const std::uint64_t ended = ended_generation.load(std::memory_order_acquire);
      const bool saw_end =
          reader().control().deadline_coarse_ns.load(std::memory_order_acquire) == 0;
      const Ticket ticket = route_key();
      (void)validate(reader(), ticket);
      if (ticket.status != RouteStatus::ok) continue;
      ok_count.fetch_add(1, std::memory_order_relaxed);
      const bool is_torn = ticket.backend() != ticket.generation() % 1000;
      if (is_torn || (saw_end && ticket.generation() <= ended)) violation_count.fetch_add(1);
    }
  };
  segment_->store_slot(slot_, SlotWord(SlotState::served, 1, 1));
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) readers.emplace_back(read);
  // Swapped loads show only when a reader is interrupted between them: about once in three million
  // changes on two cores, so now and then here.
  const std::int64_t end_ns = boottime_ns() + ns_per_second;
  std::uint64_t generation = 1;
  while (boottime_ns() < end_ns) {
    ended_generation.store(generation, std::memory_order_release);
    segment_->store_deadline(0);
    ++generation;
    const auto backend = static_cast<std::uint16_t>(generation % 1000);
    segment_->store_slot(slot_, SlotWord(SlotState::served, backend, generation));
    segment_->store_deadline(boottime_ns() + long_lease_ns);
  }
  is_over.store(true);
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(violation_count.load(), 0U);
  EXPECT_GT(ok_count.load(), 0U);
}

}  // namespace
}  // namespace ringfence::shim
