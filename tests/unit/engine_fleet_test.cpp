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

}  // namespace
}  // namespace ringfence::agent::engine::test
