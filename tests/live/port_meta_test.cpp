// Meta commands through the port, beside a plain memcached that is asked the same: the answers must
// be the same bytes. Only the numbers that each server counts for itself are made alike (cas
// uniques, and times that a tick of its clock may change).
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <tuple>
#include <vector>

#include "shim/meta/base64.hpp"
#include "tests/live/support/meta_side.hpp"
#include "tests/live/support/port_host.hpp"
#include "tests/live/support/scripted_server.hpp"
#include "tests/live/support/tags.hpp"

namespace ringfence::live {
namespace {

using namespace std::chrono_literals;

std::string encoded(std::string_view key) {
  return std::string(shim::meta::Base64Key(key).view());
}

PortHostSettings settings_of(bool has_tags, std::size_t backends) {
  PortHostSettings settings;
  settings.has_tags = has_tags;
  settings.backends = backends;
  return settings;
}

class PortMeta : public testing::TestWithParam<TagsAndBackends> {
 protected:
  PortMeta()
      : host_(settings_of(std::get<0>(GetParam()), std::get<1>(GetParam()))),
        port_(host_.client()),
        plain_(memcached_.client()) {}

  // Every '@' becomes the side's own cas unique of `key`.
  void compare(const std::string& bytes, const std::string& cas_key = {}) {
    SCOPED_TRACE(testing::PrintToString(bytes.substr(0, 200)));
    const std::string expected = plain_.answer(with_cas(bytes, plain_, cas_key));
    EXPECT_EQ(port_.answer(with_cas(bytes, port_, cas_key)), expected);
  }
  void compare_all(const std::vector<std::string>& list) {
    for (const std::string& bytes : list) compare(bytes);
  }
  static std::string with_cas(std::string bytes, MetaSide& side, const std::string& key) {
    if (key.empty()) return bytes;
    const std::size_t at = bytes.find('@');
    return bytes.replace(at, 1, side.cas_of(key));
  }

  PortHost host_;
  Memcached memcached_;
  MetaSide port_, plain_;
};
INSTANTIATE_TEST_SUITE_P(TagsAndBackends, PortMeta, one_and_four_backends(),
                         tags_and_backends_name);

TEST_P(PortMeta, GetWithEveryFlagThenMemcachedsOwnAnswer) {
  compare_all({"ms a 5 F7 T0\r\nhello\r\n", "mg a\r\n", "mg a v\r\n", "mg a s v t f k O1 c\r\n",
               "mg a k O1\r\n", "mg a O1 k v\r\n", "mg a u h l\r\n", "mg a h\r\n",
               "mg a v h t l\r\n", "mg a q v\r\n", "mg a T90 v t\r\n", "mg a t\r\n",
               "mg a P1 L2 v\r\n", "mg none\r\n", "mg none v k O1 s t\r\n", "mg none q k\r\n",
               "mg a v F1 C1 D1 J1 I MS\r\n", "mg a T-1\r\n", "mg a v\r\n"});
}

TEST_P(PortMeta, RecacheTokensThenOnlyOneWinsAsInMemcached) {
  compare_all({"mg new N30 v t\r\n", "mg new N30 v t k O1\r\n", "mg new v\r\n",
               "ms new 3 T90\r\nabc\r\n", "mg new R30 v t\r\n", "mg new R100 v t k\r\n",
               "mg new R100 v O1\r\n", "md new I T30\r\n", "mg new s v k O1 c t\r\n",
               "mg new s k\r\n", "ms new 3 T90\r\nxyz\r\n", "mg new v\r\n"});
}

TEST_P(PortMeta, SetInEveryModeThenMemcachedsOwnAnswer) {
  compare_all({"ms a 1\r\n1\r\n", "ms a 1 ME\r\n2\r\n", "ms b 1 ME k O1 c\r\n2\r\n",
               "ms a 1 MA\r\n3\r\n", "ms a 1 MP\r\n0\r\n", "mg a v\r\n",
               "ms none 1 MA c k O1\r\n1\r\n", "ms none 1 MP\r\n1\r\n", "ms none 1 MR O1\r\n1\r\n",
               "ms a 1 MR F5\r\n9\r\n", "mg a v f\r\n", "ms a 0 MS T-1\r\n\r\n", "mg a v\r\n",
               "ms a 0\r\n\r\n", "mg a v s\r\n", "ms a 2 T90 k\r\nhi\r\n", "mg a t\r\n"});
}

TEST_P(PortMeta, CasThenStoredOnlyWhenItIsTheItems) {
  compare("ms a 1 c\r\n1\r\n");
  compare("ms a 1 C@ c k\r\n2\r\n", "a");
  compare("ms a 1 C999999999 c O1\r\n3\r\n");
  compare("ms none 1 C5 c\r\n3\r\n");
  compare("ms a 1 MR C@ c\r\n4\r\n", "a");
  compare("ms a 1 MA C999999999\r\n5\r\n");
  compare("ms a 1 I C1\r\n6\r\n");
  compare("mg a v k\r\n");
  compare("ma none C1\r\n");
  compare("md a C999999999 O1 k\r\n");
  compare("md a C@\r\n", "a");
  compare("mg a v\r\n");
}

TEST_P(PortMeta, DeleteThenMemcachedsOwnAnswer) {
  compare_all({"md none\r\n", "md none k O1\r\n", "ms a 1\r\n1\r\n", "md a k O1\r\n", "md a\r\n",
               "ms a 1 T90\r\n1\r\n", "md a I T30 k\r\n", "mg a v t\r\n", "mg a v\r\n",
               "md a q\r\n", "md a q\r\n", "mg a\r\n"});
}

TEST_P(PortMeta, ArithmeticThenMemcachedsOwnAnswer) {
  compare_all({"ma n\r\n",
               "ma n k O1\r\n",
               "ma n N0 J13 v\r\n",
               "ma n v\r\n",
               "ma n D10 v k O1 t c\r\n",
               "ma n MD D3 v\r\n",
               "ma n M- v\r\n",
               "ma n M+ v\r\n",
               "ma n MI v T90\r\n",
               "ma n v t\r\n",
               "ma n MD D1000 v\r\n",
               "ma n\r\n",
               "ma n q v\r\n",
               "ma n q\r\n",
               "mg n v\r\n",
               "ms text 3\r\nabc\r\n",
               "ma text v\r\n",
               "ma text q\r\n",
               "ma m N90 J5 t k\r\n",
               "ma m v t\r\n",
               "ma m C999999999 v\r\n"});
  compare("ma m C@ v c\r\n", "m");
}

TEST_P(PortMeta, ShowThenTheItemUnderTheClientsKey) {
  compare_all({"me none\r\n", "me none O1 k q\r\n"});
  EXPECT_EQ(port_.answer("ms a 1\r\n1\r\n"), "HD\n");
  const std::string shown = port_.answer("me a\r\n");
  EXPECT_TRUE(shown.starts_with("ME a exp=-1 la=# cas=# fetch=no cls=")) << shown;
  const std::string same = port_.answer("me YQ== b\r\n");
  EXPECT_EQ(same, "ME YQ==" + shown.substr(4));
}

TEST_P(PortMeta, WrongLinesThenMemcachedsOwnErrors) {
  compare_all({"mg\r\n",
               "ms\r\n",
               "ms a\r\n",
               "ms a x\r\n",
               "md\r\n",
               "ma\r\n",
               "me\r\n",
               "mg a v v\r\n",
               "mg a Z\r\n",
               "md a Z\r\n",
               "ma a MX\r\n",
               "mg a q Tx\r\n",
               "mz\r\n",
               "mgx a\r\n",
               "ms a 2 q MZ\r\nhi\r\n",
               "ms a 2 q q\r\nhi\r\n",
               "ms a 2 q\r\nhixx\r\n",
               "mg a O" + std::string(32, '1') + "\r\n",
               "mg " + std::string(251, 'k') + "\r\n",
               "mg a b q\r\n",
               "ms a S2\r\nget none\r\n",
               "mn and more\r\n"});
}

TEST_P(PortMeta, QuietPipelineThenOnlyWhatIsNotExpected) {
  std::string many;
  for (int i = 0; i < 200; ++i) {
    const std::string number = std::to_string(i);
    many += "ms key" + number + " 3 q O" + number + "\r\nabc\r\n";
    if (i % 3 == 0) many += "md key" + number + " q\r\n";
    many += "mg key" + number + " v q k O" + number + "\r\n";
    if (i % 5 == 0) many += "ms key" + number + " 1 q MA c O" + number + "\r\nd\r\n";
    if (i % 7 == 0) many += "ma key" + number + " q\r\n";
  }
  compare(many);
}

TEST_P(PortMeta, ClassicAndMetaCommandsThenTheSameItemsInOrder) {
  compare(
      "set a 7 0 5\r\nhello\r\nmg a v f k\r\nms b 2 F3\r\nhi\r\nget a b none\r\nmd a\r\nget a\r\n"
      "mg a k\r\ngets b\r\nmg b v c\r\nset n 0 0 1\r\n5\r\nma n v\r\nincr n 1\r\nmg n v\r\n"
      "get b n\r\ndelete b noreply\r\nmg b\r\nmg n v\r\nnonsense\r\nmg n v\r\ntouch n 90\r\nmg n "
      "t\r\n");
}

// (After an append memcached shows the key raw, so it is not asked for there.)
TEST_P(PortMeta, Base64KeysThenAnyBytes) {
  const std::string bytes("\0\r\n \xff\x80zz", 8);
  for (const std::string& key : {std::string("foo"), std::string("a b"), std::string("\n"), bytes,
                                 std::string("x\r\nHD\r\nEN\r\n"), std::string(186, ' '),
                                 std::string(186, 'k'), std::string(177, '\n')}) {
    const std::string word = encoded(key);
    compare_all({"mg " + word + " b k v\r\n", "ms " + word + " 2 b k O1 c\r\nhi\r\n",
                 "mg " + word + " b k v s\r\n", "mg " + word + " v b\r\n",
                 "ms " + word + " 2 MA b q\r\nho\r\n", "mg " + word + " b v O1 t\r\n",
                 "md " + word + " b k q\r\n", "md " + word + " b k\r\n",
                 "ma " + word + " N0 J7 v b k\r\n", "ma " + word + " b v\r\n",
                 "md " + word + " k b\r\n"});
  }
  compare_all({"ms -Zm.9v- 1 b k\r\n1\r\n", "mg Zm9v b v k\r\n", "mg Zm9v v\r\n"});
}

// memcached answers with the raw key here, whose bytes stand for lines of their own.
TEST_P(PortMeta, KeyThatHoldsAnswersThenNobodyIsToldThem) {
  const std::string word = encoded("x\r\nHD\r\nHD\r\nHD\r\n");
  MetaSide other{host_.client()};
  EXPECT_EQ(port_.answer("mg " + word + " b k N30\r\nmg " + word + " b k\r\n"),
            "HD k" + word + " b W\nHD k" + word + " b Z\n");
  EXPECT_EQ(port_.answer("me " + word + " b\r\n"),
            "CLIENT_ERROR me does not take a key that holds a line's end\n");
  EXPECT_EQ(other.answer("mg none\r\nms a 1\r\n1\r\nmg a v\r\n"), "EN\nHD\nVA 1\n1\r\n");
}

TEST_P(PortMeta, SameKeyPlainAndEncodedThenOneItem) {
  compare_all({"ms foo 1\r\n1\r\n", "mg Zm9v b v\r\n", "ms Zm9v 1 b\r\n2\r\n", "mg foo v\r\n",
               "get foo\r\n", "delete foo\r\n", "mg Zm9v b v\r\n"});
}

TEST_P(PortMeta, LongestKeysThenKeptAndAnsweredWhole) {
  for (std::size_t size = 238; size <= 250; ++size) {
    const std::string key(size, 'k');
    compare_all({"ms " + key + " 2 k c\r\nhi\r\n", "mg " + key + " v k O1\r\n",
                 "md " + key + " k\r\n", "mg " + key + " k\r\n"});
  }
}

TEST_P(PortMeta, LargeValuesThenTheyComeBackWhole) {
  for (const std::size_t size : {1'000U, 65'536U, 65'537U, 200'000U, 1'000'000U}) {
    std::string value(size, 'x');
    for (std::size_t i = 0; i < size; i += 97) value[i] = static_cast<char>(i);
    const std::string set = "ms large " + std::to_string(size);
    compare(set + " T0 k O1 c\r\n" + value + "\r\nmg large v k s\r\n");
    compare("ms a 1 q\r\n1\r\n" + set + " q\r\n" + value + "\r\nmg large v q\r\nmg a v\r\n");
    compare(set + " ME\r\n" + value + "\r\nmg a v\r\n");
    compare("ms " + encoded("la rge") + " " + std::to_string(size) + " b k\r\n" + value +
            "\r\nmg " + encoded("la rge") + " b k v\r\n");
  }
  const std::string huge(2'000'000, 'x');
  compare("ms large 2000000 q\r\n" + huge + "\r\nmg large v\r\n");
  compare("ms large 100000 q\r\n" + std::string(100'002, 'x') + "mg a v\r\n");
}

TEST_P(PortMeta, ReservedKeyThenRefusedOnlyWhereNoTagKeepsItApart) {
  const bool has_tags = std::get<0>(GetParam());
  const std::string refusal = "CLIENT_ERROR keys that begin with ringfence! are reserved\n";
  EXPECT_EQ(port_.answer("ms ringfence!x 2\r\nhi\r\n"), has_tags ? "HD\n" : refusal);
  const std::string word = encoded("ringfence!x");
  EXPECT_EQ(port_.answer("mg " + word + " b v\r\n"), has_tags ? "VA 2\nhi\r\n" : refusal);
}

TEST_P(PortMeta, CommandsCountedThenStatsNamesThemAsMemcachedDoes) {
  compare(
      "ms a 1\r\n1\r\nmg a\r\nmg a v\r\nmg none\r\nmg a T90 v\r\nmd none\r\nma a v\r\nma none\r\n");
  const auto stats = host_.client().stats();
  const auto count = [&](const std::string& name) { return stats.at(name); };
  EXPECT_EQ(count("cmd_get"), "4");
  EXPECT_EQ(count("get_hits"), "3");
  EXPECT_EQ(count("get_misses"), "1");
  EXPECT_EQ(count("cmd_set"), "1");
  EXPECT_EQ(count("delete_misses"), "1");
  EXPECT_EQ(count("incr_hits"), "1");
  EXPECT_EQ(count("incr_misses"), "1");
}

class PortMetaFaults : public testing::TestWithParam<bool> {
 protected:
  PortMetaFaults() : host_(settings_of(GetParam(), 2)), key_(host_.key_on(0)) {}
  static void let_it_be_sent() { pass(50ms); }

  PortHost host_;
  std::string key_;
};
INSTANTIATE_TEST_SUITE_P(Tags, PortMetaFaults, testing::Bool(),
                         [](const auto& instance) { return instance.param ? "On" : "Off"; });

TEST_P(PortMetaFaults, BackendKilledThenTheAnswersThatLeaveClientsUsable) {
  MetaSide client{host_.client()};
  host_.memcached(0).kill();

  EXPECT_EQ(client.answer("mg " + key_ + " v k O1\r\n"), "EN k" + key_ + " O1\n");
  EXPECT_EQ(client.answer("mg " + key_ + " v q\r\n"), "");
  EXPECT_EQ(client.answer("mg " + key_ + " T90 v\r\n"), "EN\n");
  EXPECT_EQ(client.answer("me " + key_ + "\r\n"), "EN\n");
  EXPECT_EQ(client.answer("ms " + key_ + " 2 q c O1 k\r\nhi\r\n"), "NS c0 O1 k" + key_ + "\n");
  const std::string large(100'000, 'x');
  EXPECT_EQ(client.answer("ms " + key_ + " 100000\r\n" + large + "\r\n"), "NS\n");
  for (const char* command : {"md ", "ma ", "ma "}) {
    const std::string answer = client.answer(command + key_ + " q\r\n");
    EXPECT_TRUE(answer.starts_with("SERVER_ERROR ringfence")) << answer;
  }
}

struct Lie {
  std::string command, lie, told;
};

// A backend that answers each piece it gets with the same lie.
void expect_not_believed(const PortHostSettings& settings, const Lie& one) {
  SCOPED_TRACE(one.command.substr(0, 40) + " " + one.lie.substr(0, 40));
  ScriptedServer server([&](std::string_view) { return one.lie; });
  PortHost host{settings};
  host.replace_backend(0, server.address());
  std::string command = one.command;
  command.replace(command.find("KEY"), 3, host.key_on(0));
  MetaSide client{host.client()};
  const std::string answer = client.answer(command + "\r\n");
  EXPECT_TRUE(answer.starts_with(one.told)) << answer;
  EXPECT_TRUE(wait_until([&] { return host.trouble_count() > 0; }));
}

TEST_P(PortMetaFaults, AnswerThatFitsNoCommandThenNotBelieved) {
  const std::vector<Lie> lies = {{"mg KEY v", "STORED\r\n", "EN\n"},
                                 {"mg KEY f", "VA 1\r\nx\r\n", "EN\n"},
                                 {"mg KEY v", "VA x\r\nx\r\n", "EN\n"},
                                 {"mg KEY v", "HD\r\n", "EN\n"},
                                 {"me KEY", "HD\r\n", "EN\n"},
                                 {"ms KEY 1\r\n1", "VA 1\r\nx\r\n", "NS\n"},
                                 {"ms KEY 1\r\n1", "EN\r\n", "NS\n"},
                                 {"ms KEY 1\r\n1", "HD\r\nHD\r\n", "HD\n"},
                                 {"md KEY", "VA 1\r\nx\r\n", "SERVER_ERROR"},
                                 {"md KEY", "NS\r\n", "SERVER_ERROR"},
                                 {"md KEY", "MN\r\n", "SERVER_ERROR"},
                                 {"mg KEY v", "VA 1\r\nx\r\n", "EN\n"},
                                 {"mg KEY v O5", "VA 1 O5\r\nx\r\n", "EN O5\n"},
                                 {"ms KEY 1\r\n1", "HD O99\r\n", "NS\n"},
                                 {"ma KEY q v", "VA 1\r\nx\r\n", "SERVER_ERROR"}};
  for (const Lie& one : lies) expect_not_believed(settings_of(GetParam(), 1), one);
}

TEST_P(PortMetaFaults, ClassicAnswerOfAnotherCommandThenNotBelieved) {
  const std::vector<Lie> lies = {{"set KEY 0 0 1\r\n1", "OK\r\n", "NOT_STORED\n"},
                                 {"set KEY 0 0 1\r\n1", "DELETED\r\n", "NOT_STORED\n"},
                                 {"set KEY 0 0 1\r\n1", "NOT_FOUND\r\n", "NOT_STORED\n"},
                                 {"add KEY 0 0 1\r\n1", "12\r\n", "NOT_STORED\n"},
                                 {"delete KEY", "STORED\r\n", "SERVER_ERROR ringfence"},
                                 {"touch KEY 1", "DELETED\r\n", "SERVER_ERROR ringfence"},
                                 {"incr KEY 1", "STORED\r\n", "SERVER_ERROR ringfence"},
                                 {"incr KEY 1", "12a\r\n", "SERVER_ERROR ringfence"}};
  for (const Lie& one : lies) expect_not_believed(settings_of(GetParam(), 1), one);
}

TEST_P(PortMetaFaults, AnswerToALargeValueThatFitsNoSetThenNotStored) {
  const std::string rest = " 100000\r\n" + std::string(100'000, 'x');
  for (const char* lie : {"VA 1\r\nx\r\n", "EN\r\n", "STORED\r\n", "HD\n", "\r\n",
                          "ERROR Too many open connections\r\n"}) {
    expect_not_believed(settings_of(GetParam(), 1), {"ms KEY" + rest, lie, "NS\n"});
  }
  const std::string long_line = "HD O" + std::string(2'100, '1') + "\r\n";
  expect_not_believed(settings_of(GetParam(), 1), {"ms KEY" + rest, long_line, "NS\n"});
  for (const char* lie : {"END\r\n", "ERROR Too many open connections\r\n"}) {
    expect_not_believed(settings_of(GetParam(), 1), {"set KEY 0 0" + rest, lie, "NOT_STORED\n"});
  }
}

TEST_P(PortMetaFaults, DeleteInFlightWhenItsSlotMovesThenNotFoundOnlyUnderANewTag) {
  for (const std::string command : {"md ", "ma "}) {
    PortHost host{settings_of(GetParam(), 2)};
    TextClient client = host.client();
    const std::string key = host.key_on(0);
    host.memcached(0).stop();
    client.send(command + key + " k O1\r\n");
    let_it_be_sent();

    host.memcached(0).kill();
    pass(50ms);
    host.move_slots(0, 1);

    const std::string answer = client.read_line();
    if (GetParam()) {
      EXPECT_EQ(answer, "NF k" + key + " O1");
    } else {
      EXPECT_TRUE(answer.starts_with("SERVER_ERROR ringfence")) << answer;
    }
  }
}

TEST_P(PortMetaFaults, CounterToBeMadeWhenItsSlotMovesThenNeverNotFound) {
  TextClient client = host_.client();
  host_.memcached(0).stop();
  client.send("ma " + key_ + " N0 J5\r\n");
  let_it_be_sent();

  host_.memcached(0).kill();
  pass(50ms);
  host_.move_slots(0, 1);

  const std::string answer = client.read_line();
  EXPECT_TRUE(answer.starts_with("SERVER_ERROR ringfence")) << answer;
}

TEST_P(PortMetaFaults, G2_ViewChangesUnderAGetThenItIsAskedAgainAndNeverStale) {
  TextClient reader = host_.client();
  MetaSide writer{host_.client()};
  EXPECT_EQ(writer.answer("ms " + key_ + " 3\r\nold\r\n"), "HD\n");
  host_.memcached(0).stop();
  reader.send("mg " + key_ + " v k\r\n");
  host_.client().send("mg " + host_.key_on(0, "stays") + "\r\n");  // the connection is kept
  let_it_be_sent();

  host_.move_slot_of(key_, 1);
  EXPECT_EQ(writer.answer("ms " + key_ + " 3\r\nnew\r\n"), "HD\n");
  host_.memcached(0).resume();

  EXPECT_EQ(reader.read_line(), "VA 3 k" + key_);
  EXPECT_EQ(reader.read_line(), "new");
}

TEST_P(PortMetaFaults, G2_ViewChangesUnderAGetWithoutValueThenNeverTheOldItems) {
  TextClient reader = host_.client();
  MetaSide writer{host_.client()};
  EXPECT_EQ(writer.answer("ms " + key_ + " 3 F1\r\nold\r\n"), "HD\n");
  host_.memcached(0).stop();
  reader.send("mg " + key_ + " f\r\n");
  let_it_be_sent();

  host_.move_slots(0, 1);
  host_.memcached(0).resume();

  EXPECT_EQ(reader.read_line(), "EN");
}

TEST_P(PortMetaFaults, LeaseLapsesUnderRepliesThenTheyAreAcceptedAfterTheRenewal) {
  TextClient reader = host_.client();
  TextClient counter = host_.client();
  MetaSide writer{host_.client()};
  const std::string number = host_.key_on(0, "number");
  EXPECT_EQ(writer.answer("ms " + key_ + " 3 F1\r\nabc\r\nms " + number + " 1\r\n5\r\n"),
            "HD\nHD\n");
  host_.memcached(0).stop();
  reader.send("mg " + key_ + " v k O1\r\nmg " + key_ + " f\r\nms " + key_ + " 1 k\r\nx\r\n");
  counter.send("ma " + number + " v k\r\n");
  let_it_be_sent();

  host_.end_lease();
  host_.memcached(0).resume();
  pass(100ms);
  host_.renew_lease();

  EXPECT_EQ(reader.read_line(), "VA 3 k" + key_ + " O1");
  EXPECT_EQ(reader.read_line(), "abc");
  EXPECT_EQ(reader.read_line(), "HD f1");
  EXPECT_EQ(reader.read_line(), "HD k" + key_);
  EXPECT_EQ(counter.read_line(), "VA 1 k" + number);
  EXPECT_EQ(counter.read_line(), "6");
}

}  // namespace
}  // namespace ringfence::live
