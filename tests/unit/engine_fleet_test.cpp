// Three engines with real logs: electing, committing, losing the leader, catching up, cuts.
#include <gtest/gtest.h>

#include "tests/unit/engine_fleet.hpp"

namespace ringfence::agent::engine::test {
namespace {

TEST(EngineFleet, ThreeStartedThenOneLeadsAndAllApplyWhatItCommits) {
  Fleet fleet;
  fleet.start_all({1, 2, 3});
  ASSERT_TRUE(fleet.commit_many(20, "entry "));
  EXPECT_TRUE(fleet.wait_same(20));
  EXPECT_TRUE(fleet.wait_voters({1, 2, 3}));
}

TEST(EngineFleet, CommitAskedOfAFollowerThenRefused) {
  Fleet fleet;
  fleet.be_patient();
  fleet.start_all({1, 2, 3});
  const std::uint64_t leader = fleet.wait_leader();
  ASSERT_NE(leader, 0U);
  const Fleet::Outcome outcome = fleet.commit_at(leader % 3 + 1, "x");
  EXPECT_FALSE(outcome.is_ok);
  EXPECT_EQ(outcome.why, "not committed: server is not the leader");
}

TEST(EngineFleet, LeaderKilledThenAnotherLeadsAndTheFirstCatchesUpWhenItReturns) {
  Fleet fleet;
  fleet.start_all({1, 2, 3});
  for (unsigned round = 0; round < 5; round++) {
    ASSERT_TRUE(fleet.commit_many(5, "before "));
    const std::uint64_t killed = fleet.wait_leader();
    fleet.stop(killed);
    ASSERT_NE(fleet.wait_leader(), 0U);
    ASSERT_TRUE(fleet.commit_many(5, "after "));
    fleet.start(killed);
    ASSERT_TRUE(fleet.wait_same((round + 1) * 10));
  }
}

TEST(EngineFleet, AllStoppedAndStartedAgainThenNothingIsLost) {
  Fleet fleet;
  fleet.start_all({1, 2, 3});
  ASSERT_TRUE(fleet.commit_many(30, "kept "));
  for (const std::uint64_t id : {1, 2, 3}) fleet.stop(id);
  for (const std::uint64_t id : {1, 2, 3}) fleet.start(id);
  ASSERT_TRUE(fleet.commit("more"));
  EXPECT_TRUE(fleet.wait_same(31));
  EXPECT_TRUE(fleet.wait_voters({1, 2, 3}));
}

TEST(EngineFleet, LeaderCutOffThenItStepsDownAndFollowsWhenHealed) {
  Fleet fleet;
  fleet.start_all({1, 2, 3});
  ASSERT_TRUE(fleet.commit_many(5, "before "));
  const std::uint64_t old = fleet.wait_leader();
  fleet.isolate(old);
  ASSERT_TRUE(fleet.wait([&] { return !fleet.at(old).leads; }));
  ASSERT_NE(fleet.wait_leader(old), 0U);
  ASSERT_TRUE(fleet.commit_many(5, "after "));
  fleet.heal();
  EXPECT_TRUE(fleet.wait_same(10));
}

TEST(EngineFleet, LeaderThatHearsNobodyThenAnotherLeads) {
  Fleet fleet;
  fleet.start_all({1, 2, 3});
  ASSERT_TRUE(fleet.commit("before"));
  const std::uint64_t old = fleet.wait_leader();
  for (const std::uint64_t id : {1, 2, 3}) fleet.cut(id, old);
  ASSERT_TRUE(fleet.wait([&] { return !fleet.at(old).leads; }));
  ASSERT_NE(fleet.wait_leader(), 0U);
  ASSERT_TRUE(fleet.commit("after"));
  fleet.heal();
  EXPECT_TRUE(fleet.wait_same(2));
}

TEST(EngineFleet, FollowerThatReturnsFromACutThenTheLeaderStays) {
  Fleet fleet;
  fleet.be_patient();
  fleet.start_all({1, 2, 3});
  ASSERT_TRUE(fleet.commit("before"));
  const std::uint64_t leader = fleet.wait_leader();
  const std::uint64_t term = fleet.at(leader).term;
  fleet.isolate(leader % 3 + 1);
  ASSERT_TRUE(fleet.commit("meanwhile"));
  ASSERT_TRUE(fleet.wait_vote_requests(leader % 3 + 1, 4));
  fleet.heal();
  ASSERT_TRUE(fleet.commit_many(20, "after "));
  EXPECT_TRUE(fleet.wait_same(22));
  EXPECT_TRUE(fleet.at(leader).leads);
  EXPECT_EQ(fleet.at(leader).term, term);
}

TEST(EngineFleet, MessagesLostRepeatedAndReorderedThenAllApplyTheSame) {
  Fleet fleet;
  fleet.disturb(5, 15, 15);
  fleet.start_all({1, 2, 3});
  ASSERT_TRUE(fleet.commit_many(60, "entry "));
  fleet.disturb(0, 0, 0);
  EXPECT_TRUE(fleet.wait_same(60));
}

TEST(EngineFleet, QuorumAskedOfALeaderThenConfirmedForTheTimeOfTheQuestion) {
  Fleet fleet;
  fleet.be_patient();
  fleet.start_all({1, 2, 3});
  const std::uint64_t leader = fleet.wait_leader();
  ASSERT_NE(leader, 0U);
  fleet.at(leader).engine->confirm_quorum({42});
  ASSERT_TRUE(fleet.wait([&] { return fleet.at(leader).quorums.count(42) != 0; }));
  EXPECT_TRUE(fleet.at(leader).quorums[42]);
}

TEST(EngineFleet, QuorumAskedWithoutOneThenDenied) {
  Fleet fleet;
  fleet.start_all({1, 2, 3});
  const std::uint64_t leader = fleet.wait_leader();
  ASSERT_NE(leader, 0U);
  fleet.isolate(leader);
  fleet.at(leader).engine->confirm_quorum({43});
  ASSERT_TRUE(fleet.wait([&] { return fleet.at(leader).quorums.count(43) != 0; }));
  EXPECT_FALSE(fleet.at(leader).quorums[43]);
}

TEST(EngineFleet, QuorumAskedOfAFollowerThenDenied) {
  Fleet fleet;
  fleet.start_all({1, 2, 3});
  const std::uint64_t follower = fleet.wait_leader() % 3 + 1;
  fleet.at(follower).engine->confirm_quorum({44});
  ASSERT_TRUE(fleet.wait([&] { return fleet.at(follower).quorums.count(44) != 0; }));
  EXPECT_FALSE(fleet.at(follower).quorums[44]);
}

TEST(EngineFleet, CommitsAtALeaderWithoutQuorumThenAnsweredNotOk) {
  Fleet fleet;
  fleet.start_all({1, 2, 3});
  const std::uint64_t leader = fleet.wait_leader();
  ASSERT_NE(leader, 0U);
  fleet.isolate(leader);
  const Fleet::Outcome outcome = fleet.commit_at(leader, "lost");
  EXPECT_FALSE(outcome.is_ok);
  EXPECT_NE(outcome.why, "never answered");
}

TEST(EngineFleet, LeadershipTransferredThenAnotherLeadsAtOnce) {
  Fleet fleet;
  fleet.base.election_timeout = core::operator""_s(2);
  fleet.start_all({1, 2, 3});
  ASSERT_TRUE(fleet.commit("before"));
  const std::uint64_t old = fleet.wait_leader();
  const auto begin = std::chrono::steady_clock::now();
  fleet.at(old).engine->transfer_leadership();
  ASSERT_NE(fleet.wait_leader(old), 0U);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  ASSERT_TRUE(fleet.commit("after"));
}

TEST(EngineFleet, LargeEntriesThenAFollowerThatWasAwayGetsThemAll) {
  Fleet fleet;
  fleet.start_all({1, 2, 3});
  const std::uint64_t away = fleet.wait_leader() % 3 + 1;
  fleet.isolate(away);
  const std::string large(std::size_t{1} << 20, 'x');
  for (int i = 0; i < 12; i++) ASSERT_TRUE(fleet.commit(large));
  fleet.heal();
  EXPECT_TRUE(fleet.wait_same(12));
}

TEST(EngineFleet, BytesThatMakeNoSenseReceivedThenNothingHappens) {
  Fleet fleet;
  fleet.be_patient();
  fleet.start_all({1, 2, 3});
  ASSERT_TRUE(fleet.commit("before"));
  const std::uint64_t leader = fleet.wait_leader();
  for (unsigned i = 0; i < 2000; i++) {
    std::string bytes(i % 100, static_cast<char>(i * 7));
    if (bytes.size() > 1) bytes[0] = 1, bytes[1] = static_cast<char>(i % 8);
    fleet.at(i % 3 + 1).engine->receive({i % 5}, bytes);
  }
  ASSERT_TRUE(fleet.commit("after"));
  EXPECT_TRUE(fleet.wait_same(2));
  EXPECT_TRUE(fleet.at(leader).leads);
}

}  // namespace
}  // namespace ringfence::agent::engine::test
