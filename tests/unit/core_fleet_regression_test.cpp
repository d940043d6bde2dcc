// Bugs of the core of a fleet that the simulator found, each as small as it could be made.
#include <gtest/gtest.h>

#include "agent/core/messages.hpp"
#include "tests/unit/core_rig.hpp"

namespace ringfence::agent::core::test {
namespace {

constexpr AgentId other{22};

void hear(Rig& rig, const Message& message) {
  rig.give(MessageReceived{other, encode(message)});
}

BackendTold told(const std::string& address, BackendSeen seen) {
  BackendTold made;
  made.pool = "p";
  made.address = address;
  made.seen = seen;
  return made;
}

// Leads a fleet of two.
void lead_two(Rig& rig) {
  WantedPool pool = Rig::pool({"a", "b"});
  pool.timing.partial_patience = 0_ms;
  rig.start({pool});
  rig.give(PeerUp{other, Incarnation{1}, "other", "other:1", {}});
  Introduction introduction;
  introduction.cluster_id = Rig::settings().cluster_id;
  introduction.has_fleet = true;
  hear(rig, introduction);
  hear(rig, WantedTold{false, {Rig::pool({"a", "b"})}});
}

// The same, and both backends serve.
void serve_two(Rig& rig) {
  lead_two(rig);
  for (const char* address : {"a", "b"}) {
    hear(rig, told(address, BackendSeen::answers));
    rig.answer(address);
  }
  rig.flush_all_verified();
  rig.pass(5_s);
  ASSERT_EQ(rig.state("a"), "serving");
}

TEST(Regression, BackendThatRestartedWhileAnotherAgentReachesItThenFlushedAgain) {
  Rig rig;
  serve_two(rig);
  const std::size_t flushes = rig.count<FlushBackend>();

  rig.give(BackendContentsLost{"p", "a", "its claim is gone"});
  rig.answer("a");
  rig.pass(5_s);

  EXPECT_EQ(rig.count<FlushBackend>(), flushes + 1);
}

TEST(Regression, AgentThatSawABackendRestartThenStillOneThatReachesIt) {
  Rig rig;
  lead_two(rig);

  hear(rig, told("a", BackendSeen::contents_lost));
  hear(rig, told("b", BackendSeen::contents_lost));
  rig.answer("a");
  rig.answer("b");

  EXPECT_EQ(rig.count<FlushBackend>(), 2U);
}

// An entry of another leader's.
void apply(Rig& rig, const Entry& entry) {
  rig.log.push_back(encode(entry));
  rig.give(EntryApplied{LogIndex{rig.log.size()}, Term{2}, rig.log.back()});
}

void apply_change(Rig& rig, std::vector<Op> ops) {
  Proposal proposal;
  proposal.expected = rig.epoch();
  proposal.ops = std::move(ops);
  apply(rig, proposal);
  apply(rig, Activation{LogIndex{rig.log.size()}, rig.epoch(), true, 0, 0});
}

// A leader that stood still hears, as it goes on, what was said to it before another led.
TEST(G4_Regression, LossHeardOfBeforeAnotherLedThenNotLostAgainOnceThisOneLeads) {
  Rig rig;
  serve_two(rig);
  rig.is_holding = true;  // nothing that it commits comes to be
  hear(rig, told("a", BackendSeen::unreachable));
  ASSERT_EQ(rig.state("a"), "lost");
  rig.give(LeadershipChanged{false, Term{2}});
  rig.held_commits.clear();
  rig.is_holding = false;
  apply_change(rig, {LoseBackend{"p", "a"}, Reassign{"p", "a"}});
  apply_change(rig, {AdmitBackend{"p", "a", 1}});
  const Epoch epoch = rig.epoch();

  rig.give(LeadershipChanged{true, Term{3}});
  for (const char* address : {"a", "b"}) {
    hear(rig, told(address, BackendSeen::answers));
    rig.answer(address, false, "7", true);
  }
  rig.pass(5_s);

  EXPECT_EQ(rig.state("a"), "serving") << rig.reason("a");
  EXPECT_EQ(rig.epoch(), epoch);
}

TEST(Regression, AgentWhoseOnlySeedIsItselfThenFormsAFleet) {
  NodeSettings settings = Rig::settings();
  settings.has_fleet = settings.is_voter = false;
  settings.address = "host:1";
  settings.seeds = {"host:1"};
  Rig rig(settings);

  rig.give(ConfigurationLoaded{{Rig::pool({"a"})}});
  rig.pass(1_s);

  EXPECT_EQ(rig.count<StartEngine>(), 1U);
}

// It leads, so it is no peer of its own.
TEST(Regression, LeaderThatLostItsStateEarlierThenItsFormerIdentityLeavesTheView) {
  NodeSettings settings = Rig::settings();
  settings.address = "other:1";  // where `other` was, before it lost its state
  Rig rig(settings);
  lead_two(rig);
  ASSERT_EQ(rig.node.view()->agents.size(), 2U);

  rig.give(PeerDown{other});
  rig.pass(5_s);

  EXPECT_EQ(rig.node.view()->find(other), nullptr);
}

// Nobody else would ever give way to the larger fleet, which takes a fleet of one.
TEST(Regression, PeerThatReturnedToAnotherFleetThenItsFormerIdentityLeavesTheView) {
  Rig rig;
  lead_two(rig);
  rig.give(PeerDown{other});

  rig.give(PeerUp{AgentId{33}, Incarnation{2}, "other", "other:1", {}});
  Introduction introduction;
  introduction.cluster_id[0] = 8;
  introduction.has_fleet = true;
  rig.give(MessageReceived{AgentId{33}, encode(introduction)});
  rig.pass(5_s);

  EXPECT_EQ(rig.node.view()->agents.size(), 1U);
}

// It would renew its own lease for ever, and never become a witness in the view.
TEST(Regression, LeaderThatRestartedAsAWitnessThenNoLeaseAndAWitnessInTheView) {
  NodeSettings settings = Rig::settings();
  settings.is_witness = true;
  Rig rig(settings);
  Agent agent;
  agent.id = settings.id;
  agent.name = settings.name;
  Proposal joined;
  joined.ops = {SetCluster{settings.cluster_id}, JoinAgent{agent}};
  rig.log = {encode(joined), encode(Activation{LogIndex{1}, Epoch{0}, true, 0, 0})};
  rig.give(EntryApplied{LogIndex{1}, Term{1}, rig.log[0]});
  rig.give(EntryApplied{LogIndex{2}, Term{1}, rig.log[1]});
  ASSERT_FALSE(rig.node.view()->find(agent.id)->is_witness);

  rig.start({Rig::pool({"a"})});
  rig.pass(5_s);

  EXPECT_EQ(rig.count<SetDeadline>(), 0U);
  ASSERT_NE(rig.node.view()->find(agent.id), nullptr);
  EXPECT_TRUE(rig.node.view()->find(agent.id)->is_witness);
}

}  // namespace
}  // namespace ringfence::agent::core::test
