// What ringfencectl prints for people: ages, bars, tables and whole answers.
#include <gtest/gtest.h>

#include "tools/ringfencectl/fields.hpp"
#include "tools/ringfencectl/show.hpp"
#include "tools/ringfencectl/text.hpp"

namespace ringfence::tools {
namespace {

TEST(AgeText, AgesOfEverySizeThenTheTwoUnitsThatMatter) {
  EXPECT_EQ(age_text(-1), "-");
  EXPECT_EQ(age_text(0), "0 ms");
  EXPECT_EQ(age_text(999), "999 ms");
  EXPECT_EQ(age_text(3'450), "3.4 s");
  EXPECT_EQ(age_text(312'000), "5 m 12 s");
  EXPECT_EQ(age_text(7'380'000), "2 h 3 m");
  EXPECT_EQ(age_text(352'800'000), "4 d 2 h");
}

TEST(CountText, CountsOfEverySizeThenThreeDigitsOrSo) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(950), "950");
  EXPECT_EQ(count_text(12'345), "12.3 k");
  EXPECT_EQ(count_text(4.5e6), "4.5 M");
}

TEST(BarText, ShareOutOfBoundsThenTheBarStaysWithinItsCells) {
  EXPECT_EQ(bar_text(0.5, 4, true), "##..");
  EXPECT_EQ(bar_text(7, 4, true), "####");
  EXPECT_EQ(bar_text(-1, 4, true), "....");
  EXPECT_EQ(bar_text(0.5, 2, false), "█░");
}

TEST(Table, CellsOfOtherWidthsThenColumnsAlignAndNoLineEndsInBlanks) {
  Table table({"name", "n"});
  table.add({{"a█"}, {"1", Colour::none, true}});
  table.add({{"abcdef"}, {"1000", Colour::none, true}});

  EXPECT_EQ(table.text(1, false), " name       n\n a█         1\n abcdef  1000\n");
}

TEST(Table, ColourAskedThenTheTextIsWrappedAndWidthsAreUnchanged) {
  Table table({"s"});
  table.add({{"x", Colour::bad}});

  EXPECT_EQ(table.text(0, true), "\x1b[2ms\x1b[0m\n\x1b[31mx\x1b[0m\n");
}

TEST(ShowStatus, LostBackendThenItsReasonItsAgeAndTheLastChangeAreShown) {
  const Json status = Json::parse(R"({"ok":true,"cluster":"c","epoch":7,"digest":"d1","term":2,
    "is_leader":true,"lease_left_ms":1500,"agent":{"name":"h","pid":4,"version":"1"},
    "pools":[{"name":"p","listen":["1.2.3.4:5"],"tags":true,"backends":[
      {"address":"a:1","state":"lost","reason":"no answer","age_ms":2500,"slots":0}]}],
    "last_change":{"epoch":7,"what":"backend a:1 lost","age_ms":2500}})");

  const std::string text = show_status(status, {{rate_key("p", "a:1"), 12.0}}, {});

  EXPECT_NE(text.find("epoch 7   digest d1   leader in term 2   lease 1.5 s left"),
            std::string::npos);
  EXPECT_NE(text.find("last change: epoch 7, 2.5 s ago: backend a:1 lost"), std::string::npos);
  EXPECT_NE(text.find("no answer"), std::string::npos);
}

TEST(ShowStatus, EmptyAnswerThenItSaysWhatIsMissingAndDoesNotFail) {
  EXPECT_NE(show_status(Json::object(), {}, {}).find("no lease: this host misses"),
            std::string::npos);
}

TEST(ShowStatus, TagsOffThenItSaysWhatIsLost) {
  const Json status = Json::parse(R"({"pools":[{"name":"p","tags":false,"backends":[]}]})");

  EXPECT_NE(show_status(status, {}, {}).find("stale hits are possible"), std::string::npos);
}

TEST(ShowShims, ProcessWithTroubleThenItsRowItsBackendsAndWhatIsNotShown) {
  const Json reply = Json::parse(R"({"shims":[{"pid":7,"uid":33,"process":"php","kind":"preload",
    "pool":"p","age_ms":2500,"requests":12345,"hits":3,"misses":1,"redone":2,"p50_us":17,
    "p99_us":-1,"backends":[{"index":4,"address":"a:1","answers":4,"errors":1,"p50_us":2100,
    "p99_us":null},{"index":5,"address":null}]}],"left_out":2,"unreadable":1,"is_cut":true})");

  const std::string text = show_shims(reply, {});

  for (const char* part : {"php (preload)", "12.3 k", "75.0", "17 us", "more", "2.5 s", "a:1",
                           "2.1 ms", "number 5, no longer in the view",
                           "2 more processes are not shown", "1 file there is no", "too many"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(ShowShims, NobodyCountsOrNothingIsSaidThenItSaysSo) {
  EXPECT_NE(show_shims(Json::parse(R"({"shims":[]})"), {}).find("no process"), std::string::npos);
  EXPECT_NE(show_shims(Json::object(), {}).find("no process"), std::string::npos);
}

TEST(ShowStatus, FollowerOfAFleetThenWhoLeadsWhoIsHereAndWhatDiffers) {
  const Json status = Json::parse(R"({"term":3,"leader":"h2","is_leader":false,
    "differences":["pool p: this host's file differs"],"agents":[
      {"name":"h1","in_view":true,"is_connected":true,"is_self":true},
      {"name":"h2","in_view":true,"is_connected":true,"is_leader":true,"is_voter":true},
      {"name":"h3","in_view":true,"is_connected":false,"age_ms":2500}]})");

  const std::string text = show_status(status, {}, {});

  for (const char* part : {"led by h2 in term 3", "3 agents in the view, 2 connected",
                           "differs: pool p", "leader, voter", "gone", "2.5 s"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(ShowStatus, SourcesThenWhatTheyListOrWhatIsWrongSinceWhen) {
  const Json status = Json::parse(R"({"pools":[{"name":"p","sources":[
    {"name":"file /b","backends":2,"has_listed":true,"trouble":""},
    {"name":"exec /x","backends":3,"has_listed":true,"trouble":"exit code 1","trouble_age_ms":2500},
    {"name":"dns n:1","backends":0,"has_listed":false,"trouble":""}]}]})");

  const std::string text = show_status(status, {}, {});

  for (const char* part : {"source file /b: lists 2 backends",
                           "source exec /x: the last list stays: for 2.5 s: exit code 1",
                           "source dns n:1: not known yet"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(ShowPlan, MovesThenSharesFromWhomAndToWhom) {
  const Json reply = Json::parse(R"({"pool":"p","epoch":7,"what":"remove a:1","share":0.5,
    "moved_slots":32768,"moves":[{"from":"a:1","to":"","slots":32768,"share":0.5}],
    "backends":[{"address":"a:1","share_before":0.5,"share_after":0.0}]})");

  const std::string text = show_plan(reply, {});

  for (const char* part :
       {"pool p, epoch 7: remove a:1 would move 50.00 % of the keys (32768 slots)", "nobody",
        "nothing was changed"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(ShowStatus, NoFleetYetThenItSaysWhy) {
  const Json status = Json::parse(R"({"forming":"1 of 3 seeds are here"})");

  EXPECT_NE(show_status(status, {}, {}).find("no fleet yet: 1 of 3 seeds are here"),
            std::string::npos);
}

TEST(ShowLine, FleetOfSeveralThenWhoLeadsAndWhoIsGone) {
  const Json status = Json::parse(R"({"term":3,"leader":"h1","agents":[
    {"name":"h1","is_connected":true},{"name":"h2","is_connected":false}]})");

  const std::string text = show_line(status, {});

  EXPECT_NE(text.find("led by h1 in term 3   h1 here   h2 gone"), std::string::npos) << text;
}

TEST(ShowHistory, ChangeOfAnotherLeaderThenPhasesThatAreUnknownAreDashes) {
  const Json reply = Json::parse(R"({"changes":[{"epoch":4,"age_ms":2500,"what":"agent h2 joined",
    "why":"it found the fleet","who":"h1","moved_slots":0,"propose_us":1234,"fence_us":567,
    "activate_us":0}]})");

  const std::string text = show_history(reply, {});

  for (const char* part : {"propose us", "1234", "567", "agent h2 joined", "it found the fleet"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  EXPECT_NE(text.find(" -  agent h2"), std::string::npos) << text;
}

TEST(ShowPeers, AgentsAndAddressesThatFailThenBothAreShown) {
  const Json reply = Json::parse(R"({"agents":[
    {"name":"h1","is_self":true,"in_view":true},
    {"name":"h2","address":"h2:7411","zone":"east","role":"witness","in_view":false,
     "is_connected":true,"age_ms":2500,"round_trip_us":321,"sent_bytes":12345,
     "received_bytes":7}],
    "failing":[{"address":"h3:7411","last_error":"connection refused"}]})");

  const std::string text = show_peers(reply, {});

  for (const char* part :
       {"this agent", "h2:7411", "east", "witness, not in the view", "connected", "2.5 s", "321",
        "12.3 k", "nobody answers at", "h3:7411", "connection refused"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(ShowPeers, EmptyAnswerThenItDoesNotFail) {
  EXPECT_NE(show_peers(Json::object(), {}).find("agent"), std::string::npos);
}

TEST(ShowAgree, AgentsThatDifferThenItNamesThemAndNobodyElse) {
  const Json reply = Json::parse(R"({"agrees":false,"epoch":2,"digest":"x","agents":[
    {"name":"h1","epoch":2,"digest":"x","is_connected":true,"is_live":true,"agrees":true},
    {"name":"h2","epoch":1,"digest":"y","is_connected":true,"is_live":true,"agrees":false},
    {"name":"h3","is_connected":true,"is_live":false,"agrees":false},
    {"name":"h4","is_connected":false}]})");

  const std::string text = show_agree(reply, {});

  for (const char* part : {"agents differ (h2, h3)", "does not answer", "gone", "differs"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(ShowAgree, NoAgentThenThereIsNoFleetYet) {
  EXPECT_NE(show_agree(Json::parse(R"({"agrees":false,"agents":[]})"), {}).find("no fleet yet"),
            std::string::npos);
}

}  // namespace
}  // namespace ringfence::tools
