// A report is weighed: what a witness or the own host confirms is lost at once, what one host alone
// sees is lost after its patience.
#include "tests/unit/core_losing_rig.hpp"

namespace ringfence::agent::core::test {
namespace {

TEST_F(Losing, OneHostAloneThenWitnessesAreAskedAndItServesOn) {
  serve_with({second, third, fourth});

  cannot_reach(second, "a:1");

  EXPECT_EQ(rig.state("a:1"), "serving");
  const std::size_t asked = sent_to<ProbeAsked>(third).size() + sent_to<ProbeAsked>(fourth).size() +
                            rig.count<ProbeBackend>();
  EXPECT_EQ(asked, 3U);
  EXPECT_TRUE(sent_to<ProbeAsked>(second).empty());
}

TEST_F(Losing, AWitnessConfirmsThenLostAtOnceAndTheReasonNamesBoth) {
  serve_with({second, third, fourth});

  cannot_reach(second, "a:1");
  cannot_reach(fourth, "a:1");

  EXPECT_EQ(rig.state("a:1"), "lost");
  EXPECT_EQ(rig.reason("a:1"), "h22: refused; confirmed by h44");
}

TEST_F(Losing, TheAgentOfItsOwnHostSaysSoThenLostAtOnce) {
  serve_with({second, third, fourth});

  cannot_reach(third, "h33:2");

  EXPECT_EQ(rig.state("h33:2"), "lost");
  EXPECT_EQ(rig.reason("h33:2"), "h33: refused, says the agent of its own host");
}

TEST_F(Losing, OneHostAloneForThePatienceThenLostForEveryone) {
  serve_with({second, third, fourth});
  cannot_reach(second, "a:1");
  witnesses_reach();

  rig.pass(990_ms);
  EXPECT_EQ(rig.state("a:1"), "serving");
  rig.pass(20_ms);
  EXPECT_EQ(rig.state("a:1"), "lost");
  EXPECT_NE(rig.reason("a:1").find("others reach it"), std::string::npos) << rig.reason("a:1");
}

TEST_F(Losing, ItAnswersAgainWithinThePatienceThenNothingIsLost) {
  serve_with({second, third});
  cannot_reach(second, "a:1");
  rig.pass(900_ms);
  say(second, "a:1", BackendSeen::answers);
  cannot_reach(second, "a:1");  // a new trouble has a patience of its own

  rig.pass(900_ms);

  EXPECT_EQ(rig.state("a:1"), "serving");
}

// A new leader hears the broken host first.
TEST_F(Losing, OneHostSaysSoAndTheOthersHaveNotToldYetThenTheyAreWaitedFor) {
  serve_with({second, third, fourth});
  rig.give(LeadershipChanged{false, Term{2}});
  rig.give(LeadershipChanged{true, Term{3}});

  for (const char* address : {"a:1", "b:1"}) cannot_reach(second, address);

  EXPECT_EQ(serving_count(), addresses().size());
}

TEST_F(Losing, NoPatienceThenOneHostsWordIsEnough) {
  WantedPool pool = Rig::pool(addresses());
  pool.timing.partial_patience = 0_ms;
  serve_with({second, third}, pool);

  cannot_reach(second, "a:1");

  EXPECT_EQ(rig.state("a:1"), "lost");
}

TEST_F(Losing, AloneInItsFleetThenItsWordIsEnough) {
  serve_with({});
  for (const char* address : {"a:1", "b:1", "c:1"}) {
    rig.unreachable(address);
    EXPECT_EQ(rig.state(address), "lost");
  }
  EXPECT_EQ(quarantined(self), "");
}

TEST_F(Losing, LostAndOneHostStillDoesNotReachItThenNotAdmitted) {
  serve_with({second, third});
  cannot_reach(second, "a:1");
  cannot_reach(third, "a:1");
  ASSERT_EQ(rig.state("a:1"), "lost");
  say(third, "a:1", BackendSeen::answers);
  rig.pass(10_s);
  EXPECT_EQ(rig.state("a:1"), "lost");

  say(second, "a:1", BackendSeen::answers);
  rig.pass(1_s);
  rig.flush_all_verified();

  EXPECT_EQ(rig.state("a:1"), "serving");
}

TEST_F(Losing, AWitnessAgentAloneAccusesThenNothingIsLost) {
  WantedPool pool = Rig::pool(addresses());
  serve_with({second, third}, pool);
  join(fourth, pool, true);
  for (const std::string& address : addresses()) say(fourth, address, BackendSeen::answers);

  cannot_reach(fourth, "a:1");
  rig.pass(5_s);

  EXPECT_EQ(rig.state("a:1"), "serving");
}

TEST_F(Losing, AnotherAgentSawItsContentsLostThenTheLeaderLooksAtOnce) {
  serve_with({second, third});

  say(second, "a:1", BackendSeen::contents_lost);

  ASSERT_NE(rig.last<ProbeBackend>(), nullptr);
  EXPECT_EQ(rig.last<ProbeBackend>()->address, "a:1");
  EXPECT_EQ(rig.state("a:1"), "serving");
  rig.give(BackendContentsLost{"p", "a:1", "it restarted"});
  EXPECT_EQ(rig.reason("a:1"), "it restarted");
}

TEST_F(Losing, AskedByTheLeaderThenProbedAndTheAnswerGoesBack) {
  rig.give(ConfigurationLoaded{{Rig::pool(addresses())}});
  rig.give(PeerUp{second, Incarnation{1}, "h22", "h22:1", {}});
  Introduction introduction;
  introduction.cluster_id = Rig::settings().cluster_id;
  introduction.has_fleet = true;
  hear(second, introduction);
  hear(second, Lead{Rig::settings().cluster_id, Term{1}, LogIndex{}});

  hear(second, ProbeAsked{RequestId{5}, "p", "a:1"});
  ASSERT_NE(rig.last<ProbeBackend>(), nullptr);
  EXPECT_EQ(rig.last<ProbeBackend>()->id, RequestId{5});
  rig.effects.clear();
  rig.give(BackendProbed{RequestId{5}, "p", "a:1", true});

  ASSERT_EQ(sent_to<ProbeTold>(second).size(), 1U);
  EXPECT_TRUE(sent_to<ProbeTold>(second)[0].is_reached);
}

TEST_F(Losing, HalfOfTheBackendsDieForAllThenBudgetAndFloorHold) {
  WantedPool pool = Rig::pool(addresses());
  pool.timing.eviction_burst = 1;
  serve_with({second, third, fourth}, pool);

  for (const char* address : {"a:1", "b:1"}) {
    for (const AgentId id : {second, third, fourth}) cannot_reach(id, address);
    rig.unreachable(address);
  }

  EXPECT_EQ(serving_count(), 3U);
  EXPECT_EQ(quarantined(second) + quarantined(third) + quarantined(fourth), "");
  std::uint32_t served = 0;
  for (const std::string& address : addresses()) served += rig.slots(address);
  EXPECT_GT(served, 65536U * 3 / 5);  // one token: the slots of one were given out
  EXPECT_LT(served, 65536U);
}

}  // namespace
}  // namespace ringfence::agent::core::test
