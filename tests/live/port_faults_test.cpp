// Backends that die, hang or come back, and views that change, while requests are under way.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "tests/live/support/port_host.hpp"

namespace ringfence::live {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

class PortFaults : public testing::TestWithParam<bool> {
 protected:
  [[nodiscard]] static bool has_tags() { return GetParam(); }
  PortFaults() : host_(settings()), on_0_(host_.key_on(0)), on_1_(host_.key_on(1)) {}

  [[nodiscard]] static PortHostSettings settings() {
    PortHostSettings settings;
    settings.has_tags = GetParam();
    return settings;
  }
  // Waits until the backend has been asked, which a stopped one cannot say: a moment is enough.
  static void let_it_be_sent() { pass(50ms); }

  PortHost host_;
  std::string on_0_, on_1_;
};
INSTANTIATE_TEST_SUITE_P(Tags, PortFaults, testing::Bool(),
                         [](const auto& instance) { return instance.param ? "On" : "Off"; });

TEST_P(PortFaults, BackendKilledThenGetsMissAndStoresAreNotStoredAndOthersGoOn) {
  TextClient client = host_.client();
  EXPECT_EQ(client.set(on_0_, "1"), "STORED");
  EXPECT_EQ(client.set(on_1_, "2"), "STORED");

  host_.memcached(0).kill();

  EXPECT_EQ(client.get(on_0_), std::nullopt);
  EXPECT_EQ(client.set(on_0_, "3"), "NOT_STORED");
  EXPECT_EQ(client.get(on_1_), "2");
  EXPECT_GT(host_.trouble_count(), 0U);
}

TEST_P(PortFaults, BackendKilledAndNoNewViewThenDeleteIsAnErrorNotDone) {
  TextClient client = host_.client();
  host_.memcached(0).kill();

  for (const char* verb : {"delete ", "touch ", "incr "}) {
    const std::string number = verb[0] == 'd' ? "" : " 1";
    EXPECT_TRUE(client.ask(verb + on_0_ + number).starts_with("SERVER_ERROR ringfence")) << verb;
  }
}

TEST_P(PortFaults, BackendKilledAndItsSlotsMovedThenDeleteTellsTheTruth) {
  TextClient client = host_.client();
  EXPECT_EQ(client.set(on_0_, "1"), "STORED");
  host_.memcached(0).kill();

  client.send("delete " + on_0_ + "\r\n");
  pass(50ms);
  host_.move_slots(0, 1);

  // It was never sent to the dead backend, so the taker is asked.
  EXPECT_EQ(client.read_line(), "NOT_FOUND");
}

TEST_P(PortFaults, DeleteInFlightWhenItsBackendDiesThenNotFoundOnlyUnderANewTag) {
  TextClient client = host_.client();
  EXPECT_EQ(client.set(on_0_, "1"), "STORED");
  host_.memcached(0).stop();
  client.send("delete " + on_0_ + "\r\n");
  let_it_be_sent();

  host_.memcached(0).kill();
  pass(50ms);
  host_.move_slots(0, 1);

  const std::string answer = client.read_line();
  if (has_tags()) {
    EXPECT_EQ(answer, "NOT_FOUND");
  } else {
    EXPECT_TRUE(answer.starts_with("SERVER_ERROR ringfence")) << answer;
  }
}

TEST_P(PortFaults, BackendBackOnItsAddressThenItServesAgain) {
  TextClient client = host_.client();
  EXPECT_EQ(client.set(on_0_, "1"), "STORED");
  host_.memcached(0).kill();
  EXPECT_EQ(client.get(on_0_), std::nullopt);

  host_.memcached(0).restart();

  EXPECT_TRUE(wait_until([&] { return client.set(on_0_, "2") == "STORED"; }));
  EXPECT_EQ(client.get(on_0_), "2");
}

TEST_P(PortFaults, BackendStoppedThenItsRequestsEndInTimeAndOthersAreNotDelayed) {
  TextClient waiting = host_.client();
  TextClient other = host_.client();
  EXPECT_EQ(waiting.set(on_0_, "1"), "STORED");
  host_.memcached(0).stop();
  const auto start = Clock::now();
  waiting.send("get " + on_0_ + "\r\n");

  for (int i = 0; i < 100; ++i) ASSERT_EQ(other.set(on_1_, "2"), "STORED");
  EXPECT_LT(Clock::now() - start, 400ms);
  EXPECT_EQ(waiting.read_line(), "END");
  EXPECT_GE(Clock::now() - start, 450ms);
  EXPECT_LT(Clock::now() - start, 5s);

  host_.memcached(0).resume();
  EXPECT_TRUE(wait_until([&] { return waiting.get(on_0_) == "1"; }));
}

TEST_P(PortFaults, SlotFencedThenItsRequestsWaitAndOthersGoOnAndOrderIsKept) {
  TextClient waiting = host_.client();
  TextClient other = host_.client();
  host_.fence_slots_of(0);

  waiting.send("set " + on_0_ + " 0 0 1\r\n1\r\nget " + on_0_ + "\r\n");
  EXPECT_EQ(other.set(on_1_, "2"), "STORED");
  pass(50ms);
  host_.move_slots(0, 1);

  EXPECT_EQ(waiting.read_line(), "STORED");
  EXPECT_EQ(waiting.read_line(), "VALUE " + on_0_ + " 0 1");
  EXPECT_EQ(waiting.read_line(), "1");
  EXPECT_EQ(host_.port().counters().refused_by_fence, 2U);
}

TEST_P(PortFaults, SlotFencedForTooLongThenAHonestFailure) {
  TextClient client = host_.client();
  host_.fence_slots_of(0);

  client.send("set " + on_0_ + " 0 0 1\r\n1\r\nget " + on_0_ + "\r\ndelete " + on_0_ + "\r\n");

  EXPECT_EQ(client.read_line(), "NOT_STORED");
  EXPECT_EQ(client.read_line(), "END");
  EXPECT_TRUE(client.read_line().starts_with("SERVER_ERROR ringfence: a change of the view"));
}

TEST_P(PortFaults, LeaseLapsedThenRequestsWaitForItsRenewal) {
  TextClient client = host_.client();
  host_.end_lease();
  client.send("set " + on_0_ + " 0 0 1\r\n1\r\nget " + on_0_ + "\r\n");
  pass(50ms);

  host_.renew_lease();

  EXPECT_EQ(client.read_line(), "STORED");
  EXPECT_EQ(client.read_line(), "VALUE " + on_0_ + " 0 1");
}

TEST_P(PortFaults, LeaseGoneForLongThenRequestsAreAnsweredAtOnce) {
  TextClient client = host_.client();
  EXPECT_EQ(client.set(on_0_, "1"), "STORED");
  host_.end_lease();
  EXPECT_EQ(client.get(on_0_), std::nullopt);

  const auto start = Clock::now();
  EXPECT_EQ(client.get(on_0_), std::nullopt);
  EXPECT_EQ(client.set(on_0_, "2"), "NOT_STORED");
  EXPECT_TRUE(client.ask("delete " + on_0_).starts_with("SERVER_ERROR ringfence: this host"));
  EXPECT_LT(Clock::now() - start, 400ms);

  host_.renew_lease();
  EXPECT_EQ(client.get(on_0_), "1");
}

TEST_P(PortFaults, SegmentClosedThenRequestsFail) {
  TextClient client = host_.client();
  host_.close_segment();

  EXPECT_EQ(client.get(on_0_), std::nullopt);
  EXPECT_EQ(client.set(on_0_, "2"), "NOT_STORED");
}

TEST_P(PortFaults, SlotUnownedThenAnsweredAtOnce) {
  TextClient client = host_.client();
  host_.publish_unowned(0);

  const auto start = Clock::now();
  client.send("get " + on_0_ + " " + on_1_ + "\r\nset " + on_0_ + " 0 0 1\r\n1\r\n");
  EXPECT_EQ(client.read_line(), "END");
  EXPECT_EQ(client.read_line(), "NOT_STORED");
  EXPECT_TRUE(client.ask("delete " + on_0_).starts_with("SERVER_ERROR ringfence: no backend"));
  EXPECT_LT(Clock::now() - start, 400ms);
}

TEST_P(PortFaults, LeaseLapsesUnderAReplyThenItIsAcceptedAfterTheRenewal) {
  TextClient reader = host_.client();
  TextClient writer = host_.client();
  TextClient large = host_.client();
  const std::string value(100'000, 'x');
  const std::string other = host_.key_on(0, "other");
  EXPECT_EQ(reader.set(on_0_, value), "STORED");
  host_.memcached(0).stop();
  reader.send("get " + on_0_ + "\r\n");
  writer.send("set " + other + " 0 0 1\r\n1\r\n");
  large.send("set " + other + "2 0 0 100000\r\n" + value + "\r\n");
  let_it_be_sent();

  host_.end_lease();
  host_.memcached(0).resume();
  pass(100ms);
  host_.renew_lease();

  EXPECT_EQ(reader.read_line(), "VALUE " + on_0_ + " 0 100000");
  EXPECT_EQ(reader.read_line(), value);
  EXPECT_EQ(reader.read_line(), "END");
  EXPECT_EQ(writer.read_line(), "STORED");
  EXPECT_EQ(large.read_line(), "STORED");
  EXPECT_EQ(host_.port().counters().redone, 0U);
}

TEST_P(PortFaults, FenceUnderAReplyAndNothingMovesThenItIsAccepted) {
  TextClient client = host_.client();
  host_.memcached(0).stop();
  client.send("set " + on_0_ + " 0 0 1\r\n1\r\n");
  let_it_be_sent();

  host_.fence_slots_of(0);
  host_.memcached(0).resume();
  pass(100ms);
  host_.unfence_all();

  EXPECT_EQ(client.read_line(), "STORED");
  EXPECT_EQ(client.get(on_0_), "1");
}

TEST_P(PortFaults, G2_ViewChangesUnderAGetThenItIsAskedAgainAndNeverStale) {
  TextClient reader = host_.client();
  TextClient writer = host_.client();
  EXPECT_EQ(writer.set(on_0_, "old"), "STORED");
  host_.memcached(0).stop();
  reader.send("get " + on_0_ + "\r\n");
  host_.client().send("get " + host_.key_on(0, "stays") + "\r\n");  // so the connection is kept
  let_it_be_sent();

  host_.move_slot_of(on_0_, 1);
  EXPECT_EQ(writer.set(on_0_, "new"), "STORED");
  host_.memcached(0).resume();

  EXPECT_EQ(reader.read_line(), "VALUE " + on_0_ + " 0 3");
  EXPECT_EQ(reader.read_line(), "new");
  EXPECT_EQ(reader.read_line(), "END");
  EXPECT_EQ(host_.port().counters().redone, 1U);
}

TEST_P(PortFaults, G2_ViewChangesUnderASetThenItIsDoneAgainOnlyUnderANewTag) {
  TextClient client = host_.client();
  host_.memcached(0).stop();
  client.send("set " + on_0_ + " 0 0 1\r\n1\r\n");
  let_it_be_sent();

  host_.move_slots(0, 1);
  host_.memcached(0).resume();

  EXPECT_EQ(client.read_line(), has_tags() ? "STORED" : "NOT_STORED");
  EXPECT_EQ(client.get(on_0_).has_value(), has_tags());
}

TEST_P(PortFaults, G2_LaterRequestForTheSlotThenTheEarlierWriteIsNotDoneAgain) {
  TextClient client = host_.client();
  host_.memcached(0).stop();
  client.send("set " + on_0_ + " 0 0 1\r\n1\r\nset " + on_0_ + " 0 0 1\r\n2\r\n");
  let_it_be_sent();

  host_.move_slots(0, 1);
  host_.memcached(0).resume();

  EXPECT_EQ(client.read_line(), "NOT_STORED");
  EXPECT_EQ(client.read_line(), has_tags() ? "STORED" : "NOT_STORED");
  EXPECT_EQ(client.get(on_0_), has_tags() ? std::optional<std::string>{"2"} : std::nullopt);
}

TEST_P(PortFaults, G2_OwnerLostAndBackThenItsOldValueIsUnreachable) {
  TextClient client = host_.client();
  EXPECT_EQ(client.set(on_0_, "1"), "STORED");
  host_.move_slots(0, 1);
  EXPECT_EQ(client.set(on_0_, "2"), "STORED");

  host_.fence_slots_of(1);
  host_.move_slots(1, 0);

  // Without tags this is what the flush of the admission is for.
  EXPECT_EQ(client.get(on_0_), has_tags() ? std::nullopt : std::optional<std::string>{"1"});
}

TEST_P(PortFaults, ValueLostHalfWayThenOnlyThatClientIsReset) {
  TextClient reader = host_.client();
  TextClient other = host_.client();
  EXPECT_EQ(other.set(on_0_, std::string(1'000'000, 'x')), "STORED");
  EXPECT_EQ(other.set(on_1_, "2"), "STORED");
  std::string gets;
  for (int i = 0; i < 40; ++i) gets += "get " + on_0_ + "\r\n";
  reader.send(gets);
  (void)reader.read_bytes(1'500'000);  // the rest is under way, and blocked by this client

  host_.memcached(0).kill();

  EXPECT_THROW(
      while (true) { (void)reader.read_bytes(100'000); }, std::runtime_error);
  EXPECT_EQ(other.get(on_1_), "2");
}

TEST_P(PortFaults, RecordRewrittenThenTheConnectionStaysAndANewLifeGetsANewOne) {
  TextClient client = host_.client();
  EXPECT_EQ(client.set(on_0_, "1"), "STORED");
  const auto connections = host_.memcached(0).stat("total_connections");

  host_.rewrite_record(0);
  EXPECT_EQ(client.get(on_0_), "1");
  EXPECT_EQ(host_.memcached(0).stat("total_connections"), connections + 1);  // this question

  host_.renew_record(0);
  EXPECT_EQ(client.get(on_0_), "1");
  EXPECT_EQ(host_.memcached(0).stat("total_connections"), connections + 3);
}

TEST_P(PortFaults, UploadWhenTheBackendDiesThenNotStoredAndTheConnectionGoesOn) {
  TextClient client = host_.client();
  client.send("set " + on_0_ + " 0 0 900000\r\n" + std::string(400'000, 'x'));
  pass(50ms);

  host_.memcached(0).kill();
  client.send(std::string(500'000, 'x') + "\r\nget " + on_1_ + "\r\n");

  EXPECT_EQ(client.read_line(), "NOT_STORED");
  EXPECT_EQ(client.read_line(), "END");
}

}  // namespace
}  // namespace ringfence::live
