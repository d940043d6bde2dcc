// Each operation of the linked client and each answer of a server, over TCP and unix sockets, with
// tags and without.
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "tests/live/support/client_support.hpp"
#include "tests/live/support/port_host.hpp"

namespace ringfence::live {
namespace {

using namespace std::chrono_literals;

class ClientOperations : public testing::TestWithParam<std::tuple<bool, bool>> {
 protected:
  ClientOperations() : host_(settings()), client_(client_of(host_.segment())) {}

  [[nodiscard]] static PortHostSettings settings() {
    PortHostSettings settings;
    std::tie(settings.has_tags, settings.has_unix_backends) = GetParam();
    return settings;
  }
  [[nodiscard]] std::uint64_t total(const std::string& name) {
    return host_.memcached(0).stat(name) + host_.memcached(1).stat(name);
  }

  PortHost host_;
  Client client_;
};
INSTANTIATE_TEST_SUITE_P(Tags, ClientOperations, testing::Combine(testing::Bool(), testing::Bool()),
                         [](const auto& instance) {
                           return std::string(std::get<0>(instance.param) ? "On" : "Off") +
                                  (std::get<1>(instance.param) ? "Unix" : "Tcp");
                         });

TEST_P(ClientOperations, NothingStoredThenEveryReadIsAMiss) {
  EXPECT_EQ(client_.get("k").status, RINGFENCE_MISS);
  EXPECT_EQ(client_.gets("k").status, RINGFENCE_MISS);
  EXPECT_EQ(client_.gat("k", 10s).status, RINGFENCE_MISS);
}

TEST_P(ClientOperations, SetThenReadWithItsFlags) {
  EXPECT_EQ(client_.set("k", "value", forever, 4'000'000'000U), RINGFENCE_OK);

  const Read got = client_.get("k");
  EXPECT_EQ(got.status, RINGFENCE_OK);
  EXPECT_EQ(got.view(), "value");
  EXPECT_EQ(got.flags(), 4'000'000'000U);
  EXPECT_EQ(got.cas(), 0U);
  EXPECT_EQ(got.view().data()[got.view().size()], '\0');
}

TEST_P(ClientOperations, AddAndReplaceThenEachStoresOnlyWhereItsConditionHolds) {
  EXPECT_EQ(client_.replace("k", "0"), RINGFENCE_NOT_STORED);
  EXPECT_EQ(client_.add("k", "1"), RINGFENCE_OK);
  EXPECT_EQ(client_.add("k", "2"), RINGFENCE_NOT_STORED);
  EXPECT_EQ(client_.get("k").view(), "1");
  EXPECT_EQ(client_.replace("k", "3", forever, 9), RINGFENCE_OK);
  EXPECT_EQ(client_.get("k").view(), "3");
  EXPECT_EQ(client_.get("k").flags(), 9U);
}

TEST_P(ClientOperations, AppendAndPrependThenTheItemGrowsAndKeepsItsFlags) {
  EXPECT_EQ(client_.append("k", "x"), RINGFENCE_NOT_STORED);
  EXPECT_EQ(client_.prepend("k", "x"), RINGFENCE_NOT_STORED);
  EXPECT_EQ(client_.set("k", "b", forever, 7), RINGFENCE_OK);
  EXPECT_EQ(client_.append("k", "c"), RINGFENCE_OK);
  EXPECT_EQ(client_.prepend("k", "a"), RINGFENCE_OK);
  EXPECT_EQ(client_.get("k").view(), "abc");
  EXPECT_EQ(client_.get("k").flags(), 7U);
}

TEST_P(ClientOperations, CasThenStoredOnlyIfNobodyStoredSince) {
  EXPECT_EQ(client_.cas("k", "0", 1), RINGFENCE_NOT_FOUND);
  EXPECT_EQ(client_.set("k", "1"), RINGFENCE_OK);
  const Read before = client_.gets("k");
  EXPECT_EQ(before.view(), "1");
  EXPECT_NE(before.cas(), 0U);

  EXPECT_EQ(client_.cas("k", "2", before.cas()), RINGFENCE_OK);
  EXPECT_EQ(client_.cas("k", "3", before.cas()), RINGFENCE_EXISTS);

  EXPECT_EQ(client_.get("k").view(), "2");
}

TEST_P(ClientOperations, GatThenItReadsWithCasAndSetsTheExpiry) {
  EXPECT_EQ(client_.set("k", "1"), RINGFENCE_OK);
  const Read got = client_.gat("k", 1000s);
  EXPECT_EQ(got.view(), "1");
  EXPECT_EQ(got.cas(), client_.gets("k").cas());

  EXPECT_EQ(client_.gat("k", -1s).view(), "1");
  EXPECT_EQ(client_.get("k").status, RINGFENCE_MISS);
}

TEST_P(ClientOperations, DeleteAndTouchThenOkOnlyWhereThereIsAnItem) {
  EXPECT_EQ(client_.remove("k"), RINGFENCE_NOT_FOUND);
  EXPECT_EQ(client_.touch("k", 10s), RINGFENCE_NOT_FOUND);
  EXPECT_EQ(client_.set("k", "1"), RINGFENCE_OK);
  EXPECT_EQ(client_.touch("k", 1000s), RINGFENCE_OK);
  EXPECT_EQ(client_.get("k").view(), "1");
  EXPECT_EQ(client_.remove("k"), RINGFENCE_OK);
  EXPECT_EQ(client_.get("k").status, RINGFENCE_MISS);
  EXPECT_EQ(client_.set("k", "2"), RINGFENCE_OK);
  EXPECT_EQ(client_.touch("k", -1s), RINGFENCE_OK);
  EXPECT_EQ(client_.get("k").status, RINGFENCE_MISS);
}

TEST_P(ClientOperations, ExpiryInTheFutureThenTheItemStaysAndInThePastThenItDoesNot) {
  EXPECT_EQ(client_.set("stays", "1", 1000s), RINGFENCE_OK);
  EXPECT_EQ(client_.set("gone", "1", -1s), RINGFENCE_OK);
  EXPECT_EQ(client_.get("stays").view(), "1");
  EXPECT_EQ(client_.get("gone").status, RINGFENCE_MISS);
}

TEST_P(ClientOperations, IncrAndDecrThenTheNewNumberWithMemcachedsEnds) {
  EXPECT_EQ(client_.incr("k").status, RINGFENCE_NOT_FOUND);
  EXPECT_EQ(client_.decr("k").status, RINGFENCE_NOT_FOUND);
  EXPECT_EQ(client_.set("k", "41"), RINGFENCE_OK);
  EXPECT_EQ(client_.incr("k").value, 42U);
  EXPECT_EQ(client_.decr("k", 2).value, 40U);
  EXPECT_EQ(client_.decr("k", 100).value, 0U);

  const std::string largest = std::to_string(std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(client_.set("k", largest), RINGFENCE_OK);
  const Number wrapped = client_.incr("k", 2);
  EXPECT_EQ(wrapped.status, RINGFENCE_OK);
  EXPECT_EQ(wrapped.value, 1U);
  EXPECT_EQ(ringfence_incr(client_.raw(), "k", 1, 1, nullptr, -1), RINGFENCE_OK);
}

TEST_P(ClientOperations, ItemThatIsNoNumberThenIncrIsRefusedAndTheServersWordsAreKept) {
  EXPECT_EQ(client_.set("k", "word"), RINGFENCE_OK);
  EXPECT_EQ(Client::error(), "");

  EXPECT_EQ(client_.incr("k").status, RINGFENCE_REFUSED);
  EXPECT_EQ(Client::error(), "CLIENT_ERROR cannot increment or decrement non-numeric value");
  EXPECT_EQ(client_.decr("k").status, RINGFENCE_REFUSED);

  EXPECT_EQ(client_.get("k").view(), "word");
  EXPECT_EQ(Client::error(), "");
}

TEST_P(ClientOperations, ShortestAndLongestKeysThenEachIsAKeyOfItsOwn) {
  const std::string longest(250, 'k');
  std::string other = longest;
  other.back() = 'l';
  const std::vector<std::string> keys{"k", longest, other, std::string(249, 'k'), "\xff\x80"};
  for (const std::string& key : keys) {
    EXPECT_EQ(client_.set(key, "of " + key), RINGFENCE_OK);
  }
  for (const std::string& key : keys) {
    EXPECT_EQ(client_.get(key).view(), "of " + key);
    EXPECT_NE(client_.gets(key).cas(), 0U);
    EXPECT_EQ(client_.append(key, "!"), RINGFENCE_OK);
    EXPECT_EQ(client_.touch(key, 100s), RINGFENCE_OK);
    EXPECT_EQ(client_.remove(key), RINGFENCE_OK);
  }
}

TEST_P(ClientOperations, KeyThatCannotBeThenInvalidEverywhereAndNothingIsSent) {
  const std::uint64_t gets_before = total("cmd_get");
  const std::uint64_t sets_before = total("cmd_set");
  for (const std::string& key :
       {std::string(), std::string(251, 'k'), std::string("a b"), std::string("a\r\nb"),
        std::string("a\0b", 3), std::string("a\tb"), std::string("\n")}) {
    EXPECT_EQ(client_.get(key).status, RINGFENCE_KEY_INVALID);
    EXPECT_EQ(client_.gets(key).status, RINGFENCE_KEY_INVALID);
    EXPECT_EQ(client_.gat(key, 1s).status, RINGFENCE_KEY_INVALID);
    EXPECT_EQ(client_.set(key, "1"), RINGFENCE_KEY_INVALID);
    EXPECT_EQ(client_.add(key, "1"), RINGFENCE_KEY_INVALID);
    EXPECT_EQ(client_.replace(key, "1"), RINGFENCE_KEY_INVALID);
    EXPECT_EQ(client_.append(key, "1"), RINGFENCE_KEY_INVALID);
    EXPECT_EQ(client_.prepend(key, "1"), RINGFENCE_KEY_INVALID);
    EXPECT_EQ(client_.cas(key, "1", 1), RINGFENCE_KEY_INVALID);
    EXPECT_EQ(client_.remove(key), RINGFENCE_KEY_INVALID);
    EXPECT_EQ(client_.touch(key, 1s), RINGFENCE_KEY_INVALID);
    EXPECT_EQ(client_.incr(key).status, RINGFENCE_KEY_INVALID);
    EXPECT_EQ(client_.decr(key).status, RINGFENCE_KEY_INVALID);
  }
  EXPECT_EQ(total("cmd_get"), gets_before);
  EXPECT_EQ(total("cmd_set"), sets_before);
}

TEST_P(ClientOperations, ValuesOfEverySizeThenEachComesBackWhole) {
  // memcached 1.6.18 takes 1,048,276 bytes with a short key; a tag has up to 9.
  for (const std::size_t bytes :
       {std::size_t{0}, std::size_t{1}, std::size_t{100}, std::size_t{16 * 1024 - 1},
        std::size_t{16 * 1024}, std::size_t{32 * 1024 + 1}, std::size_t{64 * 1024},
        std::size_t{500'000}, std::size_t{1'048'200}}) {
    std::string value(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) value[i] = static_cast<char>(i * 2654435761U >> 13U);
    ASSERT_EQ(client_.set("k", value), RINGFENCE_OK) << bytes;
    const Read got = client_.get("k");
    ASSERT_EQ(got.status, RINGFENCE_OK) << bytes;
    ASSERT_TRUE(got.view() == value) << bytes;
    ASSERT_TRUE(client_.gets("k").view() == value) << bytes;
  }
}

TEST_P(ClientOperations, ValuesThatLookLikeTheProtocolThenTheyAreValues) {
  for (const std::string& value :
       {std::string("\r\nEND\r\n"), std::string("VALUE k 0 1\r\na\r\nEND\r\n"), std::string("\r"),
        std::string("\n"), std::string("SERVER_ERROR out of memory\r\n")}) {
    EXPECT_EQ(client_.set("k", value), RINGFENCE_OK);
    EXPECT_EQ(client_.get("k").view(), value);
  }
}

TEST_P(ClientOperations, ValueTooLargeThenItSaysSoAndTheOldOneIsGone) {
  for (const std::size_t bytes : {std::size_t{1'048'577}, std::size_t{4'000'000}}) {
    EXPECT_EQ(client_.set("k", "old"), RINGFENCE_OK);
    EXPECT_EQ(client_.set("k", std::string(bytes, 'x')), RINGFENCE_TOO_LARGE) << bytes;
    EXPECT_EQ(client_.get("k").status, RINGFENCE_MISS) << bytes;
    EXPECT_EQ(client_.set("k", "new"), RINGFENCE_OK);
    EXPECT_EQ(client_.get("k").view(), "new");
  }
  EXPECT_EQ(client_.add("other", std::string(2'000'000, 'x')), RINGFENCE_TOO_LARGE);
}

TEST_P(ClientOperations, ValueGivenAgainThenItsMemoryIsUsedAgain) {
  EXPECT_EQ(client_.set("large", std::string(5000, 'x')), RINGFENCE_OK);
  EXPECT_EQ(client_.set("small", "1"), RINGFENCE_OK);
  Value value;
  EXPECT_EQ(client_.get("large", value), RINGFENCE_OK);
  const char* memory = value.view().data();
  const std::size_t capacity = value.raw()->capacity;
  EXPECT_GT(capacity, 5000U);  // a NUL behind it

  EXPECT_EQ(client_.get("small", value), RINGFENCE_OK);
  EXPECT_EQ(value.view(), "1");
  EXPECT_EQ(client_.get("none", value), RINGFENCE_MISS);
  EXPECT_EQ(value.view().size(), 0U);

  EXPECT_EQ(client_.get("large", value), RINGFENCE_OK);
  EXPECT_EQ(value.view().data(), memory);
  EXPECT_EQ(value.raw()->capacity, capacity);
}

TEST_P(ClientOperations, ArgumentThatCannotBeThenInvalid) {
  ringfence_value value{};
  EXPECT_EQ(ringfence_get(nullptr, "k", 1, &value, -1), RINGFENCE_INVALID);
  EXPECT_EQ(ringfence_get(client_.raw(), "k", 1, nullptr, -1), RINGFENCE_INVALID);
  EXPECT_EQ(ringfence_get(client_.raw(), nullptr, 1, &value, -1), RINGFENCE_INVALID);
  EXPECT_EQ(ringfence_set(client_.raw(), "k", 1, nullptr, 1, 0, 0, -1), RINGFENCE_INVALID);
  EXPECT_EQ(ringfence_set(client_.raw(), "k", 1, nullptr, 0, 0, 0, -1), RINGFENCE_OK);
  EXPECT_EQ(ringfence_set(nullptr, "k", 1, "v", 1, 0, 0, -1), RINGFENCE_INVALID);
  EXPECT_EQ(ringfence_delete(nullptr, "k", 1, -1), RINGFENCE_INVALID);
  EXPECT_EQ(ringfence_client_open(nullptr, nullptr), RINGFENCE_INVALID);
  EXPECT_EQ(Client().get("k").status, RINGFENCE_INVALID);
  ringfence_client_close(nullptr);
  ringfence_value_free(nullptr);
}

}  // namespace
}  // namespace ringfence::live
