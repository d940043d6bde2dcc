// Seeds of whole fleets in virtual time. RINGFENCE_SIM_SEED replays one of them, with
// RINGFENCE_SIM_TRACE=1 it says what happens; RINGFENCE_SIM_COUNT runs more or fewer.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "tests/sim/fleet.hpp"

namespace ringfence::sim {
namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): one thread
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::string replay_of(std::uint64_t seed) {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  return "\nreplay: RINGFENCE_SIM_TRACE=1 RINGFENCE_SIM_SEED=" + std::to_string(seed) +
         " build/bin/sim_tests --gtest_filter=" + test->test_suite_name() + "." + test->name();
}

// Fleets of `smallest` to `largest` hosts.
void run_seeds(std::uint64_t first, std::uint64_t count, FleetPlan plan, std::size_t smallest,
               std::size_t largest) {
  const std::uint64_t only = number_from("RINGFENCE_SIM_SEED", 0);
  if (only != 0) first = only;
  count = only != 0 ? 1 : number_from("RINGFENCE_SIM_COUNT", count);
  std::uint64_t hits = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    plan.host_count = smallest + seed % (largest - smallest + 1);
    Fleet fleet(seed, plan);
    fleet.run();
    hits += fleet.check().hit_count();
    for (const std::string& failure : fleet.check().failures()) {
      ADD_FAILURE() << failure << replay_of(seed);
      return;
    }
  }
  EXPECT_GT(hits, 0U) << "nothing was ever hit: the run proves nothing";
}

TEST(G2_FleetSim, EveryFaultThenNoStaleHitAndAllAgree) {
  run_seeds(1, 150, FleetPlan{}, 3, 7);
}

TEST(G3_FleetSim, BackendFaultsAloneThenNothingUnflushedIsUsed) {
  FleetPlan plan;
  plan.has_agent_faults = plan.has_network_faults = plan.has_flush_alls = false;
  run_seeds(100'001, 60, plan, 3, 7);
}

TEST(G5_FleetSim, AgentAndNetworkFaultsAloneThenNothingThatServesIsFlushed) {
  FleetPlan plan;
  plan.has_backend_faults = plan.has_flush_alls = false;
  run_seeds(200'001, 100, plan, 2, 7);
}

TEST(G2_FleetSim, OneAndTwoHostsThenNoStaleHitAndAllAgree) {
  run_seeds(300'001, 100, FleetPlan{}, 1, 2);
}

// Fewer backends, so that slots soon come back to where they were; and more trouble.
TEST(G2_FleetSim, DenseTroubleOfFewBackendsThenNoStaleHitAndAllAgree) {
  FleetPlan plan;
  plan.backend_count = 2;
  plan.client_count = 20;
  plan.fault_pause_max = 400_ms;
  run_seeds(400'001, 100, plan, 3, 7);
}

TEST(G1_FleetSim, FiftyHostsThenAllAgree) {
  FleetPlan plan;
  plan.backend_count = 12;
  plan.client_count = 50;
  plan.fault_pause_max = 600_ms;
  run_seeds(500'001, 3, plan, 50, 50);
}

TEST(G1_FleetSim, TwoHundredHostsAndFiftyBackendsThenAllAgree) {
  FleetPlan plan;
  plan.backend_count = 50;
  plan.client_count = 100;
  plan.trouble = 4_s;
  plan.peace = 8_s;
  plan.fault_pause_max = 600_ms;
  run_seeds(600'001, 1, plan, 200, 200);
}

// --- a rule that is broken on purpose is noticed -------------------------------------------------

// How many of a fixed list of seeds notice.
int caught_by(Mutation mutation, FleetPlan plan = {}) {
  plan.mutation = mutation;
  plan.backend_count = 2;
  plan.client_count = 20;
  plan.fault_pause_max = 400_ms;
  int caught = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    plan.host_count = 3 + seed % 5;
    Fleet fleet(seed, plan);
    fleet.run();
    const auto& failures = fleet.check().failures();
    if (failures.empty() || failures[0].rfind("liveness", 0) == 0) continue;
    ++caught;
  }
  return caught;
}

constexpr int caught_min = 3;

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
  FleetPlan plan;
  plan.has_agent_faults = plan.has_network_faults = plan.has_flush_alls = false;
  EXPECT_GE(caught_by(Mutation::generations_are_not_raised, plan), caught_min);
}

TEST(G3_Mutation, FlushSkippedThenCaught) {
  EXPECT_GE(caught_by(Mutation::skips_flush), caught_min);
}

TEST(G2_Mutation, NothingBrokenThenNothingCaught) {
  EXPECT_EQ(caught_by(Mutation::none), 0);
}

}  // namespace
}  // namespace ringfence::sim
