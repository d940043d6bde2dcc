// Seeds of whole fleets in virtual time. seeds.hpp says how to run one of them again, or more.
#include <gtest/gtest.h>

#include <string>

#include "tests/sim/fleet.hpp"
#include "tests/sim/seeds.hpp"

namespace ringfence::sim {
namespace {

constexpr std::size_t large = 50;  // hosts, from which on a seed takes seconds

// Fleets of `smallest` to `largest` hosts.
void run_seeds(std::uint64_t first, std::uint64_t count, FleetPlan plan, std::size_t smallest,
               std::size_t largest) {
  const Seeds seeds = seeds_to_run({first, count}, largest >= large);
  std::uint64_t hits = 0;
  for (std::uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    const ReplayOnAbort replay(seed);
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
  FleetPlan plan;
  plan.odds_at_disk = 20;
  run_seeds(300'001, 100, plan, 1, 2);
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
  plan.odds_at_disk = 20;
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

TEST(G6_FleetSim, ABrokenHostThenThePoolIsNotEmptied) {
  run_seeds(1'400'001, 60, broken_hosts(), 2, 7);
}

TEST(G6_FleetSim, OneHostIsCutFromOneBackendThenNobodyUsesIt) {
  run_seeds(1'500'001, 60, lone_cuts(), 2, 7);
}

TEST(G2_FleetSim, BrokenHostsAndEveryOtherFaultThenNoStaleHitAndAllAgree) {
  FleetPlan plan;
  plan.has_broken_hosts = plan.has_lone_cuts = true;
  run_seeds(1'600'001, 60, plan, 2, 7);
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
