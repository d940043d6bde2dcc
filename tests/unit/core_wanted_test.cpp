// Which backends the fleet wants, from what the sources of its hosts list.
#include <gtest/gtest.h>

#include <memory>

#include "agent/core/messages.hpp"
#include "tests/unit/core_rig.hpp"

namespace ringfence::agent::core {
namespace {

using test::Rig;

constexpr AgentId self{11};
constexpr AgentId other{22};

WantedPool listing(const std::vector<std::string>& addresses, const std::string& source) {
  WantedPool pool = Rig::pool(addresses);
  for (WantedBackend& backend : pool.backends) backend.source = source;
  return pool;
}

std::string last_why(const Rig& rig) {
  return rig.node.report().history.back().why;
}

TEST(CoreWanted, ListedByASourceThenHistorySaysWhichAndWhere) {
  Rig rig;
  rig.serve(listing({"a"}, "file /etc/backends"));
  EXPECT_NE(last_why(rig).find("listed by file /etc/backends on host"), std::string::npos)
      << last_why(rig);

  rig.give(ConfigurationLoaded{{Rig::pool({})}});

  EXPECT_EQ(rig.state("a"), "absent");
  EXPECT_EQ(last_why(rig), "no source lists it any more");
}

TEST(CoreWanted, RemovedByACommandThenHistorySaysWhoAndNoListBringsItBack) {
  Rig rig;
  rig.serve(listing({"a", "b"}, "dns n:1"));

  rig.give(BackendRemoveAsked{RequestId{9}, "p", "a", "uid 0 (pid 7)"});
  rig.give(ConfigurationLoaded{{listing({"a", "b"}, "dns n:1")}});

  EXPECT_EQ(rig.state("a"), "absent");
  EXPECT_EQ(last_why(rig), "`backend remove`");
  EXPECT_EQ(rig.node.report().history.back().who, "uid 0 (pid 7)");
}

TEST(CoreWanted, SourceThatNeverAnsweredThenNobodyLeavesAndNewOnesCome) {
  Rig rig;
  rig.serve(Rig::pool({"a", "b"}));
  WantedPool pool = Rig::pool({"b", "c"});
  pool.is_partial = true;

  rig.give(ConfigurationLoaded{{pool}});
  EXPECT_EQ(rig.slots("a"), 32768U);
  EXPECT_NE(rig.state("c"), "absent");

  pool.is_partial = false;
  rig.give(ConfigurationLoaded{{pool}});
  EXPECT_EQ(rig.state("a"), "absent");
  EXPECT_EQ(rig.slots("b"), 65536U);
}

TEST(CoreWanted, SourceThatNeverAnsweredThenARemoveStillCounts) {
  Rig rig;
  WantedPool pool = Rig::pool({"a", "b"});
  pool.is_partial = true;
  rig.serve(pool);

  rig.give(BackendRemoveAsked{RequestId{9}, "p", "a", "someone"});

  EXPECT_EQ(rig.state("a"), "absent");
}

TEST(CoreWanted, OneAddressInTwoPoolsThenThePoolThatHasItKeepsIt) {
  Rig rig;
  rig.serve(Rig::pool({"a", "b"}));
  WantedPool first = Rig::pool({"a", "n"});
  first.name = "first";  // before "p"

  rig.give(ConfigurationLoaded{{first, Rig::pool({"a", "b", "n"})}});

  std::vector<std::string> of_first;
  for (const BackendReport& report : rig.node.report().backends) {
    if (report.pool == "first") of_first.push_back(report.address);
  }
  EXPECT_EQ(of_first, (std::vector<std::string>{"n"}));
  EXPECT_EQ(rig.slots("a"), 32768U);
}

// A fleet of two, led by this agent.
class WantedOfTwo : public testing::Test {
 protected:
  WantedOfTwo() {
    NodeSettings settings = Rig::settings();
    settings.address = "h11:1";
    rig = std::make_unique<Rig>(settings);
    rig->serve(listing({"a"}, "announce"));
    rig->give(VotersChanged{{self}});
    Introduction introduction;
    introduction.cluster_id = Rig::settings().cluster_id;
    introduction.has_fleet = introduction.has_seeds = true;
    rig->give(PeerUp{other, Incarnation{1}, "h22", "h22:1", {}});
    rig->give(MessageReceived{other, encode(introduction)});
    rig->pass(5_s);
  }
  void tell(const std::vector<std::string>& addresses) {
    rig->give(MessageReceived{
        other, encode(WantedTold{false, {listing(addresses, "exec /usr/bin/list")}})});
  }
  std::unique_ptr<Rig> rig;
};

TEST_F(WantedOfTwo, AgentThatHasNotToldThenNobodyLeaves) {
  rig->give(ConfigurationLoaded{{Rig::pool({})}});
  EXPECT_NE(rig->state("a"), "absent");

  tell({});
  rig->pass(5_s);
  EXPECT_EQ(rig->state("a"), "absent");
}

TEST_F(WantedOfTwo, AgentIsAwayThenWhatItListedStays) {
  tell({"a", "b"});
  rig->give(PeerDown{other});
  rig->pass(60_s);
  EXPECT_NE(rig->state("b"), "absent");

  rig->give(ConfigurationLoaded{{Rig::pool({})}});
  rig->pass(5_s);
  EXPECT_NE(rig->state("a"), "absent");
}

TEST_F(WantedOfTwo, AgentLeftTheViewThenWhatItAloneListedLeaves) {
  tell({"b"});
  ASSERT_EQ(rig->node.view()->agents.size(), 2U);
  rig->give(PeerDown{other});
  rig->pass(3700_s);

  EXPECT_EQ(rig->node.view()->agents.size(), 1U);
  EXPECT_EQ(rig->state("b"), "absent");
  EXPECT_NE(rig->state("a"), "absent");
}

}  // namespace
}  // namespace ringfence::agent::core
