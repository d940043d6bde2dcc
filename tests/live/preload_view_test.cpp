// A preloaded connection while backends die, hang or come back, and the view changes: the
// connections to the backends are open, so that nothing of it is the port's doing.
#include <gtest/gtest.h>

#include <chrono>
#include <future>

#include "tests/live/support/preloaded.hpp"

namespace ringfence::live {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

class PreloadView : public testing::TestWithParam<bool> {
 protected:
  [[nodiscard]] static bool has_tags() { return GetParam(); }
  PreloadView() : host_(settings()), on_0_(host_.key_on(0)), on_1_(host_.key_on(1)) {
    expect_preloaded();
  }
  [[nodiscard]] static PortHostSettings settings() {
    PortHostSettings settings;
    settings.has_tags = GetParam();
    return settings;
  }
  static void let_it_be_sent() { pass(50ms); }

  PortHost host_;
  std::string on_0_, on_1_;
};
INSTANTIATE_TEST_SUITE_P(Tags, PreloadView, testing::Bool(),
                         [](const auto& instance) { return instance.param ? "On" : "Off"; });

TEST_P(PreloadView, ConnectionsOpenThenThePortSeesNoKey) {
  TextClient client = warm_client(host_);
  const std::uint64_t before = keys_through_port(host_);
  for (int i = 0; i < 100; ++i) {
    const std::string key = "key-" + std::to_string(i);
    ASSERT_EQ(client.set(key, "value"), "STORED");
    ASSERT_EQ(client.get(key), "value");
    ASSERT_EQ(client.ask("delete " + key), "DELETED");
  }
  EXPECT_EQ(keys_through_port(host_), before);
}

TEST_P(PreloadView, BackendKilledThenGetsMissAndStoresAreNotStoredAndOthersGoOn) {
  TextClient client = warm_client(host_);
  EXPECT_EQ(client.set(on_0_, "1"), "STORED");
  EXPECT_EQ(client.set(on_1_, "2"), "STORED");
  host_.memcached(0).stop();
  client.send("get " + on_0_ + "\r\nset " + on_0_ + " 0 0 1\r\n1\r\nget " + on_1_ + "\r\n");
  let_it_be_sent();

  host_.memcached(0).kill();

  EXPECT_EQ(client.read_line(), "END");
  EXPECT_EQ(client.read_line(), "NOT_STORED");
  EXPECT_EQ(client.read_line(), "VALUE " + on_1_ + " 0 1");
  EXPECT_EQ(client.read_line(), "2");
  EXPECT_EQ(client.read_line(), "END");
}

TEST_P(PreloadView, BackendKilledAndNoNewViewThenDeleteIsAnErrorNotDone) {
  TextClient client = warm_client(host_);
  host_.memcached(0).stop();
  client.send("delete " + on_0_ + "\r\ntouch " + on_0_ + " 1\r\nincr " + on_0_ + " 1\r\n");
  let_it_be_sent();

  host_.memcached(0).kill();

  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(client.read_line().starts_with("SERVER_ERROR ringfence"));
  }
}

TEST_P(PreloadView, DeleteInFlightWhenItsBackendDiesThenNotFoundOnlyUnderANewTag) {
  TextClient client = warm_client(host_);
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

TEST_P(PreloadView, BackendHangsThenItsSlotsMoveAndNobodyWaitsLonger) {
  TextClient client = warm_client(host_);
  EXPECT_EQ(client.set(on_0_, "1"), "STORED");
  host_.memcached(0).stop();
  const auto start = Clock::now();
  client.send("get " + on_0_ + "\r\n");
  let_it_be_sent();

  host_.move_slots(0, 1);

  EXPECT_EQ(client.read_line(), "END");
  EXPECT_LT(Clock::now() - start, 900ms);
  EXPECT_EQ(client.set(on_0_, "2"), "STORED");
  EXPECT_EQ(client.get(on_0_), "2");
}

TEST_P(PreloadView, BackendHangsAndNothingMovesThenItIsWaitedForUntilTheRequestTimeout) {
  TextClient client = warm_client(host_);
  host_.memcached(0).stop();
  const auto start = Clock::now();
  client.send("get " + on_0_ + "\r\n");

  EXPECT_EQ(client.read_line(), "END");
  EXPECT_GE(Clock::now() - start, 480ms);
  EXPECT_LT(Clock::now() - start, 900ms);

  host_.memcached(0).resume();
  EXPECT_TRUE(wait_until([&] { return client.set(on_0_, "1") == "STORED"; }));
}

TEST_P(PreloadView, BackendBackOnItsAddressThenItServesAgain) {
  TextClient client = warm_client(host_);
  host_.memcached(0).kill();
  EXPECT_EQ(client.get(on_0_), std::nullopt);

  host_.memcached(0).restart();

  EXPECT_TRUE(wait_until([&] { return client.set(on_0_, "2") == "STORED"; }));
  EXPECT_EQ(client.get(on_0_), "2");
}

TEST_P(PreloadView, G2_ViewChangesUnderAGetThenItIsAMissAndNeverStale) {
  TextClient reader = warm_client(host_);
  TextClient writer = warm_client(host_);
  EXPECT_EQ(writer.set(on_0_, "old"), "STORED");
  host_.memcached(0).stop();
  reader.send("get " + on_0_ + "\r\n");
  let_it_be_sent();

  host_.move_slots(0, 1);
  EXPECT_EQ(writer.set(on_0_, "new"), "STORED");
  host_.memcached(0).resume();

  EXPECT_EQ(reader.read_line(), "END");
  EXPECT_EQ(reader.get(on_0_), "new");
}

TEST_P(PreloadView, G2_ViewChangesUnderAnAnswerThatIsThereThenItIsNotBelieved) {
  TextClient client = warm_client(host_);
  EXPECT_EQ(client.set(on_0_, "old"), "STORED");
  client.send("get " + on_0_ + "\r\nset " + on_0_ + " 0 0 1\r\n1\r\ndelete " + on_0_ + "\r\n");
  let_it_be_sent();

  host_.move_slots(0, 1);

  EXPECT_EQ(client.read_line(), "END");
  EXPECT_EQ(client.read_line(), "NOT_STORED");
  const std::string answer = client.read_line();
  if (has_tags()) {
    EXPECT_EQ(answer, "NOT_FOUND");
  } else {
    EXPECT_TRUE(answer.starts_with("SERVER_ERROR ringfence")) << answer;
  }
}

TEST_P(PreloadView, FenceUnderAWritesAnswerAndNothingMovesThenItIsAccepted) {
  TextClient client = warm_client(host_);
  client.send("set " + on_0_ + " 0 0 1\r\n1\r\ndelete " + on_0_ + "\r\n");
  let_it_be_sent();
  host_.fence_slots_of(0);
  auto answer = std::async(std::launch::async, [&] { return client.read_line(); });
  pass(100ms);

  host_.unfence_all();

  EXPECT_EQ(answer.get(), "STORED");
  EXPECT_EQ(client.read_line(), "DELETED");
}

TEST_P(PreloadView, LeaseLapsesUnderAWritesAnswerAndIsRenewedThenItIsAccepted) {
  TextClient client = warm_client(host_);
  client.send("set " + on_0_ + " 0 0 1\r\n1\r\ndelete " + on_0_ + "\r\n");
  let_it_be_sent();
  host_.end_lease();
  auto answer = std::async(std::launch::async, [&] { return client.read_line(); });
  pass(100ms);

  host_.renew_lease();

  EXPECT_EQ(answer.get(), "STORED");
  EXPECT_EQ(client.read_line(), "DELETED");
}

TEST_P(PreloadView, FenceUnderWritesAnswersThatStaysThenNoneIsCalledDoneAndOneWaitIsAllTheirs) {
  TextClient client = warm_client(host_);
  std::string commands;
  for (int i = 0; i < 10; ++i) commands += "set " + on_0_ + " 0 0 1\r\n1\r\n";
  client.send(commands + "delete " + on_0_ + "\r\n");
  let_it_be_sent();
  host_.fence_slots_of(0);
  const auto start = Clock::now();

  for (int i = 0; i < 10; ++i) EXPECT_EQ(client.read_line(), "NOT_STORED");
  EXPECT_TRUE(client.read_line().starts_with("SERVER_ERROR ringfence: a change of the view"));
  EXPECT_GE(Clock::now() - start, 480ms);
  EXPECT_LT(Clock::now() - start, 900ms);
}

TEST_P(PreloadView, SlotFencedThenItsRequestsGoThroughThePortAndOthersDoNot) {
  TextClient client = warm_client(host_);
  const std::uint64_t before = keys_through_port(host_);
  host_.fence_slots_of(0);
  EXPECT_EQ(client.set(on_1_, "2"), "STORED");
  client.send("set " + on_0_ + " 0 0 1\r\n1\r\nget " + on_0_ + "\r\n");
  pass(50ms);
  host_.move_slots(0, 1);

  EXPECT_EQ(client.read_line(), "STORED");
  EXPECT_EQ(client.read_line(), "VALUE " + on_0_ + " 0 1");
  EXPECT_EQ(client.read_line(), "1");
  EXPECT_EQ(client.read_line(), "END");
  EXPECT_EQ(keys_through_port(host_), before + 2);
}

TEST_P(PreloadView, LeaseEndsThenNothingIsServedPastIt) {
  TextClient client = warm_client(host_);
  EXPECT_EQ(client.set(on_0_, "1"), "STORED");
  client.send("get " + on_0_ + "\r\n");
  let_it_be_sent();

  host_.end_lease();

  EXPECT_EQ(client.read_line(), "END");
  EXPECT_EQ(client.get(on_0_), std::nullopt);
  EXPECT_EQ(client.set(on_0_, "2"), "NOT_STORED");
  host_.renew_lease();
  EXPECT_TRUE(wait_until([&] { return client.set(on_0_, "3") == "STORED"; }));
  EXPECT_EQ(client.get(on_0_), "3");
}

TEST_P(PreloadView, ManyKeysWhileABackendDiesThenTheOthersHitAndOneEnd) {
  TextClient client = warm_client(host_);
  std::string command = "get";
  for (int i = 0; i < 200; ++i) {
    const std::string key = "many-" + std::to_string(i);
    EXPECT_EQ(client.set(key, std::to_string(i)), "STORED");
    command += " " + key;
  }
  host_.memcached(0).stop();
  client.send(command + "\r\n");
  let_it_be_sent();

  host_.memcached(0).kill();

  std::size_t hits = 0;
  int last = -1;
  for (std::string line = client.read_line(); line != "END"; line = client.read_line()) {
    ASSERT_TRUE(line.starts_with("VALUE many-")) << line;
    const int number = std::stoi(client.read_line());
    EXPECT_GT(number, last);
    last = number;
    ++hits;
  }
  EXPECT_GT(hits, 50U);
  EXPECT_LT(hits, 150U);
  EXPECT_EQ(client.ask("version").substr(0, 7), "VERSION");
}

}  // namespace
}  // namespace ringfence::live
