// The linked client's rules, on real memcacheds under a view that the test itself changes: lost and
// hung backends, lapses, fences, what is done again and what is not.
#include <gtest/gtest.h>

#include <chrono>
#include <future>

#include "tests/live/support/fleet.hpp"
#include "tests/live/support/linked_client.hpp"
#include "tests/live/support/port_host.hpp"

namespace ringfence::live {
namespace {

constexpr Milliseconds slack{1000};      // for a loaded machine; 20 ms are promised
constexpr Milliseconds short_time{150};  // of calls that are to run out of it

PortHostSettings settings_of(bool has_tags) {
  PortHostSettings settings;
  settings.has_tags = has_tags;
  return settings;
}

class Rules {
 public:
  explicit Rules(bool has_tags = true) : host(settings_of(has_tags)), client(host.segment()) {
    client.set_timeout(Milliseconds{5000});
    key = host.key_on(0);
    other = host.key_on(1);
  }
  // What a call under way answers, and how long it took.
  template <typename Call>
  auto in_background(Call call) {
    return std::async(std::launch::async, std::move(call));
  }
  // The backend reads nothing; a call that it gets is on its way when this returns.
  void hang() {
    (void)client.get(key);  // the connection is there
    host.memcached(0).stop();
  }

  PortHost host;
  LinkedClient client;
  std::string key, other;  // of the backends 0 and 1
};

class Stopwatch {
 public:
  [[nodiscard]] Milliseconds elapsed() const {
    return std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - begin_);
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

TEST(ClientRules, BackendGoneThenAGetIsLostAtOnce) {
  Rules rules;
  ASSERT_EQ(rules.client.set(rules.key, "1"), RINGFENCE_OK);
  rules.host.memcached(0).kill();
  const Stopwatch watch;
  EXPECT_EQ(rules.client.get(rules.key).status, RINGFENCE_BACKEND_LOST);
  EXPECT_EQ(rules.client.get(rules.key).status, RINGFENCE_BACKEND_LOST);
  EXPECT_EQ(rules.client.gat(rules.key, 1).status, RINGFENCE_BACKEND_LOST);
  EXPECT_LT(watch.elapsed(), slack);
  EXPECT_EQ(rules.client.set(rules.other, "1"), RINGFENCE_OK);
}

TEST(ClientRules, BackendGoneAndNoNewViewThenAWriteIsLostAtItsDeadline) {
  Rules rules;
  ASSERT_EQ(rules.client.set(rules.key, "1"), RINGFENCE_OK);
  rules.host.memcached(0).kill();
  rules.client.set_timeout(short_time);
  const Stopwatch watch;
  EXPECT_EQ(rules.client.set(rules.key, "2"), RINGFENCE_BACKEND_LOST);
  EXPECT_EQ(rules.client.remove(rules.key), RINGFENCE_BACKEND_LOST);
  EXPECT_GE(watch.elapsed(), 2 * short_time);
  EXPECT_LT(watch.elapsed(), 2 * short_time + slack);
}

TEST(ClientRules, BackendGoneThenAWriteIsDoneUnderTheNextGeneration) {
  Rules rules;
  ASSERT_EQ(rules.client.set(rules.key, "1"), RINGFENCE_OK);
  rules.host.memcached(0).kill();
  auto set = rules.in_background([&] { return rules.client.set(rules.key, "2"); });
  EXPECT_EQ(set.wait_for(short_time), std::future_status::timeout);
  rules.host.move_slots(0, 1);
  EXPECT_EQ(set.get(), RINGFENCE_OK);
  EXPECT_EQ(rules.client.get(rules.key).value, "2");
  EXPECT_EQ(rules.client.append(rules.key, "3"), RINGFENCE_OK);
}

TEST(ClientRules, AddWhoseOutcomeIsUnknownThenItIsTrueOfTheEmptySlot) {
  Rules rules;
  ASSERT_EQ(rules.client.set(rules.key, "1"), RINGFENCE_OK);
  rules.hang();
  auto add = rules.in_background([&] { return rules.client.add(rules.key, "2"); });
  EXPECT_EQ(add.wait_for(short_time), std::future_status::timeout);
  rules.host.memcached(0).kill();
  EXPECT_EQ(add.wait_for(short_time), std::future_status::timeout);
  rules.host.move_slots(0, 1);
  EXPECT_EQ(add.get(), RINGFENCE_OK);
  EXPECT_EQ(rules.client.get(rules.key).value, "2");
}

TEST(ClientRules, TagsOffThenNothingThatWasSentIsRepeated) {
  Rules rules(false);
  rules.hang();
  auto set = rules.in_background([&] { return rules.client.set(rules.key, "1"); });
  EXPECT_EQ(set.wait_for(short_time), std::future_status::timeout);
  rules.host.memcached(0).kill();
  EXPECT_EQ(set.get(), RINGFENCE_BACKEND_LOST);
}

TEST(ClientRules, TagsOffAndTheSlotMovesThenAWriteIsChanged) {
  Rules rules(false);
  rules.hang();
  auto set = rules.in_background([&] { return rules.client.set(rules.key, "1"); });
  EXPECT_EQ(set.wait_for(short_time), std::future_status::timeout);
  rules.host.move_slots(0, 1);
  EXPECT_EQ(set.get(), RINGFENCE_CHANGED);
  EXPECT_EQ(rules.client.get(rules.key).status, RINGFENCE_MISS);
}

TEST(ClientRules, BackendHangsThenTimedOutAndItsLateAnswerIsNobodys) {
  Rules rules;
  ASSERT_EQ(rules.client.set(rules.key, "1"), RINGFENCE_OK);
  rules.hang();
  rules.client.set_timeout(short_time);
  const Stopwatch watch;
  EXPECT_EQ(rules.client.get(rules.key).status, RINGFENCE_TIMED_OUT);
  EXPECT_EQ(rules.client.set(rules.key, "2"), RINGFENCE_TIMED_OUT);
  EXPECT_LT(watch.elapsed(), 2 * short_time + slack);
  rules.host.memcached(0).resume();
  rules.client.set_timeout(Milliseconds{5000});
  EXPECT_EQ(rules.client.set(rules.key, "3"), RINGFENCE_OK);
  EXPECT_EQ(rules.client.get(rules.key).value, "3");
}

TEST(ClientRules, BackendHangsAndTheSlotMovesThenDoneUnderTheNewView) {
  Rules rules;
  rules.hang();
  auto get = rules.in_background([&] { return rules.client.get(rules.key).status; });
  EXPECT_EQ(get.wait_for(short_time), std::future_status::timeout);
  rules.host.move_slots(0, 1);
  EXPECT_EQ(get.get(), RINGFENCE_MISS);
  EXPECT_EQ(rules.client.set(rules.key, "1"), RINGFENCE_OK);
}

TEST(ClientRules, LargeValueToAHungBackendThenTimedOut) {
  Rules rules;
  rules.hang();
  rules.client.set_timeout(short_time);
  const std::string value(std::size_t{32} * 1024 * 1024, 'v');
  const Stopwatch watch;
  EXPECT_EQ(rules.client.set(rules.key, value), RINGFENCE_TIMED_OUT);
  EXPECT_LT(watch.elapsed(), short_time + slack);
}

TEST(ClientRules, AnswerArrivesInALapseThenItCountsAfterTheRenewal) {
  Rules rules;
  ASSERT_EQ(rules.client.set(rules.key, "1"), RINGFENCE_OK);
  rules.hang();
  auto get = rules.in_background([&] { return rules.client.get(rules.key); });
  EXPECT_EQ(get.wait_for(short_time), std::future_status::timeout);
  rules.host.end_lease();
  rules.host.memcached(0).resume();
  EXPECT_EQ(get.wait_for(short_time), std::future_status::timeout);
  rules.host.renew_lease();
  EXPECT_EQ(get.get().value, "1");
}

TEST(ClientRules, AnswerArrivesInALapseThatLastsThenLeaseLapsed) {
  Rules rules;
  ASSERT_EQ(rules.client.set(rules.key, "1"), RINGFENCE_OK);
  rules.hang();
  rules.client.set_timeout(3 * short_time);
  auto get = rules.in_background([&] { return rules.client.get(rules.key); });
  EXPECT_EQ(get.wait_for(short_time), std::future_status::timeout);
  rules.host.end_lease();
  rules.host.memcached(0).resume();
  const Got got = get.get();
  EXPECT_EQ(got.status, RINGFENCE_LEASE_LAPSED);
  EXPECT_EQ(got.value, "");
}

TEST(ClientRules, NoLeaseOrNoViewThenNothingIsWaitedFor) {
  Rules rules;
  rules.host.end_lease();
  pass(Milliseconds{20});  // the coarse clock's lag
  const Stopwatch watch;
  EXPECT_EQ(rules.client.get(rules.key).status, RINGFENCE_LEASE_LAPSED);
  EXPECT_EQ(rules.client.set(rules.key, "1"), RINGFENCE_LEASE_LAPSED);
  rules.host.close_segment();
  EXPECT_EQ(rules.client.get(rules.key).status, RINGFENCE_NO_VIEW);
  EXPECT_LT(watch.elapsed(), slack);
}

TEST(ClientRules, SlotFencedThenWaitedForWithinTheDeadline) {
  Rules rules;
  ASSERT_EQ(rules.client.set(rules.key, "1"), RINGFENCE_OK);
  rules.host.fence_all();
  rules.client.set_timeout(short_time);
  EXPECT_EQ(rules.client.get(rules.key).status, RINGFENCE_FENCED);
  EXPECT_EQ(rules.client.set(rules.key, "2"), RINGFENCE_FENCED);
  rules.client.set_timeout(Milliseconds{5000});
  auto get = rules.in_background([&] { return rules.client.get(rules.key); });
  EXPECT_EQ(get.wait_for(short_time), std::future_status::timeout);
  rules.host.unfence_all();
  EXPECT_EQ(get.get().value, "1");
}

TEST(ClientRules, AnswerArrivesUnderAFenceThatIsLiftedThenItCounts) {
  Rules rules;
  rules.hang();
  auto set = rules.in_background([&] { return rules.client.set(rules.key, "1"); });
  EXPECT_EQ(set.wait_for(short_time), std::future_status::timeout);
  rules.host.fence_all();
  rules.host.memcached(0).resume();
  EXPECT_EQ(set.wait_for(short_time), std::future_status::timeout);
  rules.host.unfence_all();
  EXPECT_EQ(set.get(), RINGFENCE_OK);
  EXPECT_EQ(rules.host.memcached(0).stat("cmd_set"), 1U);
}

TEST(ClientRules, AnswerArrivesUnderAFenceThenActivatedThenDoneAgain) {
  Rules rules;
  rules.hang();
  auto set = rules.in_background([&] { return rules.client.set(rules.key, "1"); });
  EXPECT_EQ(set.wait_for(short_time), std::future_status::timeout);
  rules.host.fence_all();
  rules.host.memcached(0).resume();
  EXPECT_EQ(set.wait_for(short_time), std::future_status::timeout);
  rules.host.raise_generations();
  EXPECT_EQ(set.get(), RINGFENCE_OK);
  EXPECT_EQ(rules.client.get(rules.key).value, "1");
  EXPECT_EQ(rules.host.memcached(0).stat("cmd_set"), 2U);
}

TEST(ClientRules, SlotUnownedThenSaidAtOnce) {
  Rules rules;
  rules.host.publish_unowned(0);
  EXPECT_EQ(rules.client.get(rules.key).status, RINGFENCE_UNOWNED);
  EXPECT_EQ(rules.client.set(rules.key, "1"), RINGFENCE_UNOWNED);
}

TEST(ClientRules, BackendRestartedBehindAnIdleConnectionThenAGetFindsAFreshOne) {
  Rules rules;
  ASSERT_EQ(rules.client.set(rules.key, "1"), RINGFENCE_OK);
  rules.host.memcached(0).kill();
  rules.host.memcached(0).restart();
  EXPECT_EQ(rules.client.get(rules.key).status, RINGFENCE_MISS);
  EXPECT_EQ(rules.client.set(rules.key, "2"), RINGFENCE_OK);
}

TEST(ClientRules, ConnectionIdleForLongThenAWriteLooksAtItFirst) {
  Rules rules;
  ASSERT_EQ(rules.client.set(rules.key, "1"), RINGFENCE_OK);
  rules.host.memcached(0).kill();
  rules.host.memcached(0).restart();
  pass(Milliseconds{1100});
  EXPECT_EQ(rules.client.set(rules.key, "2"), RINGFENCE_OK);
}

TEST(ClientRules, BackendOfANewIncarnationThenItsEarlierConnectionsAreClosed) {
  Rules rules;
  ASSERT_EQ(rules.client.set(rules.key, "1"), RINGFENCE_OK);
  const std::uint64_t before = rules.host.memcached(0).stat("total_connections");
  rules.host.renew_record(0);
  ASSERT_EQ(rules.client.set(rules.key, "1"), RINGFENCE_OK);
  rules.host.rewrite_record(0);
  ASSERT_EQ(rules.client.set(rules.key, "1"), RINGFENCE_OK);
  // Its own and the one that asked for the first number.
  EXPECT_EQ(rules.host.memcached(0).stat("total_connections"), before + 2);
  EXPECT_EQ(rules.client.connection_count(), 1U);
}

}  // namespace
}  // namespace ringfence::live
