// Many keys in one call of the linked client: what arrives whole, in which order, and what a lost,
// hung or moved backend costs the others.
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <map>

#include "tests/live/support/fleet.hpp"
#include "tests/live/support/linked_client.hpp"
#include "tests/live/support/port_host.hpp"

namespace ringfence::live {
namespace {

using Clock = std::chrono::steady_clock;

Milliseconds since(Clock::time_point begin) {
  return std::chrono::duration_cast<Milliseconds>(Clock::now() - begin);
}

class Many : public testing::Test {
 protected:
  void make_keys(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) names_.push_back("key-" + std::to_string(i));
    for (const std::string& name : names_) keys_.push_back({name.data(), name.size()});
    values_.resize(count);
    statuses_.assign(count, RINGFENCE_INVALID);
  }
  ~Many() override {
    for (ringfence_value& value : values_) ringfence_value_free(&value);
  }
  ringfence_status get_many(std::int64_t timeout_ms = 5000) {
    return ringfence_get_many(client_.handle(), keys_.data(), keys_.size(), values_.data(),
                              statuses_.data(), timeout_ms);
  }
  // Sets key i to `value_of(i)`.
  template <typename ValueOf>
  ringfence_status set_all(ValueOf value_of, std::int64_t timeout_ms = 5000) {
    std::vector<std::string> data;
    for (std::size_t i = 0; i < names_.size(); ++i) data.push_back(value_of(i));
    std::vector<ringfence_write> writes(names_.size());
    for (std::size_t i = 0; i < names_.size(); ++i) {
      writes[i].key = keys_[i];
      writes[i].data = data[i].data();
      writes[i].bytes = data[i].size();
    }
    return ringfence_write_many(client_.handle(), writes.data(), writes.size(), statuses_.data(),
                                timeout_ms);
  }
  [[nodiscard]] std::string value(std::size_t i) const {
    return {values_[i].data, values_[i].bytes};
  }
  void hang(std::size_t backend) { host_.memcached(backend).stop(); }
  [[nodiscard]] std::map<ringfence_status, std::size_t> statuses_on(std::size_t backend) const {
    std::map<ringfence_status, std::size_t> counts;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (host_.owner_of(names_[i]) == backend) ++counts[statuses_[i]];
    }
    return counts;
  }
  [[nodiscard]] bool all_on(std::size_t backend, ringfence_status status) const {
    const auto counts = statuses_on(backend);
    return counts.size() == 1 && counts.begin()->first == status;
  }

  PortHost host_;
  LinkedClient client_{host_.segment()};
  std::vector<std::string> names_;
  std::vector<ringfence_key> keys_;
  std::vector<ringfence_value> values_;
  std::vector<ringfence_status> statuses_;
};

std::string small_value(std::size_t i) {
  return "value " + std::to_string(i);
}
// Of all sizes around what is copied, buffered and sent at once.
std::string mixed_value(std::size_t i) {
  constexpr std::array<std::size_t, 9> sizes = {0,      1,      100,    4'096,  4'097,
                                                32'700, 32'766, 40'000, 300'000};
  return std::string(sizes[i % sizes.size()], static_cast<char>('a' + i % 26));
}

TEST_F(Many, ManyKeysThenEachHasItsValueAndNoneIsTakenForAnother) {
  make_keys(10'000);
  ASSERT_EQ(set_all(small_value), RINGFENCE_OK);
  for (std::size_t i = 0; i < names_.size(); i += 3) {
    ASSERT_EQ(client_.remove(names_[i]), RINGFENCE_OK);
  }
  ASSERT_EQ(get_many(), RINGFENCE_OK);
  for (std::size_t i = 0; i < names_.size(); ++i) {
    ASSERT_EQ(statuses_[i], i % 3 == 0 ? RINGFENCE_MISS : RINGFENCE_OK) << i;
    ASSERT_EQ(value(i), i % 3 == 0 ? "" : small_value(i));
  }
}

TEST_F(Many, ValuesOfAllSizesThenWhole) {
  make_keys(90);
  ASSERT_EQ(set_all(mixed_value), RINGFENCE_OK);
  ASSERT_EQ(get_many(), RINGFENCE_OK);
  for (std::size_t i = 0; i < names_.size(); ++i) {
    ASSERT_EQ(statuses_[i], RINGFENCE_OK) << i;
    ASSERT_TRUE(value(i) == mixed_value(i)) << i;
  }
}

struct Told {
  std::map<std::size_t, std::pair<ringfence_status, std::string>> values;
  bool is_twice = false;
  bool has_cas = true;
};

void tell(void* context, std::size_t index, ringfence_status status, const ringfence_value* value) {
  auto& told = *static_cast<Told*>(context);
  std::string bytes;
  if (value != nullptr) bytes.assign(value->data, value->bytes);
  if (value != nullptr) told.has_cas = told.has_cas && value->cas != 0;
  told.is_twice = !told.values.emplace(index, std::pair{status, bytes}).second || told.is_twice;
}

TEST_F(Many, EachThenToldOnceWithItsCasUnique) {
  make_keys(90);
  ASSERT_EQ(set_all(mixed_value), RINGFENCE_OK);
  const std::string invalid = "a b";
  keys_.push_back(keys_[3]);  // twice
  keys_.push_back({invalid.data(), invalid.size()});
  keys_.push_back({nullptr, 1});
  Told told;
  EXPECT_EQ(ringfence_get_each(client_.handle(), keys_.data(), keys_.size(), 1, tell, &told, 5000),
            RINGFENCE_OK);
  EXPECT_EQ(told.values.size(), keys_.size());
  EXPECT_FALSE(told.is_twice);
  EXPECT_TRUE(told.has_cas);
  for (std::size_t i = 0; i < 90; ++i) {
    EXPECT_EQ(told.values[i].first, RINGFENCE_OK);
    EXPECT_TRUE(told.values[i].second == mixed_value(i)) << i;
  }
  EXPECT_TRUE(told.values[90].second == mixed_value(3));
  EXPECT_EQ(told.values[91].first, RINGFENCE_KEY_INVALID);
  EXPECT_EQ(told.values[92].first, RINGFENCE_INVALID);
}

TEST_F(Many, WritesOfOneKeyThenInTheirOrderEachAnsweredByItself) {
  const std::string key = "n";
  const ringfence_key name{key.data(), key.size()};
  std::vector<ringfence_write> writes(8);
  const std::array<std::uint32_t, 8> verbs = {
      RINGFENCE_VERB_REPLACE, RINGFENCE_VERB_ADD,   RINGFENCE_VERB_ADD,    RINGFENCE_VERB_APPEND,
      RINGFENCE_VERB_PREPEND, RINGFENCE_VERB_TOUCH, RINGFENCE_VERB_DELETE, RINGFENCE_VERB_CAS};
  for (std::size_t i = 0; i < writes.size(); ++i) {
    writes[i].key = name;
    writes[i].verb = verbs[i];
    writes[i].data = &"abcdefgh"[i];
    writes[i].bytes = 1;
  }
  writes.push_back(writes.front());
  writes.back().verb = 99;
  writes.push_back(writes.front());
  writes.back().verb = RINGFENCE_VERB_SET;
  std::vector<ringfence_status> statuses(writes.size());
  EXPECT_EQ(
      ringfence_write_many(client_.handle(), writes.data(), writes.size(), statuses.data(), 5000),
      RINGFENCE_NOT_STORED);
  const std::vector<ringfence_status> expected = {
      RINGFENCE_NOT_STORED, RINGFENCE_OK, RINGFENCE_NOT_STORED, RINGFENCE_OK,      RINGFENCE_OK,
      RINGFENCE_OK,         RINGFENCE_OK, RINGFENCE_NOT_FOUND,  RINGFENCE_INVALID, RINGFENCE_OK};
  EXPECT_EQ(statuses, expected);
  EXPECT_EQ(client_.get(key).value, "a");
}

TEST_F(Many, OneBackendHangsThenTheOthersKeysAreThereAndTheCallEndsInTime) {
  make_keys(100);
  ASSERT_EQ(set_all(small_value), RINGFENCE_OK);
  hang(0);
  const auto begin = Clock::now();
  Told told;
  struct Late {
    Told told;
    Clock::time_point begin;
    Milliseconds last_hit{};
  } late{{}, begin, {}};
  const auto callback = [](void* context, std::size_t index, ringfence_status status,
                           const ringfence_value* value) {
    auto& at = *static_cast<Late*>(context);
    if (status == RINGFENCE_OK) at.last_hit = since(at.begin);
    tell(&at.told, index, status, value);
  };
  EXPECT_EQ(
      ringfence_get_each(client_.handle(), keys_.data(), keys_.size(), 0, callback, &late, 400),
      RINGFENCE_OK);
  EXPECT_LT(since(begin), Milliseconds{700});
  EXPECT_LT(late.last_hit, Milliseconds{200});  // 20 ms, on an idle machine
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const bool is_hung = host_.owner_of(names_[i]) == 0;
    EXPECT_EQ(late.told.values[i].first, is_hung ? RINGFENCE_TIMED_OUT : RINGFENCE_OK);
  }
}

TEST_F(Many, OneBackendGoneThenItsKeysAreLostAtOnce) {
  make_keys(500);
  ASSERT_EQ(set_all(small_value), RINGFENCE_OK);
  host_.memcached(0).kill();
  const auto begin = Clock::now();
  ASSERT_EQ(get_many(), RINGFENCE_OK);
  EXPECT_LT(since(begin), Milliseconds{300});
  EXPECT_TRUE(all_on(0, RINGFENCE_BACKEND_LOST));
  EXPECT_TRUE(all_on(1, RINGFENCE_OK));
}

TEST_F(Many, BackendRestartedBehindIdleConnectionsThenAskedOverAFreshOne) {
  make_keys(500);
  ASSERT_EQ(set_all(small_value), RINGFENCE_OK);
  host_.memcached(0).kill();
  host_.memcached(0).restart();
  ASSERT_EQ(get_many(), RINGFENCE_OK);
  EXPECT_TRUE(all_on(0, RINGFENCE_MISS));
  EXPECT_TRUE(all_on(1, RINGFENCE_OK));
}

TEST_F(Many, BackendGoneAndItsSlotsMoveThenWritesAreDoneUnderTheNewView) {
  make_keys(500);
  ASSERT_EQ(set_all(small_value), RINGFENCE_OK);
  hang(0);
  auto set = std::async(std::launch::async,
                        [&] { return set_all([](std::size_t i) { return std::to_string(i); }); });
  EXPECT_EQ(set.wait_for(Milliseconds{150}), std::future_status::timeout);
  host_.memcached(0).kill();
  EXPECT_EQ(set.wait_for(Milliseconds{150}), std::future_status::timeout);
  host_.move_slots(0, 1);
  // Where two keys share a slot the first is not written behind the second.
  (void)set.get();
  std::map<ringfence_status, std::size_t> counts;
  for (const ringfence_status status : statuses_) ++counts[status];
  EXPECT_GT(counts[RINGFENCE_OK], 490U);
  EXPECT_EQ(counts[RINGFENCE_OK] + counts[RINGFENCE_CHANGED] + counts[RINGFENCE_BACKEND_LOST],
            500U);
  ASSERT_EQ(get_many(), RINGFENCE_OK);
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (statuses_[i] == RINGFENCE_OK) {
      EXPECT_EQ(value(i), std::to_string(i));
    }
  }
}

TEST_F(Many, SlotsMoveBeforeTheAnswersThenGetsAreDoneAgain) {
  make_keys(200);
  ASSERT_EQ(set_all(small_value), RINGFENCE_OK);
  hang(0);
  auto get = std::async(std::launch::async, [&] { return get_many(); });
  EXPECT_EQ(get.wait_for(Milliseconds{150}), std::future_status::timeout);
  host_.move_slots(0, 1);
  EXPECT_EQ(get.get(), RINGFENCE_OK);
  std::map<ringfence_status, std::size_t> counts;
  for (const ringfence_status status : statuses_) ++counts[status];
  EXPECT_EQ(counts[RINGFENCE_OK] + counts[RINGFENCE_MISS], 200U);
  EXPECT_GT(counts[RINGFENCE_MISS], 0U);
  host_.memcached(0).resume();
}

TEST_F(Many, LeaseLapsesBeforeTheAnswersThenTheyCountAfterTheRenewal) {
  make_keys(200);
  ASSERT_EQ(set_all(small_value), RINGFENCE_OK);
  hang(0);
  auto get = std::async(std::launch::async, [&] { return get_many(); });
  EXPECT_EQ(get.wait_for(Milliseconds{150}), std::future_status::timeout);
  host_.end_lease();
  host_.memcached(0).resume();
  EXPECT_EQ(get.wait_for(Milliseconds{150}), std::future_status::timeout);
  host_.renew_lease();
  EXPECT_EQ(get.get(), RINGFENCE_OK);
  EXPECT_TRUE(all_on(0, RINGFENCE_OK));
}

TEST_F(Many, NoLeaseThenEachIsToldSoAtOnce) {
  make_keys(10'000);
  host_.end_lease();
  pass(Milliseconds{20});  // the coarse clock's lag
  const auto begin = Clock::now();
  ASSERT_EQ(get_many(), RINGFENCE_OK);
  EXPECT_EQ(set_all(small_value), RINGFENCE_LEASE_LAPSED);
  EXPECT_LT(since(begin), Milliseconds{500});
}

TEST_F(Many, MoreThanTheSocketsHoldThenNoDeadlock) {
  make_keys(2'000);
  ASSERT_EQ(set_all([](std::size_t) { return std::string(3'000, 'v'); }), RINGFENCE_OK);
  // 48 MiB of answers to gets that are still being sent.
  std::vector<ringfence_key> keys;
  for (int i = 0; i < 8; ++i) keys.insert(keys.end(), keys_.begin(), keys_.end());
  Told told;
  EXPECT_EQ(ringfence_get_each(client_.handle(), keys.data(), keys.size(), 0, tell, &told, 20'000),
            RINGFENCE_OK);
  EXPECT_EQ(told.values.size(), keys.size());
  for (const auto& [index, each] : told.values) ASSERT_EQ(each.first, RINGFENCE_OK);
}

}  // namespace
}  // namespace ringfence::live
