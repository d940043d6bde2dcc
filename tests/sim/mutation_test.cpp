// A rule of the design that is broken on purpose is noticed, by at least three of a fixed list of
// seeds. The world around the nodes breaks it: no code of the agent knows of it.
#include <gtest/gtest.h>

#include <string>

#include "tests/sim/fleet.hpp"

namespace ringfence::sim {
namespace {

constexpr std::uint64_t seed_count = 20;  // the list: 1 to 20
constexpr int caught_min = 3;

// How many of the seeds notice. A run that only does not converge does not count.
int caught_by(Mutation mutation, FleetPlan plan = dense()) {
  plan.mutation = mutation;
  int caught = 0;
  for (std::uint64_t seed = 1; seed <= seed_count; ++seed) {
    plan.host_count = 3 + seed % 5;
    Fleet fleet(seed, plan);
    fleet.run();
    const auto& failures = fleet.check().failures();
    if (failures.empty() || failures[0].rfind("liveness", 0) == 0) continue;
    ++caught;
  }
  return caught;
}

TEST(G2_Mutation, AcknowledgedWithoutFencingThenCaught) {
  EXPECT_GE(caught_by(Mutation::acknowledges_without_fencing), caught_min);
}

TEST(G2_Mutation, NewLeaderActivatesAtOnceThenCaught) {
  EXPECT_GE(caught_by(Mutation::new_leader_activates_at_once), caught_min);
}

TEST(G2_Mutation, LeaseCountedFromTheReplysArrivalThenCaught) {
  EXPECT_GE(caught_by(Mutation::counts_lease_from_arrival), caught_min);
}

TEST(G2_Mutation, GenerationsNotRaisedThenCaught) {
  FleetPlan plan = dense();
  plan.has_agent_faults = plan.has_network_faults = plan.has_flush_alls = false;
  EXPECT_GE(caught_by(Mutation::generations_are_not_raised, plan), caught_min);
}

TEST(G3_Mutation, FlushSkippedThenCaught) {
  EXPECT_GE(caught_by(Mutation::skips_flush), caught_min);
}

TEST(G6_Mutation, BudgetsIgnoredThenCaught) {
  EXPECT_GE(caught_by(Mutation::ignores_budgets, mass_failures()), caught_min);
}

TEST(G6_Mutation, WitnessesSayWhatABrokenReporterSaidThenCaught) {
  EXPECT_GE(caught_by(Mutation::witnesses_agree, broken_hosts()), caught_min);
}

TEST(G6_Mutation, HostThatIsCutOffSaysThatItReachesThenCaught) {
  EXPECT_GE(caught_by(Mutation::hides_cuts, lone_cuts()), caught_min);
}

TEST(G2_Mutation, NothingBrokenThenNothingCaught) {
  EXPECT_EQ(caught_by(Mutation::none), 0);
}

}  // namespace
}  // namespace ringfence::sim
