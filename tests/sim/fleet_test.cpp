// Seeds of whole fleets in virtual time. RINGFENCE_SIM_SEED replays one of them, with
// RINGFENCE_SIM_TRACE=1 it says what happens; RINGFENCE_SIM_COUNT runs more or fewer, and
// RINGFENCE_SIM_LARGE_COUNT of the fleets of fifty and two hundred.
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
  const char* more = largest < 50 ? "RINGFENCE_SIM_COUNT" : "RINGFENCE_SIM_LARGE_COUNT";
  if (only != 0) first = only;
  count = only != 0 ? 1 : number_from(more, count);
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
  run_seeds(1, 300, FleetPlan{}, 3, 7);
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

TEST(G2_FleetSim, DenseTroubleOfFewBackendsThenNoStaleHitAndAllAgree) {
  run_seeds(400'001, 100, dense(), 3, 5);
}

TEST(G2_FleetSim, WitnessesAndZonesThenNoStaleHitAndVotesAreSpread) {
  FleetPlan plan;
  plan.backend_count = 2;
  plan.witness_count = 1;
  plan.zone_count = 2;
  run_seeds(700'001, 60, plan, 3, 6);
}

TEST(G2_FleetSim, HostsLeaveForLongAndForGoodThenTheyAreForgottenAndReplaced) {
  FleetPlan plan;
  plan.backend_count = 2;
  plan.has_departures = true;
  plan.forget_after = 3_s;
  plan.zone_count = 3;
  run_seeds(800'001, 80, plan, 3, 8);
}

TEST(G2_FleetSim, FormedByCommandThenNoStaleHitAndAllAgree) {
  FleetPlan plan;
  plan.beginning = Beginning::by_bootstrap;
  run_seeds(900'001, 30, plan, 1, 4);
}

TEST(G2_FleetSim, AFleetOfOneIsGivenSeedsThenItJoinsTheOther) {
  FleetPlan plan;
  plan.beginning = Beginning::with_loner;
  run_seeds(1'000'001, 50, plan, 3, 5);
}

TEST(G3_FleetSim, WithoutTagsThenFlushedAfterTheLastFence) {
  FleetPlan plan;
  plan.has_tags = false;
  run_seeds(1'100'001, 40, plan, 2, 5);
}

TEST(G2_FleetSim, TagsComeAndGoThenNoStaleHitOfATaggedKey) {
  FleetPlan plan = dense();
  plan.has_option_changes = true;
  run_seeds(1'200'001, 40, plan, 2, 5);
}

TEST(G6_FleetSim, ManyBackendsDieAtOnceThenNeitherEvictionsNorAdmissionsAreAStorm) {
  run_seeds(1'300'001, 50, mass_failures(), 1, 5);
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

}  // namespace
}  // namespace ringfence::sim
