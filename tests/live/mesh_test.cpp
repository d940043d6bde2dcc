// Meshes that mean well: how they find each other, what arrives, and what a break looks like.
#include <gtest/gtest.h>

#include "tests/live/mesh_rig.hpp"

namespace ringfence::live {
namespace {

class MeshTest : public testing::Test {
 protected:
  MeshRig rig;
};

TEST_F(MeshTest, OneDialsUnderOneKeyThenBothAreUpAndKnowEachOther) {
  MeshAgent& a = rig.start(1, rig.with_key());
  MeshAgent& b = rig.start(2, rig.with_key());
  a.mesh->dial({b.address});

  ASSERT_TRUE(rig.until_up(a, b)) << a.last_error();
  EXPECT_EQ(a.told.ups[0].name, "host2");
  EXPECT_EQ(a.told.addresses, std::vector<std::string>{b.address});
  EXPECT_TRUE(b.told.addresses.empty());
}

TEST_F(MeshTest, TheLargerIdDialsThenBothAreUpAsWell) {
  MeshAgent& a = rig.start(1, rig.with_key());
  MeshAgent& b = rig.start(2, rig.with_key());
  b.mesh->dial({a.address});
  EXPECT_TRUE(rig.until_up(a, b)) << b.last_error();
}

TEST_F(MeshTest, InClearOnLoopbackThenUpAndBytesArrive) {
  MeshAgent& a = rig.start(1, rig.in_clear());
  MeshAgent& b = rig.start(2, rig.in_clear());
  a.mesh->dial({b.address});
  ASSERT_TRUE(rig.until_up(a, b)) << a.last_error();
  EXPECT_TRUE(b.mesh->send(a.id, Channel::engine, "vote"));
  ASSERT_TRUE(rig.until([&] { return !a.told.messages.empty(); }));
  EXPECT_EQ(a.told.messages[0].bytes, "vote");
  EXPECT_EQ(a.told.messages[0].channel, Channel::engine);
  EXPECT_EQ(a.told.messages[0].from, b.id);
}

TEST_F(MeshTest, BothDialAtOnceThenOneConnectionThatStays) {
  MeshAgent& a = rig.start(1, rig.with_key());
  MeshAgent& b = rig.start(2, rig.with_key());
  a.mesh->dial({b.address});
  b.mesh->dial({a.address});
  ASSERT_TRUE(rig.until_up(a, b));
  // Each address has led to somebody, by whichever connection.
  ASSERT_TRUE(rig.until([&] { return !a.told.addresses.empty() && !b.told.addresses.empty(); }));
  rig.turn_for(Milliseconds{1000});
  EXPECT_EQ(a.told.ups.size(), 1U);
  EXPECT_EQ(b.told.ups.size(), 1U);
  EXPECT_TRUE(a.told.downs.empty() && b.told.downs.empty());
  EXPECT_EQ(a.mesh->peers().size(), 1U);
}

TEST_F(MeshTest, TwentyAgentsDialAllAtOnceThenEveryPairIsUpOnce) {
  std::vector<MeshAgent*> agents;
  std::vector<std::string> addresses;
  for (std::uint64_t id = 1; id <= 20; ++id) agents.push_back(&rig.start(id, rig.with_key()));
  for (const MeshAgent* agent : agents) addresses.push_back(agent->address);
  for (MeshAgent* agent : agents) agent->mesh->dial(addresses);
  const auto are_all_up = [&] {
    for (const MeshAgent* agent : agents) {
      if (agent->mesh->peers().size() != 19 || agent->told.ups.size() != 19) return false;
    }
    return true;
  };
  EXPECT_TRUE(rig.until(are_all_up));
  rig.turn_for(Milliseconds{500});
  for (const MeshAgent* agent : agents) {
    EXPECT_TRUE(agent->told.downs.empty()) << agent->told.downs[0];
    EXPECT_EQ(agent->told.selves, std::vector<std::string>{agent->address});
  }
}

TEST_F(MeshTest, ItsOwnAddressThenToldOnceAndNoPeer) {
  MeshAgent& a = rig.start(1, rig.with_key());
  a.mesh->dial({a.address});
  ASSERT_TRUE(rig.until([&] { return !a.told.selves.empty(); }));
  rig.turn_for(Milliseconds{300});
  EXPECT_EQ(a.told.selves, std::vector<std::string>{a.address});
  EXPECT_TRUE(a.mesh->peers().empty());
  EXPECT_TRUE(a.lines.empty()) << a.lines[0];
}

TEST_F(MeshTest, ANameThenItIsResolved) {
  MeshAgent& a = rig.start(1, rig.with_key());
  MeshAgent& b = rig.start(2, rig.with_key());
  const std::string named = "localhost:" + std::to_string(b.mesh->listen_port());
  a.mesh->dial({named});
  ASSERT_TRUE(rig.until_up(a, b)) << a.last_error();
  EXPECT_EQ(a.told.addresses, std::vector<std::string>{named});
}

TEST_F(MeshTest, ANameThatNobodyHasThenTheReportSaysSo) {
  MeshAgent& a = rig.start(1, rig.with_key());
  a.mesh->dial({"nobody.invalid:7411"});
  EXPECT_TRUE(rig.until([&] { return a.last_error() != "not tried yet"; }));
  ASSERT_EQ(a.mesh->peers().size(), 1U);
  EXPECT_EQ(a.mesh->peers()[0].address, "nobody.invalid:7411");
  EXPECT_FALSE(a.mesh->peers()[0].is_up);
}

TEST_F(MeshTest, Ip6ThenUp) {
  MeshAgent& a = rig.start(1, rig.with_key('a', "[::1]:0"));
  MeshAgent& b = rig.start(2, rig.with_key('a', "[::1]:0"));
  a.mesh->dial({b.address});
  EXPECT_TRUE(rig.until_up(a, b)) << a.last_error();
}

TEST_F(MeshTest, AnIp6WildcardThenIp4ReachesItToo) {
  MeshAgent& a = rig.start(1, rig.with_key());
  MeshAgent& b = rig.start(2, rig.with_key('a', "[::]:0"));
  a.mesh->dial({"127.0.0.1:" + std::to_string(b.mesh->listen_port())});
  ASSERT_TRUE(rig.until_up(a, b)) << a.last_error();
  EXPECT_EQ(b.mesh->peers()[0].remote, "127.0.0.1");
}

TEST_F(MeshTest, TwentyMegabytesThenTheyArriveWholeAndTheOtherChannelIsNotHeldUp) {
  MeshAgent& a = rig.start(1, rig.with_key());
  MeshAgent& b = rig.start(2, rig.with_key());
  a.mesh->dial({b.address});
  ASSERT_TRUE(rig.until_up(a, b));
  std::string large(std::size_t{20} << 20, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31 >> 7);
  ASSERT_TRUE(a.mesh->send(b.id, Channel::core, large));
  ASSERT_TRUE(a.mesh->send(b.id, Channel::engine, "heartbeat"));
  ASSERT_TRUE(rig.until([&] { return b.told.messages.size() == 2; }));
  EXPECT_EQ(b.told.messages[0].bytes, "heartbeat");
  EXPECT_TRUE(b.told.messages[1].bytes == large);
}

TEST_F(MeshTest, ManyMessagesOfAllSizesThenEachChannelKeepsItsOrder) {
  MeshAgent& a = rig.start(1, rig.with_key());
  MeshAgent& b = rig.start(2, rig.with_key());
  a.mesh->dial({b.address});
  ASSERT_TRUE(rig.until_up(a, b));
  std::map<Channel, std::vector<std::string>> sent, got;
  for (std::size_t i = 0; i < 400; ++i) {
    const Channel channel = i % 3 == 0 ? Channel::engine : Channel::core;
    const std::string bytes(i * i * 3 % 200'000, static_cast<char>('a' + i % 26));
    sent[channel].push_back(bytes);
    ASSERT_TRUE(a.mesh->send(b.id, channel, bytes));
  }
  ASSERT_TRUE(rig.until([&] { return b.told.messages.size() == 400; }));
  for (const MeshMessage& message : b.told.messages) got[message.channel].push_back(message.bytes);
  EXPECT_TRUE(got == sent);
}

TEST_F(MeshTest, AMessageTooLongOrForNobodyThenRefusedAndNothingBreaks) {
  MeshSettings settings = rig.with_key();
  settings.message_bytes_max = 1000;
  MeshAgent& a = rig.start(1, settings);
  MeshAgent& b = rig.start(2, settings);
  a.mesh->dial({b.address});
  ASSERT_TRUE(rig.until_up(a, b));
  EXPECT_FALSE(a.mesh->send(b.id, Channel::core, std::string(1001, 'x')));
  EXPECT_FALSE(a.mesh->send(AgentId{9}, Channel::core, "x"));
  EXPECT_TRUE(a.mesh->send(b.id, Channel::core, std::string(1000, 'x')));
  EXPECT_TRUE(rig.until([&] { return b.told.messages.size() == 1; }));
  EXPECT_TRUE(a.told.downs.empty());
}

TEST_F(MeshTest, APeerThatIsStartedAgainThenFoundAgainInItsNewLife) {
  MeshAgent& a = rig.start(1, rig.with_key());
  MeshAgent& b = rig.start(2, rig.with_key());
  const std::string address = b.address;
  a.mesh->dial({address});
  ASSERT_TRUE(rig.until_up(a, b));
  rig.stop(b);
  ASSERT_TRUE(rig.until([&] { return !a.told.is_up(AgentId{2}); }));
  MeshAgent& again = rig.start(2, rig.with_key('a', address), 2);
  ASSERT_TRUE(rig.until_up(a, again)) << a.last_error();
  EXPECT_EQ(a.told.ups.back().incarnation.value, 2U);
  EXPECT_TRUE(a.told.is_alternating);
}

TEST_F(MeshTest, ANewLifeWhileTheOldOneLooksAliveThenItReplacesIt) {
  MeshAgent& a = rig.start(2, rig.with_key());
  MeshAgent& old_life = rig.start(1, rig.with_key(), 1);
  old_life.mesh->dial({a.address});
  ASSERT_TRUE(rig.until_up(a, old_life));
  MeshAgent& new_life = rig.start(1, rig.with_key(), 2);
  new_life.mesh->dial({a.address});
  ASSERT_TRUE(rig.until([&] { return a.told.ups.size() == 2; }));
  EXPECT_EQ(a.told.downs, std::vector<std::string>{"it has started again"});
  EXPECT_EQ(a.told.ups.back().incarnation.value, 2U);
  EXPECT_TRUE(a.told.is_alternating);
  // And the old one does not come back.
  rig.turn_for(Milliseconds{500});
  EXPECT_EQ(a.told.ups.size(), 2U);
  EXPECT_TRUE(a.has_logged("earlier life")) << a.lines.size();
}

TEST_F(MeshTest, NothingToSayForLongThenStillUpAndMeasured) {
  MeshAgent& a = rig.start(1, rig.with_key());
  MeshAgent& b = rig.start(2, rig.with_key());
  a.mesh->dial({b.address});
  ASSERT_TRUE(rig.until_up(a, b));
  rig.turn_for(Milliseconds{2500});
  EXPECT_TRUE(a.told.downs.empty() && b.told.downs.empty());
  const PeerReport report = a.mesh->peers()[0];
  EXPECT_TRUE(report.is_up && report.is_dialled);
  EXPECT_GT(report.round_trip_ns, 0);
  EXPECT_LT(report.round_trip_ns, 1'000'000'000);
  EXPECT_GT(report.sent_bytes, 0U);
  EXPECT_EQ(report.queued_bytes, 0U);
}

TEST_F(MeshTest, ThisProcessStandsStillLongerThanTheTimeoutThenNobodyIsBlamed) {
  MeshSettings settings = rig.with_key();
  settings.peer_timeout_ms = 400;
  MeshAgent& a = rig.start(1, settings);
  MeshAgent& b = rig.start(2, settings);
  a.mesh->dial({b.address});
  ASSERT_TRUE(rig.until_up(a, b));
  rig.turn_for(Milliseconds{300});
  pass(Milliseconds{900});
  rig.turn_for(Milliseconds{600});
  EXPECT_TRUE(a.told.downs.empty() && b.told.downs.empty());
}

TEST_F(MeshTest, TwoAddressesOfOnePeerThenOneConnectionAndBothNamed) {
  MeshAgent& a = rig.start(1, rig.with_key('a', "[::]:0"));
  MeshAgent& b = rig.start(2, rig.with_key('a', "[::]:0"));
  const std::string port = std::to_string(b.mesh->listen_port());
  for (MeshAgent* dialler : {&a, &b}) {
    const std::string its_port = dialler == &a ? port : std::to_string(a.mesh->listen_port());
    dialler->mesh->dial({"127.0.0.1:" + its_port, "127.0.0.2:" + its_port});
  }
  ASSERT_TRUE(rig.until_up(a, b));
  ASSERT_TRUE(rig.until([&] { return a.told.addresses.size() == 2; }));
  rig.turn_for(Milliseconds{300});
  EXPECT_EQ(a.told.ups.size(), 1U);
  EXPECT_TRUE(a.told.downs.empty() && b.told.downs.empty());
  EXPECT_TRUE(a.lines.empty() && b.lines.empty());
}

TEST_F(MeshTest, AnAddressNoLongerWantedThenItsConnectionStaysAndItIsNotDialledAgain) {
  MeshAgent& a = rig.start(1, rig.with_key());
  MeshAgent& b = rig.start(2, rig.with_key());
  a.mesh->dial({b.address});
  ASSERT_TRUE(rig.until_up(a, b));
  a.mesh->dial({});
  rig.turn_for(Milliseconds{100});
  EXPECT_TRUE(a.told.is_up(b.id));
  rig.stop(b);
  ASSERT_TRUE(rig.until([&] { return !a.told.is_up(AgentId{2}); }));
  EXPECT_TRUE(a.mesh->peers().empty());
}

}  // namespace
}  // namespace ringfence::live
