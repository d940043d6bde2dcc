// The port's commands, one by one, on real memcacheds; with tags and without.
#include <gtest/gtest.h>

#include "shim/wire_key.hpp"
#include "tests/live/support/port_host.hpp"

namespace ringfence::live {
namespace {

class PortText : public testing::TestWithParam<bool> {
 protected:
  [[nodiscard]] static PortHostSettings settings(std::size_t backends = 2) {
    PortHostSettings settings;
    settings.backends = backends;
    settings.has_tags = GetParam();
    return settings;
  }
};
INSTANTIATE_TEST_SUITE_P(Tags, PortText, testing::Bool(),
                         [](const auto& instance) { return instance.param ? "On" : "Off"; });

TEST_P(PortText, ValueSetThenEveryKindOfReadReturnsItUnderTheClientsKey) {
  PortHost host{settings()};
  TextClient client = host.client();

  EXPECT_EQ(client.set("k", "value", 7), "STORED");

  client.send("get k\r\n");
  EXPECT_EQ(client.read_line(), "VALUE k 7 5");
  EXPECT_EQ(client.read_line(), "value");
  EXPECT_EQ(client.read_line(), "END");
  client.send("gat 100 k\r\n");
  EXPECT_EQ(client.read_line(), "VALUE k 7 5");
  EXPECT_EQ(client.read_line(), "value");
  EXPECT_EQ(client.read_line(), "END");
  EXPECT_TRUE(client.ask("gets k").starts_with("VALUE k 7 5 "));
  EXPECT_EQ(client.read_line(), "value");
  EXPECT_EQ(client.read_line(), "END");
  EXPECT_TRUE(client.ask("gats 100 k").starts_with("VALUE k 7 5 "));
  EXPECT_EQ(client.read_line(), "value");
  EXPECT_EQ(client.read_line(), "END");
}

TEST_P(PortText, ValueSetThenTheBackendHoldsItUnderTheTaggedKeyOnly) {
  PortHost host{settings(1)};

  EXPECT_EQ(host.client().set("k", "v"), "STORED");

  EXPECT_EQ(host.memcached(0).client().get("k").has_value(), !GetParam());
  EXPECT_EQ(host.memcached(0).client().get("k~saB").has_value(), GetParam());
}

TEST_P(PortText, KeysOnSeveralBackendsThenValuesComeInTheOrderOfTheRequest) {
  PortHost host{settings(4)};
  TextClient client = host.client();
  std::string command = "get";
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    const std::string key = "key" + std::to_string(i);
    command += " " + key;
    if (i % 3 == 0) continue;
    EXPECT_EQ(client.set(key, key), "STORED");
    expected += "VALUE " + key + " 0 " + std::to_string(key.size()) + "\r\n" + key + "\r\n";
  }
  expected += "END\r\n";

  client.send(command + "\r\n");

  EXPECT_EQ(client.read_bytes(expected.size()), expected);
}

TEST_P(PortText, KeyAskedForTwiceThenItComesTwice) {
  PortHost host{settings()};
  TextClient client = host.client();
  EXPECT_EQ(client.set("k", "v"), "STORED");

  client.send("get k k x k\r\n");

  const std::string one = "VALUE k 0 1\r\nv\r\n";
  EXPECT_EQ(client.read_bytes(3 * one.size() + 5), one + one + one + "END\r\n");
}

TEST_P(PortText, EachStorageCommandThenItsOwnAnswer) {
  PortHost host{settings()};
  TextClient client = host.client();
  const auto store = [&](const std::string& command, const std::string& value) {
    client.send(command + "\r\n" + value + "\r\n");
    return client.read_line();
  };

  EXPECT_EQ(store("add k 0 0 1", "b"), "STORED");
  EXPECT_EQ(store("add k 0 0 1", "x"), "NOT_STORED");
  EXPECT_EQ(store("append k 0 0 1", "c"), "STORED");
  EXPECT_EQ(store("prepend k 0 0 1", "a"), "STORED");
  EXPECT_EQ(client.get("k"), "abc");
  EXPECT_EQ(store("replace k 0 0 1", "2"), "STORED");
  EXPECT_EQ(store("replace nothing 0 0 1", "2"), "NOT_STORED");
  EXPECT_EQ(client.ask("incr k 40"), "42");
  EXPECT_EQ(client.ask("decr k 2"), "40");
  EXPECT_EQ(client.ask("incr nothing 1"), "NOT_FOUND");
  EXPECT_EQ(client.ask("touch k 100"), "TOUCHED");
  EXPECT_EQ(client.ask("touch nothing 100"), "NOT_FOUND");
  EXPECT_EQ(client.ask("delete k"), "DELETED");
  EXPECT_EQ(client.ask("delete k"), "NOT_FOUND");
}

TEST_P(PortText, CasUniqueThenStoredOnceAndExistsAfterwards) {
  PortHost host{settings()};
  TextClient client = host.client();
  EXPECT_EQ(client.set("k", "1"), "STORED");
  const std::string head = client.ask("gets k");
  const std::string unique = head.substr(head.rfind(' ') + 1);
  EXPECT_EQ(client.read_line(), "1");
  EXPECT_EQ(client.read_line(), "END");

  client.send("cas k 0 0 1 " + unique + "\r\n2\r\n");
  EXPECT_EQ(client.read_line(), "STORED");
  client.send("cas k 0 0 1 " + unique + "\r\n3\r\n");
  EXPECT_EQ(client.read_line(), "EXISTS");
  client.send("cas nothing 0 0 1 1\r\n3\r\n");
  EXPECT_EQ(client.read_line(), "NOT_FOUND");
}

TEST_P(PortText, NoreplyThenReadThenTheReadSeesTheWrite) {
  PortHost host{settings()};
  TextClient client = host.client();

  for (int i = 0; i < 1000; ++i) {
    const std::string value = std::to_string(i);
    client.send("set k 0 0 " + std::to_string(value.size()) + " noreply\r\n" + value + "\r\n");
    ASSERT_EQ(client.get("k"), value);
  }
  client.send("delete k noreply\r\nincr k 1 noreply\r\ntouch k 1 noreply\r\nget k\r\n");
  EXPECT_EQ(client.read_line(), "END");
}

TEST_P(PortText, ThousandsOfPipelinedCommandsThenAnswersInOrder) {
  PortHost host{settings(4)};
  TextClient client = host.client();
  std::string commands;
  std::string expected;
  for (int i = 0; i < 5000; ++i) {
    const std::string key = "key" + std::to_string(i % 100);
    const std::string value = std::to_string(100000 + i);
    commands += "set " + key + " 0 0 6\r\n" + value + "\r\nget " + key + "\r\n";
    expected += "STORED\r\nVALUE " + key + " 0 6\r\n" + value + "\r\nEND\r\n";
  }

  client.send(commands);

  EXPECT_EQ(client.read_bytes(expected.size()), expected);
}

TEST_P(PortText, LongestKeyThenItIsKeptAndOneByteMoreIsRefused) {
  PortHost host{settings()};
  TextClient client = host.client();
  const std::string longest(250, 'k');
  const std::string twin = std::string(249, 'k') + "l";

  EXPECT_EQ(client.set(longest, "1"), "STORED");
  EXPECT_EQ(client.set(twin, "2"), "STORED");
  EXPECT_EQ(client.get(longest), "1");
  EXPECT_EQ(client.get(twin), "2");
  EXPECT_EQ(client.ask("get " + longest + "k"), "CLIENT_ERROR bad command line format");
}

TEST_P(PortText, LargeValuesThenTheyComeBackWhole) {
  PortHost host{settings()};
  TextClient client = host.client();
  for (const std::size_t size : {16'000U, 65'535U, 65'536U, 65'537U, 300'000U, 1'000'000U}) {
    std::string value(size, 'x');
    for (std::size_t i = 0; i < size; i += 97) value[i] = static_cast<char>('a' + i % 26);

    ASSERT_EQ(client.set("big", value), "STORED") << size;
    ASSERT_EQ(client.get("big"), value) << size;
    client.send("set big 0 0 " + std::to_string(size) + " noreply\r\n" + value + "\r\n");
    ASSERT_EQ(client.get("big"), value) << size;
  }
}

TEST_P(PortText, ValueOverTheServersLimitThenItsRefusalAndTheConnectionGoesOn) {
  PortHost host{settings()};
  TextClient client = host.client();

  EXPECT_EQ(client.set("k", std::string(3'000'000, 'x')),
            "SERVER_ERROR object too large for cache");
  EXPECT_EQ(client.set("k", "v"), "STORED");
  EXPECT_EQ(client.get("k"), "v");
}

TEST_P(PortText, DataWithoutItsEndThenBadDataChunkAndTheConnectionGoesOn) {
  PortHost host{settings()};
  TextClient client = host.client();

  client.send("set k 0 0 3\r\nabcde");
  EXPECT_EQ(client.read_line(), "CLIENT_ERROR bad data chunk");
  EXPECT_EQ(client.ask("version").substr(0, 8), "VERSION ");
}

TEST_P(PortText, CommandsWithoutAKeyThenMemcachedsAnswers) {
  PortHost host{settings()};
  host.port().set_version("1.6.9");
  TextClient client = host.client();

  EXPECT_EQ(client.ask("version"), "VERSION 1.6.9");
  EXPECT_EQ(client.ask("verbosity 1"), "OK");
  EXPECT_EQ(client.ask("nonsense"), "ERROR");
  EXPECT_EQ(client.ask("stats reset"), "RESET");
  EXPECT_EQ(client.ask("stats items"), "END");
  EXPECT_EQ(client.ask("stats detail on"), "OK");
  EXPECT_EQ(client.ask("stats detail dump"), "END");
  EXPECT_EQ(client.ask("stats detail"), "CLIENT_ERROR usage: stats detail on|off|dump");
  EXPECT_EQ(client.ask("stats cachedump 1 1"), "CLIENT_ERROR stats cachedump not allowed");
  EXPECT_EQ(client.ask("stats nonsense"), "ERROR");
  client.send("quit\r\n");
  EXPECT_TRUE(client.is_closed_by_peer());
}

TEST_P(PortText, CommandsCountedThenStatsNamesThemAsMemcachedDoes) {
  PortHost host{settings()};
  TextClient client = host.client();
  EXPECT_EQ(client.set("k", "1"), "STORED");
  EXPECT_EQ(client.get("k"), "1");
  EXPECT_EQ(client.get("x"), std::nullopt);
  EXPECT_EQ(client.ask("incr k 1"), "2");
  EXPECT_EQ(client.ask("delete k"), "DELETED");
  EXPECT_EQ(client.ask("delete k"), "NOT_FOUND");

  auto stats = client.stats();

  EXPECT_EQ(stats["cmd_get"], "2");
  EXPECT_EQ(stats["get_hits"], "1");
  EXPECT_EQ(stats["get_misses"], "1");
  EXPECT_EQ(stats["cmd_set"], "1");
  EXPECT_EQ(stats["incr_hits"], "1");
  EXPECT_EQ(stats["delete_hits"], "1");
  EXPECT_EQ(stats["delete_misses"], "1");
  EXPECT_EQ(stats["curr_connections"], "1");
  EXPECT_EQ(stats["threads"], "1");
  EXPECT_EQ(stats["ringfence_tags"], GetParam() ? "1" : "0");
  EXPECT_EQ(client.stats("settings")["num_threads"], "1");
  std::uint64_t requests = 0;
  for (const auto& backend : host.port().backend_counters()) requests += backend.requests;
  EXPECT_EQ(requests, 6U);
}

TEST_P(PortText, ReservedKeyThenRefusedOnlyWhereNoTagKeepsItApart) {
  PortHost host{settings()};
  TextClient client = host.client();
  const std::string refusal = "CLIENT_ERROR keys that begin with ringfence! are reserved";

  EXPECT_EQ(client.set("ringfence!x", "1"), GetParam() ? "STORED" : refusal);
  EXPECT_EQ(client.ask("delete ringfence!x"), GetParam() ? "DELETED" : refusal);
  EXPECT_EQ(client.ask("get a ringfence!x"), GetParam() ? "END" : refusal);
}

}  // namespace
}  // namespace ringfence::live
