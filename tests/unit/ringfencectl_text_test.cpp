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

TEST(ShowAgree, AgentsThatDifferThenItSaysSoAndNamesThem) {
  const Json reply = Json::parse(R"({"agrees":false,"epoch":2,"digest":"x",
    "agents":[{"name":"h1","epoch":2,"digest":"x"},{"name":"h2","epoch":1,"digest":"y"}]})");

  const std::string text = show_agree(reply, {});

  EXPECT_NE(text.find("agents differ"), std::string::npos);
  EXPECT_NE(text.find("h2"), std::string::npos);
}

}  // namespace
}  // namespace ringfence::tools
