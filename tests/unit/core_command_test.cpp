// Configuration, commands, flush_all, and restarts.
#include <gtest/gtest.h>

#include "agent/core/replica.hpp"
#include "tests/unit/core_rig.hpp"

namespace ringfence::agent::core {
namespace {

using test::Rig;

TEST(CoreConfig, ReloadAppliesWeightsAndRemovals) {
  Rig rig;
  WantedPool pool = Rig::pool({"a", "b"});
  rig.serve(pool);
  pool.backends[0].weight = 3;
  rig.give(ConfigurationLoaded{{pool}});
  EXPECT_EQ(rig.slots("a"), 49152U);
  pool.backends.erase(pool.backends.begin());
  rig.give(ConfigurationLoaded{{pool}});
  EXPECT_EQ(rig.slots("b"), 65536U);
  EXPECT_EQ(rig.state("a"), "absent");
  EXPECT_EQ(rig.last<StopWatching>()->address, "a");
}

TEST(CoreConfig, PoolThatIsNoLongerConfiguredLeavesTheView) {
  Rig rig;
  rig.serve(Rig::pool({"a"}));
  WantedPool other = Rig::pool({});
  other.name = "q";
  rig.give(ConfigurationLoaded{{other}});
  EXPECT_EQ(rig.node.view()->find("p"), nullptr);
  EXPECT_NE(rig.node.view()->find("q"), nullptr);
}

TEST(CoreConfig, SameConfigurationAgainChangesNothing) {
  Rig rig;
  rig.serve(Rig::pool({"a"}));
  const Epoch before = rig.epoch();
  rig.give(ConfigurationLoaded{{Rig::pool({"a"})}});
  EXPECT_EQ(rig.epoch(), before);
}

TEST(CoreConfig, TagsTurnedOffThenOnThenBackendsAreFlushedEachTime) {
  Rig rig;
  WantedPool pool = Rig::pool({"a"});
  rig.serve(pool);
  pool.options.has_tags = false;
  rig.give(ConfigurationLoaded{{pool}});
  rig.flush_all_verified();
  EXPECT_EQ(rig.slots("a"), 65536U);
  EXPECT_EQ(rig.count<FlushBackend>(), 2U);
  pool.options.has_tags = true;
  rig.give(ConfigurationLoaded{{pool}});
  rig.flush_all_verified();
  EXPECT_EQ(rig.slots("a"), 65536U);
  EXPECT_EQ(rig.count<FlushBackend>(), 3U);
}

TEST(CoreCommand, RemoveWinsOverConfigurationUntilAnAdd) {
  Rig rig;
  rig.serve(Rig::pool({"a", "b"}));
  rig.give(BackendRemoveAsked{RequestId{1}, "p", "a", "root"});
  EXPECT_EQ(rig.slots("b"), 65536U);
  rig.give(ConfigurationLoaded{{Rig::pool({"a", "b"})}});
  EXPECT_EQ(rig.state("a"), "absent");
  rig.give(BackendAddAsked{RequestId{2}, "p", "a", 1, "root"});
  rig.answer("a");
  rig.flush_all_verified();
  EXPECT_EQ(rig.slots("a"), 32768U);
}

TEST(CoreCommand, DrainThenItsSlotsLeaveFirstAndHistorySaysWhoAsked) {
  Rig rig;
  rig.serve(Rig::pool({"a", "b"}));
  const std::uint64_t before = rig.epoch().value;

  rig.give(BackendDrainAsked{RequestId{1}, "p", "a", "root"});

  EXPECT_TRUE(rig.last<Answer>()->is_ok);
  EXPECT_EQ(rig.slots("b"), 65536U);
  EXPECT_EQ(rig.state("a"), "absent");
  EXPECT_EQ(rig.epoch().value, before + 2);
  const std::vector<ChangeRecord> history = rig.node.report().history;
  const ChangeRecord& drained = history[history.size() - 2];
  EXPECT_EQ(drained.what, "drains a");
  EXPECT_EQ(drained.who, "root");
  EXPECT_EQ(drained.moved_slots, 32768U);
  EXPECT_EQ(history.back().what, "removed a");
  EXPECT_EQ(history.back().who, "root");
  EXPECT_EQ(history.back().moved_slots, 0U);
}

TEST(CoreCommand, DrainUnderWayThenItServesInTheViewUntilItsSlotsHaveLeft) {
  Rig rig;
  rig.serve(Rig::pool({"a", "b"}));
  rig.give(BackendDrainAsked{RequestId{1}, "p", "a", "root"});
  for (const std::string& bytes : rig.log) {
    const auto entry = decode_entry(bytes);
    const auto* proposal = std::get_if<Proposal>(&*entry);
    if (proposal == nullptr || proposal->what != "drains a") continue;
    ASSERT_EQ(proposal->ops.size(), 1U);
    EXPECT_TRUE(std::holds_alternative<SetWeight>(proposal->ops[0]));
    return;
  }
  FAIL() << "no change that drains";
}

TEST(CoreCommand, DrainOfTheOnlyOneThenRefusedAndAnAddBringsADrainedOneBack) {
  Rig rig;
  rig.serve(Rig::pool({"a", "b"}));
  rig.give(BackendDrainAsked{RequestId{1}, "p", "a", "root"});
  rig.give(BackendDrainAsked{RequestId{2}, "p", "b", "root"});
  EXPECT_FALSE(rig.last<Answer>()->is_ok);
  EXPECT_EQ(rig.slots("b"), 65536U);

  rig.give(BackendAddAsked{RequestId{3}, "p", "a", 1, "root"});
  rig.answer("a");
  rig.flush_all_verified();
  EXPECT_EQ(rig.slots("a"), 32768U);
}

TEST(CoreCommand, DrainOfOneThatIsLostThenItLeavesAtOnce) {
  Rig rig;
  rig.serve(Rig::pool({"a", "b"}));
  rig.unreachable("a");
  rig.give(BackendDrainAsked{RequestId{1}, "p", "a", "root"});
  EXPECT_EQ(rig.state("a"), "absent");
}

TEST(CoreCommand, RemoveThenHistorySaysWhoAsked) {
  Rig rig;
  rig.serve(Rig::pool({"a", "b"}));
  rig.give(BackendRemoveAsked{RequestId{1}, "p", "a", "root"});
  EXPECT_EQ(rig.node.report().history.back().what, "removed a");
  EXPECT_EQ(rig.node.report().history.back().who, "root");
}

TEST(CoreCommand, UnknownPoolIsRefused) {
  Rig rig;
  rig.serve(Rig::pool({"a"}));
  rig.give(BackendAddAsked{RequestId{1}, "nope", "x", 1, "root"});
  EXPECT_FALSE(rig.last<Answer>()->is_ok);
  EXPECT_NE(rig.last<Answer>()->text.find("nope"), std::string::npos);
}

TEST(Regression, AddOfAnotherPoolsBackendIsRefusedUntilItLeft) {
  Rig rig;
  WantedPool other = Rig::pool({});
  other.name = "q";
  rig.start({Rig::pool({"a"}), other});
  rig.give(BackendAddAsked{RequestId{1}, "q", "a", 1, "root"});
  EXPECT_FALSE(rig.last<Answer>()->is_ok);
  EXPECT_NE(rig.last<Answer>()->text.find("pool p"), std::string::npos);
  rig.give(BackendRemoveAsked{RequestId{2}, "p", "a", "root"});
  rig.give(BackendAddAsked{RequestId{3}, "q", "a", 1, "root"});
  EXPECT_TRUE(rig.last<Answer>()->is_ok);
}

TEST(CoreCommand, UncertainCommitIsToldSo) {
  Rig rig;
  rig.serve(Rig::pool({"a"}));
  rig.is_holding = true;
  rig.give(BackendAddAsked{RequestId{1}, "p", "x", 1, "root"});
  rig.fail_held();
  EXPECT_FALSE(rig.last<Answer>()->is_ok);
}

std::size_t commits_of(Rig& rig, const Event& event) {
  const std::size_t before = rig.count<Commit>();
  rig.give(event);
  return rig.count<Commit>() - before;
}

TEST(CoreCommand, RemoveTravelsWithTheChangeThatItAsksFor) {
  Rig rig;
  rig.serve(Rig::pool({"a", "b"}));
  // One commit for command and proposal, one for the activation.
  EXPECT_EQ(commits_of(rig, BackendRemoveAsked{RequestId{1}, "p", "a", "root"}), 2U);
  EXPECT_TRUE(rig.last<Answer>()->is_ok);
  EXPECT_EQ(rig.slots("b"), 65536U);
}

TEST(CoreCommand, AskedWhileAChangeIsOpenThenCommittedAloneAndDoneNext) {
  Rig rig;
  rig.serve(Rig::pool({"a", "b", "c"}));
  rig.is_holding = true;
  rig.unreachable("a");
  ASSERT_EQ(rig.held_commits.size(), 1U);
  rig.give(BackendRemoveAsked{RequestId{1}, "p", "b", "root"});
  ASSERT_EQ(rig.held_commits.size(), 2U);
  rig.release();
  EXPECT_TRUE(rig.last<Answer>()->is_ok);
  EXPECT_EQ(rig.slots("c"), 65536U);
}

TEST(CoreCommand, CarriedByAProposalThatFailsThenToldSoAndForgotten) {
  Rig rig;
  rig.serve(Rig::pool({"a", "b"}));
  rig.is_holding = true;
  rig.give(BackendRemoveAsked{RequestId{1}, "p", "a", "root"});
  ASSERT_EQ(rig.held_commits.size(), 1U);
  rig.fail_held();
  ASSERT_NE(rig.last<Answer>(), nullptr);
  EXPECT_FALSE(rig.last<Answer>()->is_ok);
  rig.pass(1_s);
  EXPECT_EQ(rig.slots("a"), 32768U);
}

TEST(CoreCommand, CarriedThenAnOpenChangesSnapshotDoesNotBringItBack) {
  Replica replica;
  Proposal proposal;
  proposal.ops.push_back(SetPool{"p", {}});
  proposal.commands.push_back({"p", "a", 1, false, "root"});
  replica.apply(LogIndex{1}, encode(proposal));
  replica.apply(LogIndex{2}, encode(Commands{{{"p", "a", 1, true, "root"}}}));
  Replica restored;
  ASSERT_TRUE(restored.restore(replica.snapshot()));
  ASSERT_NE(restored.open(), nullptr);
  ASSERT_EQ(restored.commands().size(), 1U);
  EXPECT_TRUE(restored.commands().front().is_add);
}

TEST(G2_FlushAll, PublishedThenFlushedForMemoryThenAnswered) {
  Rig rig;
  rig.serve(Rig::pool({"a", "b"}));
  const std::size_t from = rig.effects.size();
  rig.give(FlushAllAsked{RequestId{9}, "p", "port"});
  const std::size_t published = rig.first<PublishView>(from);
  const std::size_t flushed = rig.first<FlushBackend>(from);
  ASSERT_LT(flushed, rig.effects.size());
  EXPECT_LT(published, flushed);
  EXPECT_FALSE(std::get<FlushBackend>(rig.effects[flushed]).is_proof);
  for (const SlotWord slot : rig.node.view()->find("p")->slots) ASSERT_EQ(slot.generation(), 2U);
  ASSERT_EQ(rig.flushes.size(), 2U);
  rig.flush_finished(FlushBackend{rig.flushes.front()}, FlushOutcome::refused);
  EXPECT_EQ(rig.count<Answer>(), 0U);
  rig.flush_finished(FlushBackend{rig.flushes.back()});
  ASSERT_EQ(rig.count<Answer>(), 1U);
  EXPECT_TRUE(rig.last<Answer>()->is_ok);
  EXPECT_EQ(rig.state("a"), "serving");
}

TEST(G2_FlushAll, EarlierProposalOfUnknownOutcomeComesFirstThenFlushedBeforeItIsAnswered) {
  Rig rig;
  rig.serve(Rig::pool({"a", "b"}));
  rig.is_holding = true;
  rig.unreachable("a");
  ASSERT_EQ(rig.held_commits.size(), 1U);
  rig.give(CommitFinished{rig.held_commits.front().id, false, "no answer in time"});
  rig.give(FlushAllAsked{RequestId{9}, "p", "port"});
  rig.pass(200_ms);
  ASSERT_EQ(rig.held_commits.size(), 2U);  // the second, with the flush, comes too late
  rig.release();
  rig.flush_all_verified();
  ASSERT_EQ(rig.count<Answer>(), 1U);
  EXPECT_TRUE(rig.last<Answer>()->is_ok);
  for (const SlotWord slot : rig.node.view()->find("p")->slots) ASSERT_GE(slot.generation(), 2U);
}

TEST(Regression, BackendThatLeavesWhileItIsFlushedForMemoryThenFlushAllIsAnswered) {
  Rig rig;
  rig.serve(Rig::pool({"a", "b"}));
  rig.give(FlushAllAsked{RequestId{9}, "p", "port"});
  ASSERT_EQ(rig.flushes.size(), 2U);
  rig.flush_finished(FlushBackend{rig.flushes.back()});
  EXPECT_EQ(rig.count<Answer>(), 0U);
  ASSERT_EQ(rig.flushes.front().address, "a");
  rig.give(ConfigurationLoaded{{Rig::pool({"b"})}});
  ASSERT_EQ(rig.count<Answer>(), 1U);
  EXPECT_TRUE(rig.last<Answer>()->is_ok);
}

TEST(G2_FlushAll, WithoutTagsAnsweredOnlyAfterTheRealFlush) {
  Rig rig;
  WantedPool pool = Rig::pool({"a"});
  pool.options.has_tags = false;
  rig.serve(pool);
  rig.give(FlushAllAsked{RequestId{9}, "p", "port"});
  EXPECT_EQ(rig.count<Answer>(), 0U);
  rig.flush_all_verified();
  EXPECT_TRUE(rig.last<Answer>()->is_ok);
  rig.give(FlushAllAsked{RequestId{10}, "p", "port"});
  rig.flush_finished(rig.flushes.front(), FlushOutcome::refused);
  EXPECT_FALSE(rig.last<Answer>()->is_ok);
}

TEST(CoreFlushAll, PoolThatRefusesItSaysSo) {
  Rig rig;
  WantedPool pool = Rig::pool({"a"});
  pool.options.allows_flush_all = false;
  rig.serve(pool);
  rig.give(FlushAllAsked{RequestId{9}, "p", "port"});
  EXPECT_FALSE(rig.last<Answer>()->is_ok);
}

TEST(CoreFlushAll, ShutdownOrNoLeaderThenNotOk) {
  Rig rig;
  rig.give(ConfigurationLoaded{{Rig::pool({"a"})}});
  rig.give(FlushAllAsked{RequestId{1}, "p", "port"});
  EXPECT_FALSE(rig.last<Answer>()->is_ok);
  rig.give(LeadershipChanged{true, Term{1}});
  rig.is_holding = true;
  rig.give(FlushAllAsked{RequestId{2}, "p", "port"});
  const std::size_t answers = rig.count<Answer>();
  rig.give(ShutdownAsked{});
  EXPECT_EQ(rig.count<Answer>(), answers + 1);
  EXPECT_FALSE(rig.last<Answer>()->is_ok);
}

// A second life of the agent whose log is `log`.
void replay(Rig& rig, const std::vector<std::string>& log, WantedPool pool) {
  rig.log = log;
  rig.give(ConfigurationLoaded{{std::move(pool)}});
  for (std::size_t i = 0; i < log.size(); ++i) {
    rig.give(EntryApplied{LogIndex{i + 1}, Term{1}, log[i]});
  }
  rig.give(LeadershipChanged{true, Term{2}});
}

TEST(G5_Restart, SameEpochAndGenerationsNothingFlushedNothingMoved) {
  Rig first;
  first.serve(Rig::pool({"a", "b"}));
  NodeSettings settings = Rig::settings();
  settings.incarnation = Incarnation{2};
  settings.published_epoch = first.epoch();
  Rig second(settings);
  replay(second, first.log, Rig::pool({"a", "b"}));
  EXPECT_EQ(second.count<PublishView>(), 1U);
  second.answer("a", true, "", true);
  second.answer("b", true, "", true);
  second.pass(10_s);
  EXPECT_EQ(second.epoch(), first.epoch());
  EXPECT_EQ(second.node.report().digest, first.node.report().digest);
  EXPECT_EQ(second.count<FlushBackend>(), 0U);
  EXPECT_EQ(second.count<FenceSlots>(), 0U);
  EXPECT_EQ(second.count<Commit>(), 0U);
  EXPECT_GT(second.node.report().lease_until, second.now);
}

TEST(G5_Restart, BackendWithoutOurClaimIsLost) {
  Rig first;
  first.serve(Rig::pool({"a", "b"}));
  Rig second;
  replay(second, first.log, Rig::pool({"a", "b"}));
  second.answer("a", false, "", false);
  EXPECT_EQ(second.slots("b"), 65536U);
}

TEST(G5_Restart, OpenLossIsResumedWithItsFences) {
  Rig first;
  first.serve(Rig::pool({"a", "b"}));
  first.is_holding = true;
  first.unreachable("a");
  std::vector<std::string> log = first.log;
  log.push_back(first.held_commits.front().bytes);  // proposed; the agent dies before more
  Rig second;
  second.is_holding = true;
  replay(second, log, Rig::pool({"a", "b"}));
  const std::size_t fenced = second.first<FenceSlots>();
  const std::size_t published = second.first<PublishView>();
  ASSERT_LT(published, second.effects.size());
  EXPECT_LT(fenced, published);
  EXPECT_EQ(std::get<PublishView>(second.effects[published]).still_fenced.size(), 1U);
  second.release();
  EXPECT_EQ(second.slots("b"), 65536U);
}

TEST(G3_Restart, OpenAdmissionIsAbandonedAndFlushedAnew) {
  Rig first;
  first.start({Rig::pool({"a"})});
  first.answer("a");
  first.is_holding = true;
  first.flush_all_verified();
  std::vector<std::string> log = first.log;
  log.push_back(first.held_commits.front().bytes);
  Rig second;
  replay(second, log, Rig::pool({"a"}));
  EXPECT_EQ(second.slots("a"), 0U);
  second.answer("a", false, "", true);
  second.flush_all_verified();
  EXPECT_EQ(second.count<FlushBackend>(), 1U);
  EXPECT_EQ(second.slots("a"), 65536U);
}

TEST(G5_Restart, LowerEpochThanTheSegmentShowsIsNeverPublished) {
  NodeSettings settings = Rig::settings();
  settings.published_epoch = Epoch{100};
  Rig rig(settings);
  rig.serve(Rig::pool({"a"}));
  EXPECT_EQ(rig.count<PublishView>(), 0U);
  EXPECT_EQ(rig.count<SetDeadline>(), 0U);
}

TEST(G5_Restart, NothingIsPublishedBeforeTheBarrier) {
  Rig first;
  first.serve(Rig::pool({"a"}));
  Rig second;
  second.has_quorum = false;
  replay(second, first.log, Rig::pool({"a"}));
  second.pass(1_s);
  EXPECT_EQ(second.count<PublishView>(), 0U);
  EXPECT_EQ(second.count<SetDeadline>(), 0U);
}

}  // namespace
}  // namespace ringfence::agent::core
