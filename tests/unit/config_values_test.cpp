// Durations, addresses, weights and nearest words, one value at a time.
#include "agent/config/values.hpp"

#include <gtest/gtest.h>

#include "agent/config/config.hpp"

namespace ringfence::agent::config {
namespace {

TEST(ConfigDuration, EachUnitThenExact) {
  EXPECT_EQ(parse_duration("100ms").value().ns, 100'000'000);
  EXPECT_EQ(parse_duration("2s").value().ns, 2'000'000'000);
  EXPECT_EQ(parse_duration("10m").value().ns, 600'000'000'000);
  EXPECT_EQ(parse_duration("1h").value().ns, 3'600'000'000'000);
  EXPECT_EQ(parse_duration("0s").value().ns, 0);
}

TEST(ConfigDuration, NoDurationThenError) {
  for (const char* text :
       {"", "s", "-1s", "1.5s", "1", "1us", "1 s", "1ss", "99999999999999999999s"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(ConfigDuration, ShownThenReadBackTheSame) {
  for (const char* text : {"0s", "150ms", "2s", "90s", "1m", "36h"}) {
    EXPECT_EQ(show_duration(parse_duration(text).value()), text);
  }
}

TEST(ConfigAddress, ManySpellingsThenOneCanonical) {
  EXPECT_EQ(parse_address("10.0.0.5:11211").value(), "10.0.0.5:11211");
  EXPECT_EQ(parse_address("Cache-1.Example.ORG:1").value(), "cache-1.example.org:1");
  EXPECT_EQ(parse_address("[0:0::1]:65535").value(), "[::1]:65535");
  EXPECT_EQ(parse_address("/run/memcached.sock").value(), "/run/memcached.sock");
  EXPECT_EQ(parse_listen("127.0.0.1:0").value(), "127.0.0.1:0");
}

TEST(ConfigAddress, NoAddressThenErrorQuotesIt) {
  const std::string bad[] = {"",
                             "host",
                             ":1",
                             "host:",
                             "host:0",
                             "host:65536",
                             "host:+1",
                             "host:1x",
                             "::1:11211",
                             "[::1]11211",
                             "[::g]:1",
                             "[::1:1",
                             "10.0.0:1",
                             "256.1.1.1:1",
                             "ho st:1",
                             "h\xc3\xa4:1",
                             "/run/",
                             "/run/a b.sock",
                             "/" + std::string(107, 'x'),
                             std::string(110, 'h') + ":1"};
  for (const std::string& text : bad) {
    const Result<std::string> address = parse_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_NE(address.error().message.find("\"" + text + "\""), std::string::npos) << text;
  }
}

TEST(ConfigAddress, LongestAllowedThenAccepted) {
  EXPECT_TRUE(parse_address("/" + std::string(106, 'x')));
  EXPECT_TRUE(parse_address(std::string(109, 'h') + ":1"));
}

TEST(ConfigAddress, LoopbackThenTold) {
  EXPECT_TRUE(is_loopback("127.0.0.1:1"));
  EXPECT_TRUE(is_loopback("[::1]:1"));
  EXPECT_TRUE(is_loopback("/run/a"));
  EXPECT_FALSE(is_loopback("0.0.0.0:1"));
  EXPECT_FALSE(is_loopback("[::]:1"));
}

TEST(ConfigBackend, WeightThenReadWithinBounds) {
  EXPECT_EQ(parse_backend("a:1").value().weight, 1U);
  EXPECT_EQ(parse_backend("a:1 weight=1000").value().weight, 1000U);
  EXPECT_EQ(parse_backend("a:1 weight=1000").value().address, "a:1");
  for (const char* text : {"a:1 ", "a:1 weight", "a:1 weight=", "a:1 weight=0", "a:1 weight=1001",
                           "a:1 weight=1 x", "a:1 wait=1", "a:1 weight=-1", "a:1 weight=1.5"}) {
    EXPECT_FALSE(parse_backend(text)) << text;
  }
}

TEST(ConfigNearest, MisspeltWordThenTheOneMeant) {
  EXPECT_EQ(nearest("probe_intervall", {"probe_timeout", "probe_interval"}), "probe_interval");
  EXPECT_EQ(nearest("lsiten", {"listen", "level"}), "listen");
  EXPECT_EQ(nearest("zebra", {"listen", "level"}), std::nullopt);
}

TEST(ConfigName, AllowedCharactersAndLengthThenName) {
  EXPECT_TRUE(is_name("aZ09_-"));
  EXPECT_TRUE(is_name(std::string(63, 'a')));
  EXPECT_FALSE(is_name(std::string(64, 'a')));
  EXPECT_FALSE(is_name(""));
  EXPECT_FALSE(is_name("a/b"));
}

}  // namespace
}  // namespace ringfence::agent::config
