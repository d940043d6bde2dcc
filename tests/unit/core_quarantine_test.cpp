// A host that is itself what is broken: no lease, no say, and never an empty pool.
#include "tests/unit/core_losing_rig.hpp"

namespace ringfence::agent::core::test {
namespace {

using G6_Quarantine = Losing;

TEST_F(G6_Quarantine, ReporterLosesWhatItsWitnessesReachThenItIsOutAndNothingIsLost) {
  serve_with({second, third, fourth});

  for (const std::string& address : addresses()) cannot_reach(second, address);
  witnesses_reach();
  rig.pass(10_s);

  EXPECT_EQ(serving_count(), addresses().size());
  EXPECT_NE(quarantined(second), "");
  EXPECT_FALSE(gets_lease(second));
  ASSERT_EQ(sent_to<LeaseRefused>(second).size(), 1U);
  EXPECT_TRUE(gets_lease(third));
}

TEST_F(G6_Quarantine, InAndOutThenHistoryAndLogSayWhoAndWhy) {
  serve_with({second, third, fourth});
  for (const char* address : {"a:1", "b:1"}) cannot_reach(second, address);
  witnesses_reach();
  EXPECT_EQ(quarantined(second), "it cannot reach 2 backends that other hosts reach (a:1, b:1)");
  EXPECT_EQ(rig.node.report().history.back().what, "quarantined host h22");
  EXPECT_EQ(rig.node.report().history.back().why, quarantined(second));

  say(second, "a:1", BackendSeen::answers);
  EXPECT_NE(quarantined(second), "");
  say(second, "b:1", BackendSeen::answers);

  EXPECT_EQ(quarantined(second), "");
  EXPECT_TRUE(gets_lease(second));
  EXPECT_EQ(rig.node.report().history.back().what, "host h22 may route again");
}

TEST_F(G6_Quarantine, TwoHostsOfOneRackLoseAllThenNothingMoreThanOneIsLost) {
  serve_with({second, third, fourth, AgentId{55}});

  for (const char* address : {"a:1", "b:1", "c:1", "d:1"}) {
    cannot_reach(second, address);
    cannot_reach(third, address);
    witnesses_reach();
  }
  rig.pass(10_s);

  EXPECT_GE(serving_count(), addresses().size() - 1);
  EXPECT_NE(quarantined(second), "");
  EXPECT_NE(quarantined(third), "");
}

TEST_F(G6_Quarantine, WithoutPatienceThenABrokenHostCostsOneBackendAtMost) {
  WantedPool pool = Rig::pool(addresses());
  pool.timing.partial_patience = 0_ms;
  serve_with({second, third, fourth}, pool);

  for (const std::string& address : addresses()) {
    cannot_reach(second, address);
    witnesses_reach();
  }
  rig.pass(10_s);

  EXPECT_GE(serving_count(), addresses().size() - 1);
  EXPECT_NE(quarantined(second), "");
}

TEST_F(G6_Quarantine, OutOfQuarantinedHostsReachThenABackendIsAdmittedAllTheSame) {
  serve_with({second, third, fourth});
  for (const char* address : {"a:1", "b:1"}) cannot_reach(second, address);
  witnesses_reach();
  ASSERT_NE(quarantined(second), "");
  for (const AgentId id : {third, fourth}) cannot_reach(id, "a:1");
  ASSERT_EQ(rig.state("a:1"), "lost");

  for (const AgentId id : {third, fourth}) say(id, "a:1", BackendSeen::answers);
  rig.pass(1_s);
  rig.flush_all_verified();

  EXPECT_EQ(rig.state("a:1"), "serving");
}

TEST_F(G6_Quarantine, TheLeaderIsBrokenThenItHasNoLeaseAndTheOthersWordStands) {
  serve_with({second, third, fourth});

  for (const std::string& address : addresses()) rig.unreachable(address);
  witnesses_reach();
  rig.pass(10_s);

  EXPECT_EQ(serving_count(), addresses().size());
  EXPECT_NE(quarantined(self), "");
  EXPECT_LE(rig.node.report().lease_until, rig.now);
}

// What it flushed before its trouble began may have been written to since.
TEST_F(G6_Quarantine, TheLeaderIsBrokenThenItAdmitsNothingThatItDoesNotReach) {
  serve_with({second, third, fourth});
  for (const AgentId id : {second, third}) cannot_reach(id, "a:1");
  ASSERT_EQ(rig.state("a:1"), "lost");
  for (const char* address : {"b:1", "c:1"}) rig.unreachable(address);
  witnesses_reach();
  ASSERT_NE(quarantined(self), "");
  rig.unreachable("a:1");
  for (const AgentId id : {second, third}) say(id, "a:1", BackendSeen::answers);
  rig.pass(10_s);
  EXPECT_EQ(rig.state("a:1"), "lost");
}

TEST_F(G6_Quarantine, TheLeaderOfSeveralVotersIsBrokenThenItLetsAnotherLead) {
  serve_with({second, third, fourth});
  rig.give(VotersChanged{{self, second, third}});

  for (const char* address : {"a:1", "b:1"}) rig.unreachable(address);
  witnesses_reach();

  EXPECT_EQ(rig.count<HandOver>(), 1U);
}

TEST_F(G6_Quarantine, OfTwoThatBothFailThenTheElderStays) {
  serve_with({second});

  for (const char* address : {"a:1", "b:1"}) cannot_reach(second, address);
  for (const char* address : {"c:1", "d:1"}) rig.unreachable(address);
  witnesses_reach();

  EXPECT_NE(quarantined(second), "");
  EXPECT_EQ(quarantined(self), "");
}

TEST_F(G6_Quarantine, OfAPairTheOneThatFewerReachLosesItsLeaseAfterThePatience) {
  const AgentId fifth{55};
  serve_with({second, third, fourth, fifth});

  hear(second, PeersTold{{third, fourth}});
  rig.pass(990_ms);
  EXPECT_TRUE(gets_lease(second));
  rig.pass(20_ms);

  EXPECT_FALSE(gets_lease(second));
  EXPECT_TRUE(gets_lease(third));
  EXPECT_EQ(quarantined(second), "2 of its 4 peers have no connection to it");
  hear(second, PeersTold{{}});
  rig.pass(100_ms);
  EXPECT_TRUE(gets_lease(second));
}

TEST_F(G6_Quarantine, OfAPairThatAsManyReachThenBothKeepTheirLeases) {
  serve_with({second, third, fourth});

  hear(second, PeersTold{{third}});
  rig.pass(5_s);

  EXPECT_TRUE(gets_lease(second));
  EXPECT_TRUE(gets_lease(third));
}

TEST_F(G6_Quarantine, ReporterOutOfMostPeersReachThenItsWordDoesNotCount) {
  WantedPool pool = Rig::pool(addresses());
  pool.timing.partial_patience = 0_ms;
  serve_with({second, third, fourth}, pool);
  hear(third, PeersTold{{second}});
  hear(fourth, PeersTold{{second}});
  rig.pass(100_ms);

  cannot_reach(second, "a:1");
  rig.pass(1_s);

  EXPECT_EQ(rig.state("a:1"), "serving");
}

TEST_F(Losing, RefusedByTheLeaderThenThisHostSaysWhy) {
  rig.give(PeerUp{second, Incarnation{1}, "h22", "h22:1", {}});
  Introduction introduction;
  introduction.cluster_id = Rig::settings().cluster_id;
  introduction.has_fleet = true;
  hear(second, introduction);
  hear(second, Lead{Rig::settings().cluster_id, Term{1}, LogIndex{}});

  hear(second, LeaseRefused{"it cannot reach 2 backends"});

  EXPECT_EQ(quarantined(self), "it cannot reach 2 backends");
  EXPECT_NE(rig.last<WriteLog>(), nullptr);
}

TEST_F(Losing, ConnectionToAPeerIsLostThenTheLeaderIsTold) {
  const WantedPool pool = Rig::pool(addresses());
  serve_with({second, third}, pool);
  rig.give(LeadershipChanged{false, Term{2}});
  hear(second, Lead{Rig::settings().cluster_id, Term{2}, LogIndex{}});
  rig.effects.clear();

  rig.give(PeerDown{third});
  rig.pass(250_ms);

  ASSERT_EQ(sent_to<PeersTold>(second).size(), 1U);
  EXPECT_EQ(sent_to<PeersTold>(second)[0].missing, std::vector<AgentId>{third});
}

}  // namespace
}  // namespace ringfence::agent::core::test
