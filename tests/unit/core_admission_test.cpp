// The life of a backend: consent, claims, hold-down, grace, budgets, floor, refused flushes.
#include <gtest/gtest.h>

#include "tests/unit/core_rig.hpp"

namespace ringfence::agent::core {
namespace {

using test::Rig;

WantedPool pool_of(std::vector<std::string> addresses) {
  return Rig::pool(addresses);
}

// Answers and is flushed, whatever is ordered.
void bring_back(Rig& rig, const std::string& address) {
  rig.answer(address);
  rig.flush_all_verified();
}

TEST(G3_Admission, ExactlyOneFlushOrderEach) {
  Rig rig;
  rig.serve(pool_of({"a", "b"}));
  EXPECT_EQ(rig.count<FlushBackend>(), 2U);
  rig.pass(60_s);
  EXPECT_EQ(rig.count<FlushBackend>(), 2U);
}

TEST(G3_Admission, ItemsThatNobodyNamedWaitForConsent) {
  Rig rig;
  WantedPool pool = pool_of({"a"});
  pool.backends[0].named_by = NamedBy::nobody;
  rig.start({pool});
  rig.answer("a", true);
  rig.pass(100_ms);
  EXPECT_EQ(rig.state("a"), "waits for consent");
  EXPECT_EQ(rig.count<FlushBackend>(), 0U);
  rig.give(BackendAddAsked{RequestId{5}, "p", "a", 1, "root"});
  ASSERT_NE(rig.last<Answer>(), nullptr);
  EXPECT_TRUE(rig.last<Answer>()->is_ok);
  EXPECT_EQ(rig.last<Answer>()->id, RequestId{5});
  rig.flush_all_verified();
  EXPECT_EQ(rig.state("a"), "serving");
}

TEST(G3_Admission, EmptyInstanceThatNobodyNamedNeedsNoConsent) {
  Rig rig;
  WantedPool pool = pool_of({"a"});
  pool.backends[0].named_by = NamedBy::nobody;
  rig.start({pool});
  bring_back(rig, "a");
  EXPECT_EQ(rig.state("a"), "serving");
}

TEST(G3_Admission, ForeignClaimIsRefusedAndLookedAtAgain) {
  Rig rig;
  rig.start({pool_of({"a"})});
  rig.answer("a", true, "00ff");
  EXPECT_EQ(rig.state("a"), "refused");
  EXPECT_NE(rig.reason("a").find("00ff"), std::string::npos);
  const std::size_t watched = rig.count<StartWatching>();
  rig.pass(1100_ms);
  EXPECT_EQ(rig.count<StartWatching>(), watched + 1);
  EXPECT_EQ(rig.count<FlushBackend>(), 0U);
  bring_back(rig, "a");
  EXPECT_EQ(rig.state("a"), "serving");
}

TEST(G3_Admission, RefusedFlushSaysWhyAndIsRetriedWithGrowingPauses) {
  Rig rig;
  rig.start({pool_of({"a"})});
  rig.answer("a");
  for (const Duration pause : {1_s, 2_s, 4_s}) {
    ASSERT_EQ(rig.flushes.size(), 1U);
    const FlushBackend order = rig.flushes.front();
    rig.flushes.pop_front();
    rig.flush_finished(order, FlushOutcome::refused);
    EXPECT_EQ(rig.state("a"), "refused");
    EXPECT_NE(rig.reason("a").find("-F"), std::string::npos);
    rig.pass(Duration{pause.ns - (10_ms).ns});
    EXPECT_TRUE(rig.flushes.empty());
    rig.pass(20_ms);
  }
  rig.flush_all_verified();
  EXPECT_EQ(rig.state("a"), "serving");
}

TEST(G3_Admission, FlushThatWasNotDoneIsNeverAdmitted) {
  Rig rig;
  rig.start({pool_of({"a"})});
  rig.answer("a");
  rig.flush_finished(rig.flushes.front(), FlushOutcome::not_done);
  EXPECT_EQ(rig.state("a"), "refused");
  EXPECT_EQ(rig.slots("a"), 0U);
}

TEST(CoreAdmission, PoolThatAdmitsUnflushedClaimsInstead) {
  Rig rig;
  WantedPool pool = pool_of({"a"});
  pool.options.admits_unflushed = true;
  rig.start({pool});
  rig.answer("a");
  rig.flush_finished(rig.flushes.front(), FlushOutcome::refused);
  EXPECT_EQ(rig.count<ClaimBackend>(), 1U);
  EXPECT_EQ(rig.state("a"), "serving");
}

TEST(G3_Admission, StateWasLostThenUnflushedIsRefusedWhateverThePoolAdmits) {
  NodeSettings settings = Rig::settings();
  settings.was_state_lost = true;
  Rig rig(settings);
  WantedPool pool = pool_of({"a"});
  pool.options.admits_unflushed = true;
  rig.start({pool});
  rig.answer("a");
  rig.flush_finished(rig.flushes.front(), FlushOutcome::refused);
  EXPECT_EQ(rig.count<ClaimBackend>(), 0U);
  EXPECT_EQ(rig.state("a"), "refused");
  EXPECT_NE(rig.reason("a").find("state was lost"), std::string::npos);
}

TEST(CoreAdmission, UnreachableDuringTheFlushThenInspectedAnew) {
  Rig rig;
  rig.start({pool_of({"a"})});
  rig.answer("a");
  rig.flush_finished(rig.flushes.front(), FlushOutcome::unreachable);
  rig.flushes.clear();
  EXPECT_EQ(rig.state("a"), "connecting");
  rig.answer("a");
  EXPECT_EQ(rig.state("a"), "held down");
  rig.pass(1_s);
  rig.flush_all_verified();
  EXPECT_EQ(rig.state("a"), "serving");
}

TEST(CoreAdmission, HoldDownDoublesToItsLimitAndIsForgotten) {
  Rig rig;
  WantedPool pool = pool_of({"a", "b"});
  pool.timing.hold_down_max = 4_s;
  pool.timing.eviction_refill = 1_ms;
  rig.serve(pool);
  for (const Duration hold : {1_s, 2_s, 4_s, 4_s}) {
    rig.unreachable("a");
    rig.answer("a");
    EXPECT_EQ(rig.state("a"), "held down");
    rig.pass(Duration{hold.ns - (10_ms).ns});
    EXPECT_TRUE(rig.flushes.empty());
    rig.pass(20_ms);
    rig.flush_all_verified();
    EXPECT_EQ(rig.state("a"), "serving");
  }
  rig.pass(pool.timing.hold_down_forget);
  rig.unreachable("a");
  rig.answer("a");
  rig.pass(1010_ms);
  EXPECT_EQ(rig.flushes.size(), 1U);
}

TEST(CoreAdmission, ReturnWithinGraceGetsItsSlotsBackWithNewGenerations) {
  Rig rig;
  WantedPool pool = pool_of({"a", "b"});
  pool.timing.grace = 10_s;
  rig.serve(pool);
  const Pool before = *rig.node.view()->find("p");
  rig.unreachable("a");
  EXPECT_EQ(rig.slots("a"), 0U);
  EXPECT_EQ(rig.slots("b"), 32768U);
  rig.answer("a");
  rig.pass(1_s);
  rig.flush_all_verified();
  const Pool& after = *rig.node.view()->find("p");
  for (std::size_t slot = 0; slot < after.slots.size(); ++slot) {
    ASSERT_EQ(after.slots[slot].backend(), before.slots[slot].backend());
  }
  EXPECT_EQ(rig.slots("a"), 32768U);
}

TEST(CoreAdmission, GraceOverThenItsSlotsAreReassigned) {
  Rig rig;
  WantedPool pool = pool_of({"a", "b"});
  pool.timing.grace = 3_s;
  rig.serve(pool);
  rig.unreachable("a");
  rig.pass(2900_ms);
  EXPECT_EQ(rig.slots("b"), 32768U);
  rig.pass(200_ms);
  EXPECT_EQ(rig.slots("b"), 65536U);
}

TEST(G6_Floor, ReassigningNeverLeavesLessServing) {
  Rig rig;
  rig.serve(pool_of({"a", "b", "c", "d"}));
  rig.unreachable("a");
  rig.unreachable("b");
  EXPECT_EQ(rig.slots("c"), 32768U);
  rig.unreachable("c");
  EXPECT_EQ(rig.slots("d"), 32768U);  // c's slots wait: one of four is below the floor
  rig.answer("c");
  rig.pass(1_s);
  rig.flush_all_verified();
  EXPECT_EQ(rig.slots("c"), 32768U);
}

TEST(G6_Budget, EvictionsBeyondTheBurstWaitForTokens) {
  Rig rig;
  WantedPool pool = pool_of({"a", "b", "c", "d", "e", "f"});
  pool.timing.eviction_burst = 1;
  pool.timing.eviction_refill = 15_s;
  rig.serve(pool);
  rig.unreachable("a");
  rig.unreachable("b");
  std::uint32_t served = 0;
  for (const char* address : {"c", "d", "e", "f"}) served += rig.slots(address);
  EXPECT_LT(served, 65536U);
  rig.pass(15_s);
  served = 0;
  for (const char* address : {"c", "d", "e", "f"}) served += rig.slots(address);
  EXPECT_EQ(served, 65536U);
}

TEST(G6_Budget, AdmissionsBeyondTheBurstWaitForTokens) {
  Rig rig;
  WantedPool pool = pool_of({"a"});
  pool.timing.admission_burst = 1;
  pool.timing.admission_refill = 5_s;
  rig.serve(pool);
  pool.backends.push_back({"b", 1, NamedBy::configuration});
  pool.backends.push_back({"c", 1, NamedBy::configuration});
  rig.give(ConfigurationLoaded{{pool}});
  bring_back(rig, "b");
  rig.answer("c");
  EXPECT_EQ(rig.state("c"), "waits for the admission budget");
  rig.pass(5_s);
  rig.flush_all_verified();
  EXPECT_EQ(rig.state("c"), "serving");
}

TEST(CoreAdmission, ContentsLostThenInspectedFlushedAndAdmittedAnew) {
  Rig rig;
  rig.serve(pool_of({"a", "b"}));
  rig.give(BackendContentsLost{"p", "a", "its claim is gone"});
  EXPECT_EQ(rig.slots("b"), 65536U);
  EXPECT_EQ(rig.reason("a"), "its claim is gone");
  rig.answer("a");
  rig.pass(1_s);
  rig.flush_all_verified();
  EXPECT_EQ(rig.slots("a"), 32768U);
}

TEST(CoreAdmission, WithoutTagsTheFlushStandsBetweenAcknowledgementAndActivation) {
  Rig rig;
  WantedPool pool = pool_of({"a", "b"});
  pool.options.has_tags = false;
  rig.start({pool});
  rig.answer("a");
  rig.answer("b");
  const std::size_t fence = rig.first<FenceSlots>();
  const std::size_t flush = rig.first<FlushBackend>();
  ASSERT_LT(flush, rig.effects.size());
  EXPECT_LT(fence, flush);
  EXPECT_EQ(rig.slots("a"), 0U);
  rig.flush_all_verified();
  EXPECT_EQ(rig.slots("a"), 32768U);
  EXPECT_EQ(rig.count<FlushBackend>(), 2U);
}

TEST(CoreAdmission, WithoutTagsAFailedFlushAbandonsTheChange) {
  Rig rig;
  WantedPool pool = pool_of({"a"});
  pool.options.has_tags = false;
  rig.start({pool});
  rig.answer("a");
  rig.flush_finished(rig.flushes.front(), FlushOutcome::not_done);
  EXPECT_EQ(rig.slots("a"), 0U);
  EXPECT_EQ(rig.state("a"), "refused");
  EXPECT_EQ(rig.epoch(), Epoch{2});
}

}  // namespace
}  // namespace ringfence::agent::core
