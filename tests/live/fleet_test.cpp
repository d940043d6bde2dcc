// A fleet of several agents: how it forms, what it survives, and that all agree after each.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "shm_layout/mapped_segment.hpp"
#include "tests/live/support/agents.hpp"

namespace ringfence::live {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

Milliseconds since(Clock::time_point start) {
  return std::chrono::duration_cast<Milliseconds>(Clock::now() - start);
}

std::string agent_id(const Agent& agent) {
  return agent.ask("status").at("agent").value("id", "");
}

class Fleet : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Sizes, Fleet, testing::Values(3, 5, 10),
                         [](const auto& test) { return std::to_string(test.param); });

TEST_P(Fleet, AllStartedThenTheyFormOneFleetAndRouteAlike) {
  Agents agents(GetParam());

  agents.wait_agreed();

  expect_one_cache(agents, "k");
  const json peers = agents[0].ask("peers");
  std::size_t voters = 0;
  for (const json& peer : peers.at("agents")) {
    voters += peer.value("is_voter", false) ? 1 : 0;
    EXPECT_TRUE(peer.value("is_connected", false)) << peers.dump();
  }
  EXPECT_GE(voters, 1U);
  const RunOutcome outcome =
      run({program("ringfencectl"), "--control", agents[0].control(), "agree"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_NE(outcome.output.find("all live agents agree"), std::string::npos) << outcome.output;
}

TEST_P(Fleet, LeaderKilledThenTheOthersAgreeAndALostBackendIsGoneForAll) {
  Agents agents(GetParam());
  agents.wait_agreed();

  agents.kill(agents.leader());
  agents.wait_agreed(GetParam(), 2);
  agents.memcacheds()[0].kill();
  agents.wait_agreed(GetParam(), 1);

  for (const std::size_t i : agents.running()) {
    EXPECT_EQ(agents[i].owner_of("k"), agents.memcacheds()[1].address());
  }
  expect_one_cache(agents, "k");
}

TEST_P(Fleet, FollowerKilledAndStartedAgainThenTheSameViewAndNothingFlushed) {
  Agents agents(GetParam());
  const std::uint64_t epoch = agents.wait_agreed();
  const std::uint64_t flushes = agents.flush_count();
  const std::size_t follower = agents.follower();

  agents.kill(follower);
  EXPECT_EQ(agents.wait_agreed(), epoch);
  const RunOutcome without = run(
      {program("ringfencectl"), "--control", agents[*agents.running().begin()].control(), "agree"});
  EXPECT_EQ(without.exit_code, 0) << "who is gone fails nothing: " << without.output;
  EXPECT_NE(without.output.find("gone"), std::string::npos) << without.output;
  expect_one_cache(agents, "k");
  agents.start(follower);

  EXPECT_EQ(agents.wait_agreed(), epoch);
  EXPECT_EQ(agents.flush_count(), flushes);
  EXPECT_EQ(agents[follower].client().get("k"), "of k");
}

// Its fences and its view are in the segment, and the others count its lease: readers go on by it.
TEST_P(Fleet, AgentKilledAndStartedAgainThenItsEarlierLeaseGoesOnUntilTheNext) {
  Agents agents(GetParam());
  agents.wait_agreed();
  const std::size_t victim = agents.leader();
  shm_layout::MappedSegment segment;
  ASSERT_EQ(segment.open(agents[victim].segment().c_str()), shm_layout::AttachVerdict::ok);
  // Acquire; pairs with the stores of SegmentWriter.
  const auto deadline_ns = [&] {
    return segment.reader().control().deadline_coarse_ns.load(std::memory_order_acquire);
  };

  agents.kill(victim);
  const std::int64_t earlier_ns = deadline_ns();
  agents.start(victim);
  const Clock::time_point limit = Clock::now() + fleet_patience;
  std::int64_t seen_ns = earlier_ns;
  while (seen_ns == earlier_ns && Clock::now() < limit) seen_ns = deadline_ns();

  EXPECT_GT(seen_ns, earlier_ns) << "0: the earlier lease was cut off";
  agents.wait_agreed();
}

TEST_P(Fleet, AllKilledAndStartedAgainThenTheSameEpochAndNothingFlushed) {
  Agents agents(GetParam());
  const std::uint64_t epoch = agents.wait_agreed();
  expect_one_cache(agents, "k");
  const std::uint64_t flushes = agents.flush_count();

  for (std::size_t i = 0; i < agents.size(); ++i) agents.kill(i);
  for (std::size_t i = 0; i < agents.size(); ++i) agents.start(i);

  EXPECT_EQ(agents.wait_agreed(), epoch);
  EXPECT_EQ(agents.flush_count(), flushes);
  EXPECT_EQ(agents[0].client().get("k"), "of k");
}

TEST_P(Fleet, LeaderTerminatedThenAnotherLeadsAtOnceAndNobodyWaitsForALease) {
  Agents agents(GetParam());
  agents.wait_agreed();
  expect_one_cache(agents, "k");
  const std::size_t former = agents.leader();

  const Clock::time_point start = Clock::now();
  EXPECT_EQ(agents.terminate(former), 0);
  (void)agents.leader();
  const Milliseconds to_leader = since(start);
  // The lost backend's slots move without the passing of the old leader's lease (2 s).
  const Clock::time_point lost_at = Clock::now();
  agents.memcacheds()[0].kill();
  agents.wait_agreed(GetParam(), 1);
  RecordProperty("new_leader_ms", static_cast<int>(to_leader.count()));
  RecordProperty("lost_for_all_ms", static_cast<int>(since(lost_at).count()));

  EXPECT_LT(to_leader, Milliseconds{2000}) << "a new leader, and the old one's end";
  for (const std::size_t i : agents.running()) {
    const json change = agents[i].ask("status").at("last_change");
    EXPECT_LT(change.value("fence_us", 0), 1'500'000) << change.dump();
  }
}

// Whatever an agent lost, it rejoins by itself as another one, and its former self leaves.
class LostState : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Ways, LostState, testing::Values("Deleted", "Corrupted"),
                         [](const auto& test) { return test.param; });

TEST_P(LostState, AgentStartedAgainThenItRejoinsUnderANewIdentityAndTheOldOneLeaves) {
  Agents agents(3);
  agents.wait_agreed();
  const std::uint64_t flushes = agents.flush_count();
  const std::size_t victim = agents.follower();
  const std::string former = agent_id(agents[victim]);
  agents.kill(victim);
  if (GetParam() == "Deleted") {
    std::filesystem::remove_all(agents[victim].state_dir());
  } else {
    write_file(agents[victim].state_dir() + "/marker", std::string(96, 'x'));
  }

  agents.start(victim);
  const auto has_left = [&] {
    for (const std::size_t i : agents.running()) {
      const json view = agents[i].ask("view");
      if (!view.value("ok", false) || view.at("agents").size() != agents.size()) return false;
      for (const json& one : view.at("agents")) {
        if (one.value("id", "") == former) return false;
      }
    }
    return true;
  };
  ASSERT_TRUE(wait_until(has_left, fleet_patience, Milliseconds{20}))
      << agents[victim].ask("view").dump();

  agents.wait_agreed();
  EXPECT_NE(agent_id(agents[victim]), former);
  EXPECT_EQ(agents.flush_count(), flushes) << "the fleet's state lives on";
  expect_one_cache(agents, "k");
}

TEST(FleetForming, FleetOfOneThatIsGivenSeedsThenItGivesUpItsOwnAndJoins) {
  const auto made = Agents::not_started(3);
  Agents& agents = *made;
  agents.start_with(2, "");  // without seeds: a fleet of its own, over the same memcacheds
  agents[2].wait_ready();
  const std::string own = agents[2].ask("view").value("cluster_id", "");
  agents.terminate(2);
  for (Memcached& memcached : agents.memcacheds()) {
    memcached.kill();  // with its claim: it would be another fleet's
    memcached.restart();
  }
  for (std::size_t i = 0; i < 2; ++i) {
    agents.start_with(
        i, "seeds = [\"" + agents.mesh_address(0) + "\", \"" + agents.mesh_address(1) + "\"]\n");
  }
  agents.wait_agreed(2, 2);

  agents.set_mesh_lines(2, agents.seed_line());
  agents.start(2);

  agents.wait_agreed(3, 2);
  EXPECT_NE(agents[2].ask("view").value("cluster_id", ""), own);
  expect_one_cache(agents, "k");
}

TEST(FleetForming, MinorityOfTheSeedsThenItWaitsAndSaysWhyUntilItIsBootstrapped) {
  const auto made = Agents::not_started(3);
  Agents& agents = *made;
  agents.start(0);
  const auto says_why = [&] {
    return agents[0].ask("status").value("forming", "").find("1 of 3") != std::string::npos;
  };
  ASSERT_TRUE(wait_until(says_why)) << agents[0].ask("status").dump();
  const std::vector<std::string> ctl = {program("ringfencectl"), "--control", agents[0].control()};
  const auto ask = [&](const std::string& command) {
    std::vector<std::string> argv = ctl;
    argv.push_back(command);
    return run(argv);
  };
  EXPECT_EQ(ask("agree").exit_code, 1) << "no fleet, no agreement";
  EXPECT_NE(ask("peers").output.find(agents.mesh_address(1)), std::string::npos)
      << "an address where nobody answers is named: " << ask("peers").output;

  const RunOutcome bootstrapped = ask("bootstrap");

  EXPECT_EQ(bootstrapped.exit_code, 0) << bootstrapped.output;
  agents.wait_agreed(1, 2);
  EXPECT_EQ(ask("bootstrap").exit_code, 1) << "it has a fleet already";
  agents.start(1);
  agents.start(2);
  agents.wait_agreed(3, 2);
  expect_one_cache(agents, "k");
}

// A log begins with its first entry on the disk, not with the wish to write one.
TEST(Regression, VoterKilledWhileItsLogBeginsThenItKeepsItsIdentity) {
  for (int round = 0; round < 4; ++round) {
    Agents agents(3);
    const auto is_third_in_view = [&] {
      return agents[0].ask("view").value("agents", json::array()).size() == 3;
    };
    ASSERT_TRUE(wait_until(is_third_in_view, fleet_patience)) << agents[0].ask("status").dump();
    std::vector<std::string> before;
    for (std::size_t i = 0; i < agents.size(); ++i) before.push_back(agent_id(agents[i]));

    for (std::size_t i = 0; i < agents.size(); ++i) agents.kill(i);
    for (std::size_t i = 0; i < agents.size(); ++i) agents.start(i);
    agents.wait_agreed();

    for (std::size_t i = 0; i < agents.size(); ++i) {
      EXPECT_EQ(agent_id(agents[i]), before[i]) << agents[i].log();
    }
  }
}

TEST(FleetForming, TwoAgentsAndAWitnessThenTheLeadersDeathLeavesAQuorum) {
  const auto made = Agents::not_started(3);
  Agents& agents = *made;
  agents.start(0);
  agents.start(1);
  agents.start_with(2, agents.seed_line() + "role = \"witness\"\n");
  const auto are_two_served = [&] {
    for (std::size_t i = 0; i < 2; ++i) {
      const json status = agents[i].ask("status");
      if (status.value("lease_left_ms", 0) <= 0) return false;
    }
    const json agents_seen = agents[agents.leader()].ask("status").value("agents", json::array());
    return std::count_if(agents_seen.begin(), agents_seen.end(),
                         [](const json& one) { return one.value("is_voter", false); }) == 3;
  };
  ASSERT_TRUE(wait_until(are_two_served, fleet_patience, Milliseconds{20}))
      << agents[0].ask("status").dump();
  agents[0].wait_serving(2);
  agents[1].wait_serving(2);
  TextClient client = agents[1].client();
  set_until_stored(client, "k", "v");

  agents.kill(0);
  agents.memcacheds()[0].kill();

  agents[1].wait_serving(1);
  set_until_stored(client, "k", "v2");
  EXPECT_EQ(agents[1].client().get("k"), "v2");
  EXPECT_EQ(agents[2].client().get("k"), std::nullopt) << "a witness routes nothing";
}

}  // namespace
}  // namespace ringfence::live
