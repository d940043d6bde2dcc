// A leader among peers: who may vote, and whose lease is waited for.
#include <gtest/gtest.h>

#include "agent/core/messages.hpp"
#include "tests/unit/core_rig.hpp"

namespace ringfence::agent::core::test {
namespace {

constexpr AgentId self{11};
constexpr AgentId second{22};
constexpr AgentId third{33};

NodeSettings in_a_fleet() {
  NodeSettings settings = Rig::settings();
  settings.address = "h11:1";
  return settings;
}

class CoreFleet : public testing::Test {
 protected:
  void SetUp() override {
    rig.serve(Rig::pool({"a:1", "b:1"}));
    rig.give(VotersChanged{{self}});
  }

  void introduce(AgentId id, bool is_voter) {
    Introduction introduction;
    introduction.cluster_id = Rig::settings().cluster_id;
    introduction.has_fleet = true;
    introduction.has_seeds = true;
    introduction.is_voter = is_voter;
    rig.give(MessageReceived{id, encode(introduction)});
  }
  void join(AgentId id) {
    const std::string name = "h" + std::to_string(id.value);
    rig.give(PeerUp{id, Incarnation{1}, name, name + ":1", {}});
    introduce(id, false);
    rig.pass(5_s);  // what an earlier leader may have granted to whoever joined before is over
  }
  [[nodiscard]] std::vector<Voter> ordered() const {
    const SetVoters* order = rig.last<SetVoters>();
    return order == nullptr ? std::vector<Voter>{} : order->voters;
  }
  [[nodiscard]] bool was_asked_to_vote(AgentId id) const {
    for (const Effect& effect : rig.effects) {
      const auto* sent = std::get_if<SendMessage>(&effect);
      if (sent == nullptr || sent->to != id) continue;
      const auto message = decode_message(sent->bytes);
      if (message && std::holds_alternative<VoteAsked>(*message)) return true;
    }
    return false;
  }

  Rig rig{in_a_fleet()};
};

TEST_F(CoreFleet, AgentsThatRunNoEngineYetThenTheyAreAskedToAndDoNotVote) {
  join(second);
  join(third);

  ASSERT_EQ(rig.node.view()->agents.size(), 3U);
  EXPECT_TRUE(was_asked_to_vote(second));
  EXPECT_TRUE(was_asked_to_vote(third));
  for (const Voter& voter : ordered()) EXPECT_EQ(voter.id, self);
}

TEST_F(CoreFleet, AgentsWhoseEnginesRunThenTheyVote) {
  join(second);
  join(third);

  // Two voters would survive nobody's death, as one does, and need both.
  introduce(second, true);
  EXPECT_EQ(ordered(), (std::vector<Voter>{{self, "h11:1"}}));
  introduce(third, true);
  EXPECT_EQ(ordered(), (std::vector<Voter>{{self, "h11:1"}, {second, "h22:1"}, {third, "h33:1"}}));
}

// Of three that formed a fleet, before their first leader: the others did not hear of it.
class FleetJustFormed : public testing::Test {
 protected:
  void SetUp() override {
    rig.give(VotersChanged{{self, second, third}});
    for (const AgentId id : {second, third}) {
      const std::string name = "h" + std::to_string(id.value);
      rig.give(PeerUp{id, Incarnation{1}, name, name + ":1", {}});
      rig.give(MessageReceived{id, encode(Introduction{})});
    }
  }
  // What `id` was told since the last look.
  std::vector<Formed> told(AgentId id) {
    std::vector<Formed> found;
    for (const Effect& effect : rig.effects) {
      const auto* sent = std::get_if<SendMessage>(&effect);
      if (sent == nullptr || sent->to != id) continue;
      const auto message = decode_message(sent->bytes);
      if (!message) continue;
      if (const auto* formed = std::get_if<Formed>(&*message)) found.push_back(*formed);
    }
    rig.effects.clear();
    return found;
  }

  Rig rig{in_a_fleet()};
};

TEST_F(FleetJustFormed, SeedsWithoutAFleetThenTheyAreToldUntilTheyHaveIt) {
  rig.pass(2_s);
  const std::vector<Formed> formed = told(second);
  ASSERT_GE(formed.size(), 2U);
  EXPECT_EQ(formed[0].cluster_id, Rig::settings().cluster_id);
  EXPECT_EQ(formed[0].voters,
            (std::vector<Voter>{{self, "h11:1"}, {second, "h22:1"}, {third, "h33:1"}}));

  Introduction has_it;
  has_it.cluster_id = Rig::settings().cluster_id;
  has_it.has_fleet = true;
  rig.give(MessageReceived{second, encode(has_it)});
  rig.effects.clear();
  rig.pass(2_s);
  EXPECT_TRUE(told(second).empty());
}

TEST_F(FleetJustFormed, FirstEntryIsAppliedThenNobodyIsTold) {
  rig.give(LeadershipChanged{true, Term{1}});
  rig.pass(1_s);
  rig.effects.clear();
  rig.pass(2_s);
  EXPECT_TRUE(told(second).empty());
}

// One of three seeds, whose neighbour belongs to a larger fleet of the same name.
class TwoFleets : public testing::Test {
 protected:
  static NodeSettings with_seeds() {
    NodeSettings settings = in_a_fleet();
    settings.seeds = {"h22:1"};
    return settings;
  }
  void meet_larger_fleet() {
    Introduction other;
    other.cluster_id[0] = 9;
    other.has_fleet = true;
    other.agent_count = 2;
    rig.give(PeerUp{second, Incarnation{1}, "h22", "h22:1", {}});
    rig.give(MessageReceived{second, encode(other)});
  }
  Rig rig{with_seeds()};
};

TEST_F(TwoFleets, AloneInItsOwnThenItGivesThatUp) {
  rig.serve(Rig::pool({"a:1", "b:1"}));
  meet_larger_fleet();
  EXPECT_EQ(rig.count<GiveUpFleet>(), 1U);
}

TEST_F(TwoFleets, NothingIsAppliedYetThenOthersMayBeInItsOwnAndItIsKept) {
  rig.give(VotersChanged{{self, third}});
  meet_larger_fleet();
  EXPECT_EQ(rig.count<GiveUpFleet>(), 0U);
}

// A new leader waits for leases of earlier ones, but not for one whose host said in this term that
// it routes no more.
class LeaseEndedCase : public CoreFleet {
 protected:
  void SetUp() override {
    CoreFleet::SetUp();
    join(second);
    rig.give(LeadershipChanged{false, Term{1}});
    rig.give(LeadershipChanged{true, Term{2}});
    ASSERT_EQ(rig.node.view()->agents.size(), 2U);
  }
  void lose_backend() { rig.unreachable("a:1"); }
};

TEST_F(LeaseEndedCase, NothingSaidThenItsLeaseIsWaitedFor) {
  rig.give(PeerDown{second});
  lose_backend();
  EXPECT_GT(rig.slots("a:1"), 0U);
  rig.pass(3_s);
  EXPECT_EQ(rig.slots("a:1"), 0U);
}

TEST_F(LeaseEndedCase, SaidInThisTermThenNothingIsWaitedFor) {
  rig.give(MessageReceived{second, encode(LeaseEnded{Incarnation{1}, Term{2}})});
  rig.give(PeerDown{second});
  lose_backend();
  EXPECT_EQ(rig.slots("a:1"), 0U);
}

// How long its clock jumped for, the leader cannot know: perhaps no time has passed at all.
TEST_F(LeaseEndedCase, SaidAndGrantedAnewAndTheLeadersClockJumpsThenTheNewLeaseIsWaitedFor) {
  rig.give(MessageReceived{second, encode(LeaseEnded{Incarnation{1}, Term{2}})});
  rig.give(
      MessageReceived{second, encode(LeaseRequest{Incarnation{2}, rig.epoch(), LogIndex{}, 1})});
  const auto reply = decode_message(rig.last<SendMessage>()->bytes);
  ASSERT_TRUE(reply.has_value() && std::holds_alternative<LeaseReply>(*reply));
  ASSERT_GT(std::get<LeaseReply>(*reply).length, Duration{});
  rig.now = rig.now + 4_s;
  rig.give(ClockJumped{"the machine slept"});
  rig.give(PeerDown{second});
  lose_backend();
  EXPECT_GT(rig.slots("a:1"), 0U);
  rig.pass(3_s);
  EXPECT_EQ(rig.slots("a:1"), 0U);
}

TEST_F(LeaseEndedCase, SaidInAnEarlierTermThenItsLeaseIsWaitedFor) {
  rig.give(MessageReceived{second, encode(LeaseEnded{Incarnation{1}, Term{1}})});
  rig.give(PeerDown{second});
  lose_backend();
  EXPECT_GT(rig.slots("a:1"), 0U);
}

}  // namespace
}  // namespace ringfence::agent::core::test
