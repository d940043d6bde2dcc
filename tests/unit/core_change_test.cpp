// The two-phase change as the node's effects show it: fence, acknowledge, activate, publish.
#include <gtest/gtest.h>

#include "tests/unit/core_rig.hpp"

namespace ringfence::agent::core {
namespace {

using test::Rig;

std::optional<Entry> committed(const Rig& rig, std::size_t place) {
  return decode_entry(std::get<Commit>(rig.effects[place]).bytes);
}

TEST(CoreNode, FirstStartAdmitsEveryBackendInOneChange) {
  Rig rig;
  rig.start({Rig::pool({"a", "b", "c", "d"})});
  EXPECT_EQ(rig.epoch(), Epoch{1});
  EXPECT_EQ(rig.node.view()->agents.size(), 1U);
  for (const char* address : {"a", "b", "c", "d"}) rig.answer(address);
  EXPECT_EQ(rig.flushes.size(), 4U);
  rig.flush_all_verified();
  EXPECT_EQ(rig.epoch(), Epoch{2});
  EXPECT_EQ(rig.slots("a"), 16384U);
  EXPECT_EQ(rig.state("d"), "serving");
  EXPECT_EQ(rig.count<PublishView>(), 2U);
  EXPECT_GT(rig.node.report().lease_until, rig.now + 1_s);
}

TEST(CoreNode, SlowBackendDelaysTheFirstByNoMoreThanTheBatchWait) {
  Rig rig;
  rig.start({Rig::pool({"a", "b"})});
  rig.answer("a");
  rig.flush_all_verified();
  EXPECT_EQ(rig.state("a"), "ready");
  rig.pass(50_ms);
  EXPECT_EQ(rig.state("a"), "serving");
  rig.answer("b");
  rig.flush_all_verified();
  EXPECT_EQ(rig.state("b"), "serving");
}

TEST(CoreNode, LossIsFencedBeforeItIsActivatedAndPublished) {
  Rig rig;
  rig.serve(Rig::pool({"a", "b"}));
  const std::size_t from = rig.effects.size();
  rig.unreachable("a");
  const std::size_t proposed = rig.first<Commit>(from);
  const std::size_t fenced = rig.first<FenceSlots>(proposed);
  const std::size_t activated = rig.first<Commit>(proposed + 1);
  const std::size_t published = rig.first<PublishView>(from);
  ASSERT_LT(published, rig.effects.size());
  EXPECT_TRUE(std::holds_alternative<Proposal>(*committed(rig, proposed)));
  EXPECT_TRUE(std::holds_alternative<Activation>(*committed(rig, activated)));
  EXPECT_LT(proposed, fenced);
  EXPECT_LT(fenced, activated);
  EXPECT_LT(activated, published);
  EXPECT_EQ(std::get<FenceSlots>(rig.effects[fenced]).slots.size(), 32768U);
  EXPECT_EQ(rig.slots("b"), 65536U);
}

TEST(CoreNode, LossesDuringAChangeGoIntoOneNext) {
  Rig rig;
  rig.serve(Rig::pool({"a", "b", "c", "d", "e", "f", "g", "h"}));
  const Epoch before = rig.epoch();
  rig.is_holding = true;
  rig.unreachable("a");
  rig.unreachable("b");
  rig.unreachable("c");
  rig.release();
  EXPECT_EQ(rig.epoch().value, before.value + 2);
  EXPECT_EQ(rig.slots("d"), 65536U / 5 + 1);
}

TEST(CoreNode, IdleAgentDoesOneTimerStepAQuarterLease) {
  Rig rig;
  rig.serve(Rig::pool({"a", "b"}));
  rig.pass(10_s);
  const std::size_t before = rig.timer_count;
  const std::size_t published = rig.count<PublishView>();
  rig.pass(10_s);
  EXPECT_LE(rig.timer_count - before, 21U);
  EXPECT_EQ(rig.count<PublishView>(), published);
}

TEST(G5_Lease, NoQuorumThenTheLeaseRunsOut) {
  Rig rig;
  rig.serve(Rig::pool({"a"}));
  rig.pass(5_s);
  const Instant lost_at = rig.now;
  rig.has_quorum = false;
  rig.pass(5_s);
  EXPECT_LE(rig.node.report().lease_until, lost_at + 2_s);
  rig.has_quorum = true;
  rig.pass(1_s);
  EXPECT_GT(rig.node.report().lease_until, rig.now);
}

std::size_t logged(const Rig& rig, const std::string& part) {
  std::size_t count = 0;
  for (const Effect& effect : rig.effects) {
    const auto* line = std::get_if<WriteLog>(&effect);
    count += line != nullptr && line->text.find(part) != std::string::npos ? 1 : 0;
  }
  return count;
}

TEST(G5_Lease, RunsOutThenToldOnceAndToldWhenItIsRenewed) {
  Rig rig;
  rig.serve(Rig::pool({"a"}));
  rig.pass(5_s);
  EXPECT_EQ(logged(rig, "the lease ended"), 0U);
  rig.has_quorum = false;
  rig.pass(10_s);
  EXPECT_EQ(logged(rig, "the lease ended"), 1U);
  rig.has_quorum = true;
  rig.pass(1_s);
  EXPECT_EQ(logged(rig, "the lease is renewed"), 1U);
  EXPECT_EQ(logged(rig, "the lease ended"), 1U);
}

TEST(Regression, ClockJumpsAfterTheLeaseEndedThenTheLapseIsCountedFromItsEnd) {
  Rig rig;
  rig.serve(Rig::pool({"a"}));
  rig.pass(5_s);
  rig.has_quorum = false;
  rig.pass(2500_ms);
  ASSERT_EQ(logged(rig, "the lease ended"), 1U);
  rig.give(ClockJumped{"the guest was paused"});
  rig.has_quorum = true;
  rig.pass(1_s);
  EXPECT_EQ(logged(rig, "routes again, after "), 1U);
  std::size_t plausible = 0;
  for (int ms = 0; ms < 3500; ++ms) {
    plausible += logged(rig, "routes again, after " + std::to_string(ms) + " ms");
  }
  EXPECT_EQ(plausible, 1U);
}

TEST(G5_Lease, ClockJumpEndsItAtOnceAndAsksAnew) {
  Rig rig;
  rig.serve(Rig::pool({"a"}));
  const std::size_t from = rig.effects.size();
  rig.give(ClockJumped{"the guest was paused"});
  const std::size_t dropped = rig.first<SetDeadline>(from);
  ASSERT_LT(dropped, rig.effects.size());
  EXPECT_EQ(std::get<SetDeadline>(rig.effects[dropped]).until, Instant{});
  rig.pass(10_ms);
  EXPECT_GT(rig.node.report().lease_until, rig.now + 1_s);
}

TEST(G5_Lease, NeverLongerThanTheLastBarrierAllows) {
  Rig rig;
  rig.serve(Rig::pool({"a"}));
  for (int i = 0; i < 100; ++i) {
    rig.pass(100_ms);
    EXPECT_LE(rig.node.report().lease_until, rig.now + 2_s - 50_ms);
  }
}

TEST(CoreNode, UnknownCommitOutcomeIsSettledByABarrierAndProposedAgain) {
  Rig rig;
  rig.serve(Rig::pool({"a", "b"}));
  rig.is_holding = true;
  rig.unreachable("a");
  ASSERT_EQ(rig.held_commits.size(), 1U);
  rig.fail_held();
  rig.pass(200_ms);
  EXPECT_EQ(rig.slots("b"), 65536U);
}

TEST(CoreNode, FailedAdmissionCommitIsProposedAgainWithoutAnotherFlush) {
  Rig rig;
  rig.start({Rig::pool({"a"})});
  rig.answer("a");
  rig.is_holding = true;
  rig.flush_all_verified();
  rig.fail_held();
  rig.pass(200_ms);
  EXPECT_EQ(rig.state("a"), "serving");
  EXPECT_EQ(rig.count<FlushBackend>(), 1U);
}

TEST(G3_Change, BackendThatFailsWhileItJoinsThenTheChangeIsAbandoned) {
  Rig rig;
  rig.start({Rig::pool({"a", "b"})});
  rig.answer("a");
  rig.answer("b");
  rig.flush_all_verified();
  rig.unreachable("b");
  rig.answer("b");
  rig.pass(1_s);
  rig.is_holding = true;
  rig.flush_all_verified();  // b is ready: its admission is proposed and held
  ASSERT_EQ(rig.held_commits.size(), 1U);
  rig.unreachable("b");
  const Epoch before = rig.epoch();
  rig.release();
  EXPECT_EQ(rig.epoch().value, before.value + 1);
  EXPECT_EQ(rig.slots("b"), 0U);
  EXPECT_EQ(rig.node.report().history.back().moved_slots, 0U);
  EXPECT_EQ(rig.node.report().history.back().what.substr(0, 9), "abandoned");
}

TEST(G3_Change, BackendThatFailsWhileItsActivationCommitsThenItIsLostAtOnce) {
  Rig rig;
  rig.start({Rig::pool({"a"})});
  rig.answer("a");
  const FlushBackend order = rig.flushes.front();
  // Play the engine by hand: the trouble comes between the activation's commit and its application.
  const auto play = [&rig](const Event& event) {
    const Effects made = rig.node.step(rig.now, 0, event);
    for (const Effect& effect : made) {
      if (const auto* commit = std::get_if<Commit>(&effect)) rig.log.push_back(commit->bytes);
    }
  };
  play(FlushFinished{order.id, "p", "a", FlushOutcome::verified, ""});
  play(EntryApplied{LogIndex{rig.log.size()}, Term{1}, rig.log.back()});
  play(BackendUnreachable{"p", "a", "reset"});
  play(BackendAnswered{"p", "a", false, "", true, ""});
  play(EntryApplied{LogIndex{rig.log.size()}, Term{1}, rig.log.back()});
  ASSERT_EQ(rig.slots("a"), 65536U);
  play(EntryApplied{LogIndex{rig.log.size()}, Term{1}, rig.log.back()});
  play(EntryApplied{LogIndex{rig.log.size()}, Term{1}, rig.log.back()});
  EXPECT_EQ(rig.slots("a"), 0U);
}

TEST(CoreNode, OlderLeasesThenNothingMovesAndNoLeaseBeforeTheyEnd) {
  NodeSettings settings = Rig::settings();
  settings.earlier_leases_end = Instant{3'000'000'000};
  Rig rig(settings);
  rig.serve(Rig::pool({"a"}));
  rig.pass(1_s);
  EXPECT_EQ(rig.slots("a"), 0U);
  EXPECT_EQ(rig.count<SetDeadline>(), 0U);
  rig.pass(1500_ms);
  EXPECT_EQ(rig.slots("a"), 65536U);
  EXPECT_GT(rig.node.report().lease_until, rig.now);
}

TEST(CoreNode, HistorySaysWhatWhyAndWho) {
  Rig rig;
  rig.serve(Rig::pool({"a", "b"}));
  rig.unreachable("a");
  const ChangeRecord change = rig.node.report().history.back();
  EXPECT_EQ(change.what, "lost a");
  EXPECT_EQ(change.why, "connection reset");
  EXPECT_EQ(change.who, "host");
  EXPECT_EQ(change.moved_slots, 32768U);
  EXPECT_EQ(change.epoch, rig.epoch());
}

}  // namespace
}  // namespace ringfence::agent::core
