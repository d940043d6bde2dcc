// What files and commands list, and when a name is asked for again.
#include <gtest/gtest.h>

#include "agent/discovery/dns_answer.hpp"
#include "agent/discovery/list.hpp"
#include "shm_layout/layout.hpp"

namespace ringfence::agent::discovery {
namespace {

using core::operator""_ms;
using core::operator""_s;

constexpr ListRules of_a_file{true, false};
constexpr ListRules of_a_command{false, false};
constexpr ListRules of_a_fleet{true, true};

std::string error_of(const std::string& text, const ListRules& rules = of_a_file) {
  const Result<List> list = parse_list(text, "f", rules);
  return list ? "" : list.error().message;
}

TEST(DiscoveryList, AddressesWeightsCommentsAndBlanksThenSortedList) {
  const Result<List> list = parse_list(
      "# the fleet\n\n10.0.0.6:11211\tweight=2  # the large one\r\n  10.0.0.5:11211\n/run/m.sock\n",
      "f", of_a_file);

  ASSERT_TRUE(list) << list.error().message;
  ASSERT_EQ(list.value().size(), 3U);
  EXPECT_EQ(list.value()[0].address, "/run/m.sock");
  EXPECT_EQ(list.value()[1].address, "10.0.0.5:11211");
  EXPECT_EQ(list.value()[1].weight, 1U);
  EXPECT_EQ(list.value()[2].weight, 2U);
  EXPECT_EQ(list.value()[2].named_by, core::NamedBy::configuration);
}

TEST(DiscoveryList, NothingOrCommentsAloneThenEmptyList) {
  for (const char* text : {"", "\n", "# nobody\n"}) {
    const Result<List> list = parse_list(text, "f", of_a_file);
    ASSERT_TRUE(list);
    EXPECT_TRUE(list.value().empty());
  }
}

TEST(DiscoveryList, OneWrongLineThenNothingCountsAndFileAndLineAreNamed) {
  EXPECT_EQ(error_of("10.0.0.5:11211\n10.0.0.6\n").find("f:2: "), 0U);
  EXPECT_EQ(error_of("10.0.0.5:11211 weight=0\n").find("f:1: "), 0U);
  EXPECT_EQ(error_of("10.0.0.5:11211 10.0.0.6:11211\n").find("f:1: "), 0U);
  EXPECT_EQ(error_of("#\n#\n10.0.0.5:11211 heavy\n").find("f:3: "), 0U);
}

TEST(DiscoveryList, LastLineCutThenRefusedInAFileAndWholeFromACommand) {
  const std::string cut = "10.0.0.5:11211\n10.0.0.6:1121";

  EXPECT_NE(error_of(cut).find("f:2: the last line does not end"), std::string::npos);
  EXPECT_EQ(error_of(cut, of_a_command), "");
}

TEST(DiscoveryList, AddressTwiceThenOnceWithTheLargerWeight) {
  const Result<List> list = parse_list("10.0.0.5:11211 weight=2\n10.0.0.5:11211\n", "f", of_a_file);

  ASSERT_TRUE(list);
  ASSERT_EQ(list.value().size(), 1U);
  EXPECT_EQ(list.value()[0].weight, 2U);
}

TEST(DiscoveryList, LoopbackInAFleetThenRefused) {
  for (const char* text :
       {"127.0.0.1:11211\n", "[::1]:11211\n", "localhost:1\n", "/run/m.sock\n"}) {
    EXPECT_EQ(error_of(text), "") << text;
    EXPECT_NE(error_of(text, of_a_fleet).find("another memcached on each host"), std::string::npos)
        << text;
  }
}

TEST(DiscoveryList, TooManyLinesOrBytesThenRefused) {
  std::string text;
  for (std::uint32_t i = 1; i <= shm_layout::backend_count_max; ++i) {
    text += "10.0.0.1:" + std::to_string(i) + "\n";
  }
  EXPECT_EQ(error_of(text), "");
  EXPECT_NE(error_of(text + "10.0.0.2:1\n").find("more than"), std::string::npos);
  EXPECT_NE(error_of(std::string(list_bytes_max + 1, '\n')).find("larger than"), std::string::npos);
}

TEST(DiscoveryList, WeightOrAddressDiffersThenNotTheSame) {
  const auto list = [](const char* text) { return parse_list(text, "f", of_a_file).value(); };

  EXPECT_TRUE(are_same(list("a:1\nb:1\n"), list("b:1\na:1\n")));
  EXPECT_FALSE(are_same(list("a:1\n"), list("a:1 weight=2\n")));
  EXPECT_FALSE(are_same(list("a:1\n"), list("a:1\nb:1\n")));
}

TEST(DiscoveryDnsAnswer, BothKindsOfAddressThenEachIsABackendAtThatPort) {
  const core::WantedBackend name{"cache.example:11211", 3};

  const Result<List> list =
      backends_at({{"fd00::7", "10.0.0.6", "10.0.0.5"}, 60}, name, of_a_fleet);

  ASSERT_TRUE(list);
  ASSERT_EQ(list.value().size(), 3U);
  EXPECT_EQ(list.value()[0].address, "10.0.0.5:11211");
  EXPECT_EQ(list.value()[0].weight, 3U);
  EXPECT_EQ(list.value()[2].address, "[fd00::7]:11211");
}

TEST(DiscoveryDnsAnswer, LoopbackInAFleetThenRefused) {
  const core::WantedBackend name{"cache.example:11211", 1};

  EXPECT_TRUE(backends_at({{"127.0.0.1"}, 60}, name, of_a_file));
  EXPECT_FALSE(backends_at({{"10.0.0.5", "127.0.0.1"}, 60}, name, of_a_fleet));
}

TEST(DiscoveryTtl, BelowBetweenAndAboveTheBoundsThenHeldWithinThem) {
  constexpr TtlBounds bounds{5_s, 300_s};

  EXPECT_EQ(bounded_ttl(0, bounds), 5_s);
  EXPECT_EQ(bounded_ttl(-7, bounds), 5_s);
  EXPECT_EQ(bounded_ttl(60, bounds), 60_s);
  EXPECT_EQ(bounded_ttl(86400, bounds), 300_s);
  EXPECT_EQ(bounded_ttl(INT64_MAX, bounds), 300_s);
}

}  // namespace
}  // namespace ringfence::agent::discovery
