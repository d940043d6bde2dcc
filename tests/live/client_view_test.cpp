// The rules of the linked client while a view changes under it and backends go: which status each
// trouble gives, what is waited for, what is done again and what never.
//
// The test plays the agent: it fences, publishes and ends the lease.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "tests/live/support/client_support.hpp"
#include "tests/live/support/port_host.hpp"

namespace ringfence::live {
namespace {

using namespace std::chrono_literals;

constexpr Timeout short_time{150};
constexpr Timeout long_time{5000};

class ClientView : public testing::TestWithParam<bool> {
 protected:
  ClientView()
      : host_(settings()),
        client_(client_of(host_.segment())),
        on_0_(host_.key_on(0)),
        on_1_(host_.key_on(1)) {}

  [[nodiscard]] static PortHostSettings settings() {
    PortHostSettings settings;
    settings.has_tags = GetParam();
    return settings;
  }
  [[nodiscard]] static bool has_tags() { return GetParam(); }

  // Long enough for a call in the background to have sent its request.
  static void let_it_be_sent() { pass(60ms); }

  // What a call on `on_0_` returns whose request the backend never answers: it is killed, and its
  // slots move.
  template <typename Call>
  [[nodiscard]] ringfence_status in_flight_when_its_backend_dies(Call call) {
    EXPECT_EQ(client_.set(on_0_, "1"), RINGFENCE_OK);  // on a connection that is open already
    host_.memcached(0).stop();
    auto outcome = in_background(call);
    let_it_be_sent();
    host_.memcached(0).kill();
    pass(30ms);
    host_.move_slots(0, 1);
    return outcome.get();
  }

  PortHost host_;
  Client client_;
  std::string on_0_, on_1_;
};
INSTANTIATE_TEST_SUITE_P(Tags, ClientView, testing::Bool(),
                         [](const auto& instance) { return instance.param ? "On" : "Off"; });

// ---- before anything is sent

TEST_P(ClientView, FencedAndNothingFollowsThenFencedAtTheTimeout) {
  host_.fence_all();
  for (const bool is_get : {true, false}) {
    const Stopwatch watch;
    EXPECT_EQ(is_get ? client_.get(on_0_, short_time).status
                     : client_.set(on_0_, "1", forever, 0, short_time),
              RINGFENCE_FENCED);
    EXPECT_GE(watch.elapsed(), short_time - 1ms);
    EXPECT_LT(watch.elapsed(), short_time + slack);
  }
}

TEST_P(ClientView, FencedAndThenMovedThenTheCallGoesToTheNewOwner) {
  host_.fence_slots_of(0);
  auto call = in_background([&] { return client_.set(on_0_, "1", forever, 0, long_time); });
  pass(30ms);
  host_.move_slots(0, 1);
  EXPECT_EQ(call.get(), RINGFENCE_OK);
  EXPECT_EQ(host_.memcached(1).stat("curr_items"), 1U);
  EXPECT_EQ(client_.get(on_0_).view(), "1");
}

TEST_P(ClientView, UnownedThenItSaysSoAtOnce) {
  host_.publish_unowned(0);
  const Stopwatch watch;
  EXPECT_EQ(client_.get(on_0_, long_time).status, RINGFENCE_UNOWNED);
  EXPECT_EQ(client_.set(on_0_, "1", forever, 0, long_time), RINGFENCE_UNOWNED);
  EXPECT_EQ(client_.remove(on_0_, long_time), RINGFENCE_UNOWNED);
  EXPECT_LT(watch.elapsed(), slack);
  EXPECT_EQ(client_.set(on_1_, "1"), RINGFENCE_OK);
}

TEST_P(ClientView, LeaseLapsedThenItSaysSoAtOnceAndServesAgainAfterItsRenewal) {
  ASSERT_EQ(client_.set(on_0_, "1"), RINGFENCE_OK);
  host_.end_lease();
  const Stopwatch watch;
  EXPECT_EQ(client_.get(on_0_, long_time).status, RINGFENCE_LEASE_LAPSED);
  EXPECT_EQ(client_.set(on_0_, "2", forever, 0, long_time), RINGFENCE_LEASE_LAPSED);
  EXPECT_EQ(client_.incr(on_0_, 1, long_time).status, RINGFENCE_LEASE_LAPSED);
  EXPECT_LT(watch.elapsed(), slack);
  host_.renew_lease();
  EXPECT_EQ(client_.get(on_0_).view(), "1");
}

TEST_P(ClientView, SegmentClosedThenNoViewAtOnce) {
  host_.close_segment();
  host_.end_lease();
  const Stopwatch watch;
  EXPECT_EQ(client_.get(on_0_, long_time).status, RINGFENCE_NO_VIEW);
  EXPECT_EQ(client_.set(on_0_, "1", forever, 0, long_time), RINGFENCE_NO_VIEW);
  EXPECT_LT(watch.elapsed(), slack);
}

TEST_P(ClientView, RefusedKeysOfManyThenEachSaysWhyAndTheRestIsServed) {
  ASSERT_EQ(client_.set(on_1_, "1"), RINGFENCE_OK);
  host_.publish_unowned(0);
  std::vector<ringfence_status> statuses(2);
  std::vector<Value> values(2);
  const std::vector<Key> keys{on_0_, on_1_};
  EXPECT_EQ(client_.get_many(keys, values.data(), statuses.data()), RINGFENCE_OK);
  EXPECT_EQ(statuses[0], RINGFENCE_UNOWNED);
  EXPECT_EQ(statuses[1], RINGFENCE_OK);
}

// ---- a backend that is gone

TEST_P(ClientView, BackendGoneThenAGetIsLostAtOnceAndAWriteAtTheTimeout) {
  ASSERT_EQ(client_.set(on_0_, "1"), RINGFENCE_OK);
  host_.memcached(0).kill();
  const Stopwatch watch;
  EXPECT_EQ(client_.get(on_0_, long_time).status, RINGFENCE_BACKEND_LOST);
  EXPECT_EQ(client_.get(on_0_, long_time).status, RINGFENCE_BACKEND_LOST);
  EXPECT_LT(watch.elapsed(), slack);

  for (const bool is_set : {true, false}) {
    const Stopwatch write_watch;
    EXPECT_EQ(is_set ? client_.set(on_0_, "2", forever, 0, short_time)
                     : client_.remove(on_0_, short_time),
              RINGFENCE_BACKEND_LOST);
    EXPECT_LT(write_watch.elapsed(), short_time + slack);
  }
  EXPECT_EQ(client_.set(on_1_, "1"), RINGFENCE_OK);
}

TEST_P(ClientView, BackendGoneAndItsSlotsMoveThenAWriteThatWaitedIsDoneThere) {
  ASSERT_EQ(client_.set(on_0_, "1"), RINGFENCE_OK);
  host_.memcached(0).kill();
  ASSERT_EQ(client_.get(on_0_).status, RINGFENCE_BACKEND_LOST);  // no connection is left
  auto call = in_background([&] { return client_.set(on_0_, "2", forever, 0, long_time); });
  pass(40ms);
  host_.move_slots(0, 1);
  EXPECT_EQ(call.get(), RINGFENCE_OK);
  EXPECT_EQ(client_.get(on_0_).view(), "2");
}

TEST_P(ClientView, BackendBackUnderTheSameViewThenAWriteThatWasNeverSentIsDone) {
  ASSERT_EQ(client_.set(on_0_, "1"), RINGFENCE_OK);
  host_.memcached(0).kill();
  ASSERT_EQ(client_.get(on_0_).status, RINGFENCE_BACKEND_LOST);
  auto call = in_background([&] { return client_.set(on_0_, "2", forever, 0, long_time); });
  pass(40ms);
  host_.memcached(0).restart();
  EXPECT_EQ(call.get(), RINGFENCE_OK);
  EXPECT_EQ(client_.get(on_0_).view(), "2");
}

TEST_P(ClientView, ConnectionsWereClosedByTheServerThenTheNextCallsGoOn) {
  ASSERT_EQ(client_.set(on_0_, "1"), RINGFENCE_OK);
  host_.memcached(0).kill();
  host_.memcached(0).restart();
  EXPECT_EQ(client_.get(on_0_).status, RINGFENCE_MISS);
  EXPECT_EQ(client_.set(on_0_, "2"), RINGFENCE_OK);

  host_.memcached(0).kill();
  host_.memcached(0).restart();
  // The first write may find the connection dead only after it was sent; it must not say OK then.
  const ringfence_status status = client_.set(on_0_, "3", forever, 0, short_time);
  EXPECT_TRUE(status == RINGFENCE_OK || status == RINGFENCE_BACKEND_LOST);
  const Read got = client_.get(on_0_);
  if (status == RINGFENCE_OK) {
    EXPECT_EQ(got.view(), "3");
  } else {
    EXPECT_EQ(got.status, RINGFENCE_MISS);
  }
  EXPECT_EQ(client_.set(on_0_, "4"), RINGFENCE_OK);
}

TEST_P(ClientView, SetInFlightWhenItsBackendDiesThenDoneAgainUnderANewTagAlone) {
  EXPECT_EQ(
      in_flight_when_its_backend_dies([&] { return client_.set(on_0_, "2", forever, 0, 1000ms); }),
      has_tags() ? RINGFENCE_OK : RINGFENCE_BACKEND_LOST);
  EXPECT_EQ(client_.get(on_0_).status, has_tags() ? RINGFENCE_OK : RINGFENCE_MISS);
}

TEST_P(ClientView, DeleteInFlightWhenItsBackendDiesThenTheTruthUnderANewTagAlone) {
  EXPECT_EQ(in_flight_when_its_backend_dies([&] { return client_.remove(on_0_, 1000ms); }),
            has_tags() ? RINGFENCE_NOT_FOUND : RINGFENCE_BACKEND_LOST);
}

TEST_P(ClientView, AddInFlightWhenItsBackendDiesThenTheTruthUnderANewTagAlone) {
  EXPECT_EQ(
      in_flight_when_its_backend_dies([&] { return client_.add(on_0_, "2", forever, 0, 1000ms); }),
      has_tags() ? RINGFENCE_OK : RINGFENCE_BACKEND_LOST);
}

TEST_P(ClientView, IncrInFlightWhenItsBackendDiesThenTheTruthUnderANewTagAlone) {
  EXPECT_EQ(in_flight_when_its_backend_dies([&] { return client_.incr(on_0_, 1, 1000ms).status; }),
            has_tags() ? RINGFENCE_NOT_FOUND : RINGFENCE_BACKEND_LOST);
}

// ---- a backend that hangs

TEST_P(ClientView, BackendHangsThenTimedOutInTimeAndItsLateAnswerReachesNobody) {
  ASSERT_EQ(client_.set(on_0_, "1"), RINGFENCE_OK);
  const std::string other = host_.key_on(0, "other");
  host_.memcached(0).stop();
  for (const Timeout timeout : {10ms, 30ms, 150ms}) {
    const Stopwatch watch;
    EXPECT_EQ(client_.get(on_0_, timeout).status, RINGFENCE_TIMED_OUT);
    EXPECT_EQ(client_.set(other, "2", forever, 0, timeout), RINGFENCE_TIMED_OUT);
    EXPECT_EQ(client_.remove(other, timeout), RINGFENCE_TIMED_OUT);
    EXPECT_LT(watch.elapsed(), 3 * timeout + slack);
  }
  host_.memcached(0).resume();
  EXPECT_EQ(client_.get(other).status, RINGFENCE_MISS);  // set, set, set... and the last deleted it
  EXPECT_EQ(client_.get(on_0_).view(), "1");
}

TEST_P(ClientView, ClientsOwnTimeoutThenItHoldsForCallsThatNameNone) {
  Options options;
  options.timeout = short_time;
  Client client = client_of(host_.segment(), options);
  ASSERT_EQ(client.set(on_0_, "1"), RINGFENCE_OK);
  host_.memcached(0).stop();
  const Stopwatch watch;
  EXPECT_EQ(client.get(on_0_).status, RINGFENCE_TIMED_OUT);
  EXPECT_GE(watch.elapsed(), short_time - 1ms);
  EXPECT_LT(watch.elapsed(), short_time + slack);
}

TEST_P(ClientView, TimeoutOfNothingThenItReturnsAtOnce) {
  const Stopwatch watch;
  const ringfence_status status = client_.get(on_0_, 0ms).status;
  EXPECT_TRUE(status == RINGFENCE_TIMED_OUT || status == RINGFENCE_MISS);
  EXPECT_LT(watch.elapsed(), slack);
}

// ---- the view changes while a request is under way

TEST_P(ClientView, SlotMovedWhileAGetIsUnderWayThenItIsAskedAgainUnderTheNewView) {
  ASSERT_EQ(client_.set(on_0_, "old"), RINGFENCE_OK);
  host_.memcached(0).stop();
  auto call = in_background([&] { return client_.get(on_0_, long_time); });
  let_it_be_sent();
  host_.move_slots(0, 1);
  const Stopwatch watch;
  EXPECT_EQ(call.get().status, RINGFENCE_MISS);  // the new owner was asked, and has nothing
  EXPECT_LT(watch.elapsed(), slack);             // the hung one was given up at once
  host_.memcached(0).resume();
}

TEST_P(ClientView, SlotMovedWhileAWriteIsUnderWayThenAgainWithTagsAndChangedWithout) {
  ASSERT_EQ(client_.set(on_0_, "old"), RINGFENCE_OK);
  host_.memcached(0).stop();
  auto call = in_background([&] { return client_.set(on_0_, "new", forever, 0, long_time); });
  let_it_be_sent();
  host_.move_slots(0, 1);
  EXPECT_EQ(call.get(), has_tags() ? RINGFENCE_OK : RINGFENCE_CHANGED);
  host_.memcached(0).resume();
  EXPECT_EQ(client_.get(on_0_).status, has_tags() ? RINGFENCE_OK : RINGFENCE_MISS);
}

TEST_P(ClientView, GenerationRaisedOnTheSameBackendThenAnAnswerUnderTheOldTagIsNotBelieved) {
  ASSERT_EQ(client_.set(on_0_, "old"), RINGFENCE_OK);
  host_.memcached(0).stop();
  auto call = in_background([&] { return client_.get(on_0_, long_time); });
  let_it_be_sent();
  host_.raise_generations();
  host_.memcached(0).resume();
  const Read got = call.get();
  // With tags the new tag finds nothing; without, the old value stands under the same key.
  EXPECT_EQ(got.status, has_tags() ? RINGFENCE_MISS : RINGFENCE_OK);
}

TEST_P(ClientView, FencedAndReleasedWhileAWriteIsUnderWayThenItsAnswerHolds) {
  ASSERT_EQ(client_.set(on_0_, "1"), RINGFENCE_OK);
  host_.memcached(0).stop();
  auto call = in_background([&] { return client_.set(on_0_, "2", forever, 0, long_time); });
  let_it_be_sent();
  host_.fence_all();
  host_.memcached(0).resume();
  pass(30ms);
  host_.unfence_all();
  EXPECT_EQ(call.get(), RINGFENCE_OK);
  EXPECT_EQ(client_.get(on_0_).view(), "2");
}

TEST_P(ClientView, FencedWhileAWriteIsUnderWayAndNothingFollowsThenNeverDone) {
  ASSERT_EQ(client_.set(on_0_, "1"), RINGFENCE_OK);
  host_.memcached(0).stop();
  auto call = in_background([&] { return client_.set(on_0_, "2", forever, 0, 300ms); });
  let_it_be_sent();
  host_.fence_all();
  host_.memcached(0).resume();
  const ringfence_status status = call.get();
  EXPECT_TRUE(status == RINGFENCE_FENCED || status == RINGFENCE_CHANGED) << status;
}

TEST_P(ClientView, LeaseLapsesWhileAGetIsUnderWayThenItsAnswerWaitsForTheRenewal) {
  ASSERT_EQ(client_.set(on_0_, "1"), RINGFENCE_OK);
  host_.memcached(0).stop();
  auto call = in_background([&] { return client_.get(on_0_, long_time); });
  let_it_be_sent();
  host_.end_lease();
  host_.memcached(0).resume();
  EXPECT_EQ(call.wait_for(100ms), std::future_status::timeout);
  host_.renew_lease();
  EXPECT_EQ(call.get().view(), "1");
}

TEST_P(ClientView, LeaseLapsesWhileACallIsUnderWayForGoodThenLapsedAtTheTimeout) {
  ASSERT_EQ(client_.set(on_0_, "1"), RINGFENCE_OK);
  for (const bool is_get : {true, false}) {
    host_.memcached(0).stop();
    auto call = in_background([&, is_get] {
      const Stopwatch watch;
      const ringfence_status status =
          is_get ? client_.get(on_0_, 300ms).status : client_.set(on_0_, "2", forever, 0, 300ms);
      EXPECT_LT(watch.elapsed(), 300ms + slack);
      return status;
    });
    let_it_be_sent();
    host_.end_lease();
    host_.memcached(0).resume();
    EXPECT_EQ(call.get(), RINGFENCE_LEASE_LAPSED);
    host_.renew_lease();
  }
}

TEST_P(ClientView, ManyKeysUnderWayWhenTheirSlotsMoveThenNoOldValueAndEveryKeyIsToldOf) {
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i) names.push_back("m" + std::to_string(i));
  for (const std::string& name : names) ASSERT_EQ(client_.set(name, "old"), RINGFENCE_OK);
  const std::vector<Key> keys(names.begin(), names.end());
  std::vector<bool> was_on_0;
  for (const std::string& name : names) was_on_0.push_back(host_.owner_of(name) == 0);
  host_.memcached(0).stop();
  std::vector<Value> values(names.size());
  std::vector<ringfence_status> statuses(names.size(), RINGFENCE_INVALID);
  auto call =
      in_background([&] { return client_.get_many(keys, values.data(), statuses.data(), 2000ms); });
  let_it_be_sent();
  host_.move_slots(0, 1);
  host_.memcached(0).resume();
  EXPECT_EQ(call.get(), RINGFENCE_OK);
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(statuses[i], was_on_0[i] ? RINGFENCE_MISS : RINGFENCE_OK) << names[i];
  }
}

TEST_P(ClientView, ManyWritesUnderWayWhenTheirSlotsMoveThenWhatIsOkIsThere) {
  std::vector<std::string> names;
  std::vector<Write> writes;
  for (int i = 0; i < 100; ++i) names.push_back("w" + std::to_string(i));
  for (const std::string& name : names) writes.push_back(Write::set(name, "new"));
  ASSERT_EQ(client_.set(on_0_, "1"), RINGFENCE_OK);  // opens the connection
  host_.memcached(0).stop();
  std::vector<ringfence_status> statuses(names.size(), RINGFENCE_INVALID);
  auto call = in_background([&] { return client_.write_many(writes, statuses.data(), 2000ms); });
  let_it_be_sent();
  host_.move_slots(0, 1);
  host_.memcached(0).resume();
  EXPECT_EQ(call.get() == RINGFENCE_OK, has_tags());
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_TRUE(statuses[i] == RINGFENCE_OK || (!has_tags() && statuses[i] == RINGFENCE_CHANGED))
        << i << " is " << statuses[i];
    EXPECT_EQ(client_.get(names[i]).status,
              statuses[i] == RINGFENCE_OK ? RINGFENCE_OK : RINGFENCE_MISS);
  }
}

TEST_P(ClientView, BackendsRecordBecomesAnotherLifeThenNoConnectionOfTheFormerIsUsed) {
  ASSERT_EQ(client_.set(on_0_, "1"), RINGFENCE_OK);
  const std::uint64_t opened = host_.memcached(0).stat("total_connections");
  ASSERT_EQ(client_.get(on_0_).view(), "1");
  host_.renew_record(0);
  EXPECT_EQ(client_.get(on_0_).view(), "1");
  // The client's new connection, and the one that asks this question.
  EXPECT_EQ(host_.memcached(0).stat("total_connections"), opened + 2);
}

}  // namespace
}  // namespace ringfence::live
