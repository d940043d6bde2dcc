// Many keys in one call of the linked client: gets that are told of or gathered, and writes that
// are acknowledged one by one.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "tests/live/support/client_support.hpp"
#include "tests/live/support/port_host.hpp"
#include "tests/live/support/tags.hpp"

namespace ringfence::live {
namespace {

using namespace std::chrono_literals;

struct Told {
  int count = 0;
  ringfence_status status = RINGFENCE_INVALID;
  std::string data;
  std::uint32_t flags = 0;
  std::uint64_t cas = 0;
};

class ClientMany : public testing::TestWithParam<bool> {
 protected:
  ClientMany() : host_(settings()), client_(client_of(host_.segment())) {}

  [[nodiscard]] static PortHostSettings settings() {
    PortHostSettings settings;
    settings.backends = 3;
    settings.has_tags = GetParam();
    settings.memcached_arguments = {"-m", "64"};  // what a test stores must not be evicted
    return settings;
  }
  // Every answer of one call, by the key's place.
  [[nodiscard]] std::vector<Told> get_all(const std::vector<std::string>& keys,
                                          bool with_cas = false, Timeout timeout = 5s) {
    const std::vector<Key> views(keys.begin(), keys.end());
    std::vector<Told> told(keys.size());
    const auto note = [&](const Answer& answer) {
      ASSERT_LT(answer.index, told.size());
      Told& one = told[answer.index];
      one = Told{one.count + 1, answer.status, std::string(answer.data), answer.flags, answer.cas};
    };
    EXPECT_EQ(client_.get_each(views, note, timeout, with_cas), RINGFENCE_OK);
    for (std::size_t i = 0; i < told.size(); ++i) EXPECT_EQ(told[i].count, 1) << "key " << i;
    return told;
  }

  PortHost host_;
  Client client_;
};
INSTANTIATE_TEST_SUITE_P(Tags, ClientMany, testing::Bool(), tags_name);

std::vector<std::string> numbered_keys(std::size_t count) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < count; ++i) keys.push_back("key-" + std::to_string(i));
  return keys;
}

TEST_P(ClientMany, ThousandKeysOfWhichHalfAreStoredThenEachIsToldOfOnce) {
  const std::vector<std::string> keys = numbered_keys(1000);
  for (std::size_t i = 0; i < keys.size(); i += 2) {
    ASSERT_EQ(client_.set(keys[i], "of " + keys[i], forever, static_cast<std::uint32_t>(i)),
              RINGFENCE_OK);
  }
  const std::vector<Told> told = get_all(keys);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    ASSERT_EQ(told[i].status, i % 2 == 0 ? RINGFENCE_OK : RINGFENCE_MISS) << keys[i];
    ASSERT_EQ(told[i].data, i % 2 == 0 ? "of " + keys[i] : "");
    ASSERT_EQ(told[i].flags, i % 2 == 0 ? i : 0U);
    ASSERT_EQ(told[i].cas, 0U);
  }
}

TEST_P(ClientMany, CasAskedForThenEachHitHasItsOwn) {
  const std::vector<std::string> keys = numbered_keys(20);
  for (const std::string& key : keys) ASSERT_EQ(client_.set(key, key), RINGFENCE_OK);
  const std::vector<Told> told = get_all(keys, true);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(told[i].cas, client_.gets(keys[i]).cas());
    EXPECT_EQ(client_.cas(keys[i], "2", told[i].cas), RINGFENCE_OK);
  }
}

TEST_P(ClientMany, KeyTwiceAndKeysThatCannotBeThenEachPlaceHasItsAnswer) {
  ASSERT_EQ(client_.set("a", "1"), RINGFENCE_OK);
  ASSERT_EQ(client_.set("b", "2"), RINGFENCE_OK);
  const std::vector<Told> told =
      get_all({"a", "not one", "b", "a", std::string(251, 'k'), "none", "none", "", "a"});
  const std::vector<ringfence_status> expected{
      RINGFENCE_OK,   RINGFENCE_KEY_INVALID, RINGFENCE_OK,
      RINGFENCE_OK,   RINGFENCE_KEY_INVALID, RINGFENCE_MISS,
      RINGFENCE_MISS, RINGFENCE_KEY_INVALID, RINGFENCE_OK};
  for (std::size_t i = 0; i < told.size(); ++i) EXPECT_EQ(told[i].status, expected[i]) << i;
  for (const std::size_t i : {0U, 3U, 8U}) EXPECT_EQ(told[i].data, "1");
  EXPECT_EQ(told[2].data, "2");
}

TEST_P(ClientMany, NoKeyThenOkAndNobodyIsTold) {
  EXPECT_EQ(get_all({}).size(), 0U);
  EXPECT_EQ(ringfence_get_each(client_.raw(), nullptr, 1, 0, nullptr, nullptr, -1),
            RINGFENCE_INVALID);
}

TEST_P(ClientMany, LongestKeysThenMoreCommandsThanOneAndAllAnswers) {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < 600; ++i) {
    std::string key(250, 'k');
    key.replace(0, 4, std::to_string(1000 + i));
    keys.push_back(std::move(key));
    ASSERT_EQ(client_.set(keys.back(), std::to_string(i)), RINGFENCE_OK);
  }
  const std::vector<Told> told = get_all(keys);
  for (std::size_t i = 0; i < keys.size(); ++i) ASSERT_EQ(told[i].data, std::to_string(i));
}

TEST_P(ClientMany, LargeValuesFromAllBackendsThenEachIsWhole) {
  const std::vector<std::string> keys = numbered_keys(60);
  const auto value_of = [](std::size_t i) {
    return std::string(i % 3 == 0 ? 300'000 + i : i, static_cast<char>('a' + i % 26));
  };
  for (std::size_t i = 0; i < keys.size(); ++i) {
    ASSERT_EQ(client_.set(keys[i], value_of(i)), RINGFENCE_OK);
  }
  const std::vector<Told> told = get_all(keys);
  for (std::size_t i = 0; i < keys.size(); ++i) ASSERT_TRUE(told[i].data == value_of(i)) << i;
}

TEST_P(ClientMany, GatheredThenValuesAndStatusesStandAtTheirKeysAndMemoryIsUsedAgain) {
  const std::vector<std::string> keys = numbered_keys(200);
  for (std::size_t i = 0; i < keys.size(); i += 3) {
    ASSERT_EQ(client_.set(keys[i], std::string(i, 'v')), RINGFENCE_OK);
  }
  const std::vector<Key> views(keys.begin(), keys.end());
  std::vector<Value> values(keys.size());
  std::vector<ringfence_status> statuses(keys.size());
  for (int turn = 0; turn < 2; ++turn) {
    ASSERT_EQ(client_.get_many(views, values.data(), statuses.data()), RINGFENCE_OK);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      ASSERT_EQ(statuses[i], i % 3 == 0 ? RINGFENCE_OK : RINGFENCE_MISS);
      ASSERT_EQ(values[i].view(), std::string(i % 3 == 0 ? i : 0, 'v'));
    }
  }
}

TEST_P(ClientMany, OneBackendHangsThenTheOthersKeysAreHitsAndItsOwnTimeOut) {
  const std::vector<std::string> keys = numbered_keys(300);
  for (const std::string& key : keys) ASSERT_EQ(client_.set(key, key), RINGFENCE_OK);
  host_.memcached(1).stop();

  const Stopwatch watch;
  const std::vector<Told> told = get_all(keys, false, 200ms);

  EXPECT_LT(watch.elapsed(), 200ms + slack);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const bool hangs = host_.owner_of(keys[i]) == 1;
    ASSERT_EQ(told[i].status, hangs ? RINGFENCE_TIMED_OUT : RINGFENCE_OK) << keys[i];
  }
  host_.memcached(1).resume();
  for (const Told& one : get_all(keys)) ASSERT_EQ(one.status, RINGFENCE_OK);
}

TEST_P(ClientMany, OneBackendIsDeadThenTheOthersKeysAreHitsAndItsOwnAreLost) {
  const std::vector<std::string> keys = numbered_keys(300);
  for (const std::string& key : keys) ASSERT_EQ(client_.set(key, key), RINGFENCE_OK);
  host_.memcached(1).kill();

  const std::vector<Told> told = get_all(keys);

  for (std::size_t i = 0; i < keys.size(); ++i) {
    const bool is_lost = host_.owner_of(keys[i]) == 1;
    ASSERT_EQ(told[i].status, is_lost ? RINGFENCE_BACKEND_LOST : RINGFENCE_OK) << keys[i];
  }
}

TEST_P(ClientMany, ThousandSetsThenEachIsAcknowledgedAndRead) {
  const std::vector<std::string> keys = numbered_keys(1000);
  std::vector<Write> writes;
  for (const std::string& key : keys) writes.push_back(Write::set(key, key, 1000s, 5));
  std::vector<ringfence_status> statuses(keys.size(), RINGFENCE_INVALID);

  EXPECT_EQ(client_.write_many(writes, statuses.data(), 5s), RINGFENCE_OK);

  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), RINGFENCE_OK), 1000);
  const std::vector<Told> told = get_all(keys);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    ASSERT_EQ(told[i].data, keys[i]);
    ASSERT_EQ(told[i].flags, 5U);
  }
}

TEST_P(ClientMany, EveryVerbThenItsOwnStatusAndOneKeysWritesInTheirOrder) {
  ASSERT_EQ(client_.set("c", "1"), RINGFENCE_OK);
  const std::uint64_t unique = client_.gets("c").cas();
  const std::vector<Write> writes{
      Write::add("k", "2"),         Write::add("k", "no"),        Write::append("k", "3"),
      Write::prepend("k", "1"),     Write::replace("none", "x"),  Write::append("none", "x"),
      Write::prepend("none", "x"),  Write::remove("none"),        Write::touch("none", 9s),
      Write::cas("c", "2", unique), Write::cas("c", "3", unique), Write::cas("none", "3", 1),
      Write::set("gone", "1"),      Write::remove("gone"),        Write::touch("k", 1000s),
      Write::replace("c", "4"),     Write::set("bad key", "1")};
  const std::vector<ringfence_status> expected{
      RINGFENCE_OK,         RINGFENCE_NOT_STORED, RINGFENCE_OK,         RINGFENCE_OK,
      RINGFENCE_NOT_STORED, RINGFENCE_NOT_STORED, RINGFENCE_NOT_STORED, RINGFENCE_NOT_FOUND,
      RINGFENCE_NOT_FOUND,  RINGFENCE_OK,         RINGFENCE_EXISTS,     RINGFENCE_NOT_FOUND,
      RINGFENCE_OK,         RINGFENCE_OK,         RINGFENCE_OK,         RINGFENCE_OK,
      RINGFENCE_KEY_INVALID};
  std::vector<ringfence_status> statuses(writes.size(), RINGFENCE_INVALID);

  EXPECT_EQ(client_.write_many(writes, statuses.data()),
            RINGFENCE_NOT_STORED);  // the first that is not

  for (std::size_t i = 0; i < writes.size(); ++i) EXPECT_EQ(statuses[i], expected[i]) << i;
  EXPECT_EQ(client_.get("k").view(), "123");
  EXPECT_EQ(client_.get("c").view(), "4");
  EXPECT_EQ(client_.get("gone").status, RINGFENCE_MISS);
}

TEST_P(ClientMany, UnknownVerbThenInvalidAndTheOthersAreDone) {
  std::vector<Write> writes{Write::set("a", "1"), Write::set("b", "1")};
  writes[0].verb = 99;
  std::vector<ringfence_status> statuses(2, RINGFENCE_OK);
  EXPECT_EQ(client_.write_many(writes, statuses.data()), RINGFENCE_INVALID);
  EXPECT_EQ(statuses[0], RINGFENCE_INVALID);
  EXPECT_EQ(client_.get("a").status, RINGFENCE_MISS);
  EXPECT_EQ(client_.get("b").status, statuses[1] == RINGFENCE_OK ? RINGFENCE_OK : RINGFENCE_MISS);
}

TEST_P(ClientMany, MoreThanAnySocketHoldsThenAllIsWrittenAndRead) {
  const std::vector<std::string> keys = numbered_keys(150);
  const std::string value(200'000, 'v');
  std::vector<Write> writes;
  for (const std::string& key : keys) writes.push_back(Write::set(key, value));
  std::vector<ringfence_status> statuses(keys.size(), RINGFENCE_INVALID);
  EXPECT_EQ(client_.write_many(writes, statuses.data(), 10s), RINGFENCE_OK);
  for (const Told& one : get_all(keys)) ASSERT_EQ(one.data.size(), value.size());
}

TEST_P(ClientMany, ValueTooLargeAmongOthersThenOnlyItIs) {
  const std::string large(2'000'000, 'v');
  std::vector<std::string> keys = numbered_keys(30);
  std::vector<Write> writes;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    writes.push_back(Write::set(keys[i], i == 7 ? std::string_view(large) : "small"));
  }
  std::vector<ringfence_status> statuses(keys.size(), RINGFENCE_INVALID);

  EXPECT_EQ(client_.write_many(writes, statuses.data(), 10s), RINGFENCE_TOO_LARGE);

  for (std::size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(statuses[i], i == 7 ? RINGFENCE_TOO_LARGE : RINGFENCE_OK) << i;
    EXPECT_EQ(client_.get(keys[i]).status, i == 7 ? RINGFENCE_MISS : RINGFENCE_OK) << i;
  }
}

}  // namespace
}  // namespace ringfence::live
