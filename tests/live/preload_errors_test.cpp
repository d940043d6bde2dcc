// Pools that want failures told as errors, and their own waiting times: a preloaded connection says
// and does what the port would. What is lost here was asked of its backend and not of the port.
#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <functional>

#include "tests/live/support/binary_side.hpp"
#include "tests/live/support/preloaded.hpp"
#include "tests/live/support/scripted_server.hpp"

namespace ringfence::live {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

PortHostSettings telling(bool gets, bool stores) {
  PortHostSettings settings;
  settings.port.tells_get_failure = gets;
  settings.port.tells_store_failure = stores;
  return settings;
}

constexpr std::string_view unknown =
    "SERVER_ERROR ringfence: the key's backend did not answer; it is not known to be done";

class PreloadErrors : public testing::Test {
 protected:
  PreloadErrors() : on_0_(host_.key_on(0)), on_1_(host_.key_on(1)) { expect_preloaded(); }

  // Asks while the backend stands still, and kills it then.
  void lose(const std::function<void()>& ask) {
    host_.memcached(0).stop();
    ask();
    pass(50ms);
    host_.memcached(0).kill();
  }
  // The same in the binary protocol, whose connections to backends are others.
  [[nodiscard]] BinarySide warm_binary() {
    BinarySide client{host_.client()};
    for (const std::string& key : {on_0_, on_1_}) {
      const bool is_warm = wait_until([&] {
        const std::uint64_t before = keys_through_port(host_);
        (void)client.answer(plain(Opcode::get, key));
        return keys_through_port(host_) == before;
      });
      EXPECT_TRUE(is_warm);
    }
    before_ = keys_through_port(host_);
    return client;
  }
  [[nodiscard]] TextClient warm() {
    TextClient client = warm_client(host_);
    before_ = keys_through_port(host_);
    return client;
  }
  void expect_none_through_port() { EXPECT_EQ(keys_through_port(host_), before_); }

  PortHost host_{telling(true, true)};
  std::string on_0_, on_1_;
  std::uint64_t before_ = 0;
};

TEST_F(PreloadErrors, BackendKilledThenGetsAndStoresAreErrorsAndOthersGoOn) {
  TextClient client = warm();
  EXPECT_EQ(client.set(on_1_, "v"), "STORED");
  std::string commands;
  for (const char* verb : {"get ", "gets ", "gat 1 ", "gats 1 "}) commands += verb + on_0_ + "\r\n";
  for (const char* verb : {"set", "add", "replace", "append", "prepend"}) {
    commands += std::string(verb) + " " + on_0_ + " 0 0 1\r\nv\r\n";
  }
  commands += "cas " + on_0_ + " 0 0 1 7\r\nv\r\nset " + on_0_ + " 0 0 1 noreply\r\nv\r\nget " +
              on_1_ + "\r\n";

  lose([&] { client.send(commands); });

  for (int i = 0; i < 10; ++i) EXPECT_EQ(client.read_line(), unknown) << i;
  EXPECT_EQ(client.read_line(), "VALUE " + on_1_ + " 0 1");
  EXPECT_EQ(client.read_line(), "v");
  EXPECT_EQ(client.read_line(), "END");
  expect_none_through_port();
}

TEST_F(PreloadErrors, NothingStoredThenAMissAndAConditionThatDoesNotHoldStayWhatTheyAre) {
  TextClient client = warm();
  EXPECT_EQ(client.ask("get " + on_0_ + " " + on_1_), "END");
  EXPECT_EQ(client.ask("replace " + on_0_ + " 0 0 1\r\nv"), "NOT_STORED");
  EXPECT_EQ(client.ask("mg " + on_0_ + " v"), "EN");
  EXPECT_EQ(client.ask("ms " + on_0_ + " 1 MR\r\nv"), "NS");
  expect_none_through_port();
  BinarySide binary = warm_binary();
  EXPECT_TRUE(binary.answer(plain(Opcode::get, on_0_)).ends_with(" =Not found\n"));
  expect_none_through_port();
}

TEST_F(PreloadErrors, OneOfManyKeysFailsThenTheOthersValuesComeAndAnErrorEndsThem) {
  TextClient client = warm();
  EXPECT_EQ(client.set(on_1_, "v"), "STORED");

  lose([&] {
    for (const std::string& keys : {on_0_ + " " + on_1_, on_1_ + " " + on_0_}) {
      client.send("get " + keys + "\r\nget " + on_1_ + "\r\n");
    }
  });

  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(client.read_line(), "VALUE " + on_1_ + " 0 1");
    EXPECT_EQ(client.read_line(), "v");
    EXPECT_EQ(client.read_line(), unknown);
    EXPECT_EQ(client.read_line(), "VALUE " + on_1_ + " 0 1") << "the next reply is whole";
    EXPECT_EQ(client.read_line(), "v");
    EXPECT_EQ(client.read_line(), "END");
  }
  expect_none_through_port();
}

TEST_F(PreloadErrors, SomeOfManyKeysThroughThePortAndItFailsThenAnErrorEndsThem) {
  TextClient client = warm();
  EXPECT_EQ(client.set(on_1_, "v"), "STORED");
  host_.fence_slots_of(0);

  client.send("get " + on_0_ + " " + on_1_ + "\r\nget " + on_1_ + "\r\n");

  EXPECT_EQ(client.read_line(), "VALUE " + on_1_ + " 0 1");
  EXPECT_EQ(client.read_line(), "v");
  EXPECT_TRUE(client.read_line().starts_with("SERVER_ERROR ringfence: a change of the view"));
  EXPECT_EQ(client.read_line(), "VALUE " + on_1_ + " 0 1") << "the next reply is whole";
}

TEST_F(PreloadErrors, MetaCommandsThenErrorsWhichQuietOnesShowToo) {
  TextClient client = warm();
  lose([&] {
    client.send("mg " + on_0_ + " v\r\nmg " + on_0_ + " v q\r\nms " + on_0_ + " 1\r\nv\r\nms " +
                on_0_ + " 1 q\r\nv\r\nme " + on_0_ + "\r\nmn\r\n");
  });
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client.read_line(), unknown) << i;
  EXPECT_EQ(client.read_line(), "MN");
  expect_none_through_port();
}

TEST_F(PreloadErrors, BinaryCommandsThenInternalErrorsWhichQuietStoresShowToo) {
  BinarySide client = warm_binary();
  lose([&] {
    client.send(plain(Opcode::get, on_0_) + plain(Opcode::getk, on_0_) +
                timed(Opcode::gat, on_0_, 1) + store(Opcode::set, on_0_, "v") +
                store(Opcode::addq, on_0_, "v") + plain(Opcode::append, on_0_, "v"));
  });
  for (int i = 0; i < 6; ++i) {
    const std::string answer = client.read_packet();
    EXPECT_NE(answer.find(" 84 opaque "), std::string::npos) << answer;
    EXPECT_NE(answer.find(" =" + std::string(unknown.substr(13))), std::string::npos) << answer;
  }
  expect_none_through_port();
}

TEST_F(PreloadErrors, QuietBinaryGetThenStillAMissThatIsNotTold) {
  BinarySide client = warm_binary();
  lose([&] { client.send(plain(Opcode::getkq, on_0_) + timed(Opcode::gatq, on_0_, 1)); });
  EXPECT_EQ(client.finish(), "");
  expect_none_through_port();
}

TEST_F(PreloadErrors, BackendAnswersAGetWithAnErrorThenItIsOne) {
  const ScriptedServer server{[](std::string_view asked) {
    return std::string(asked.starts_with("get warm") ? "END\r\n"
                                                     : "SERVER_ERROR out of memory\r\n");
  }};
  host_.replace_backend(0, server.address());
  TextClient client = warm();
  EXPECT_TRUE(client.ask("get " + on_0_).ends_with("answered with an error"));
  expect_none_through_port();
}

TEST_F(PreloadErrors, SlotMovesUnderTheAnswersThenTheErrorsSaySo) {
  TextClient client = warm();
  EXPECT_EQ(client.set(on_0_, "old"), "STORED");
  client.send("get " + on_0_ + "\r\nset " + on_0_ + " 0 0 1\r\n1\r\nmg " + on_0_ + " v\r\n");
  pass(50ms);

  host_.move_slots(0, 1);

  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(client.read_line().starts_with("SERVER_ERROR ringfence: the view changed")) << i;
  }
}

TEST_F(PreloadErrors, PoolReconfiguredThenConnectedClientsFollow) {
  TextClient client = warm();
  host_.reconfigure(telling(false, false).port);

  lose([&] { client.send("get " + on_0_ + "\r\nset " + on_0_ + " 0 0 1\r\nv\r\n"); });

  EXPECT_EQ(client.read_line(), "END");
  EXPECT_EQ(client.read_line(), "NOT_STORED");
  expect_none_through_port();
}

TEST_F(PreloadErrors, GetsAloneThenStoresAreNotStored) {
  TextClient client = warm();
  host_.reconfigure(telling(true, false).port);
  lose([&] { client.send("get " + on_0_ + "\r\nset " + on_0_ + " 0 0 1\r\nv\r\n"); });
  EXPECT_EQ(client.read_line(), unknown);
  EXPECT_EQ(client.read_line(), "NOT_STORED");
}

TEST_F(PreloadErrors, StoresAloneThenGetsMiss) {
  TextClient client = warm();
  host_.reconfigure(telling(false, true).port);
  lose([&] { client.send("get " + on_0_ + "\r\nset " + on_0_ + " 0 0 1\r\nv\r\n"); });
  EXPECT_EQ(client.read_line(), "END");
  EXPECT_EQ(client.read_line(), unknown);
}

// --- request_timeout and change_wait

struct Waiting {
  const char* name;
  std::chrono::milliseconds request_timeout;
};
void PrintTo(const Waiting& waiting, std::ostream* out) {  // NOLINT: GoogleTest's name
  *out << waiting.name;
}

class PreloadTimes : public testing::TestWithParam<Waiting> {
 protected:
  PreloadTimes() : host_(settings()), on_0_(host_.key_on(0)) { expect_preloaded(); }
  [[nodiscard]] static PortHostSettings settings() {
    PortHostSettings settings = telling(true, true);
    settings.port.request_timeout.ns = std::chrono::nanoseconds(GetParam().request_timeout).count();
    settings.port.change_wait.ns = std::chrono::nanoseconds(change_wait).count();
    return settings;
  }
  void expect_within(Clock::duration elapsed, Clock::duration wanted) {
    EXPECT_GE(elapsed, wanted - 20ms);
    EXPECT_LT(elapsed, wanted + slack);
  }

  static constexpr auto change_wait = 250ms;
  static constexpr auto slack = 150ms;
  PortHost host_;
  std::string on_0_;
};
INSTANTIATE_TEST_SUITE_P(Of, PreloadTimes,
                         testing::Values(Waiting{"FiftyMs", 50ms},
                                         Waiting{"SevenHundredMs", 700ms}),
                         [](const auto& instance) { return std::string(instance.param.name); });

TEST_P(PreloadTimes, BackendHangsAndItsSlotsStayThenAnsweredAfterTheRequestTimeout) {
  TextClient client = warm_client(host_);
  host_.memcached(0).stop();
  const auto begin = Clock::now();

  client.send("get " + on_0_ + "\r\nset " + on_0_ + " 0 0 1\r\nv\r\nget " + on_0_ + "\r\n");

  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.read_line(), unknown);
  expect_within(Clock::now() - begin, GetParam().request_timeout);
}

TEST_P(PreloadTimes, TheSameForWhoPolls) {
  TextClient client = warm_client(host_);
  host_.memcached(0).stop();
  const auto begin = Clock::now();
  client.send("get " + on_0_ + "\r\n");

  pollfd waited{client.fd(), POLLIN, 0};
  EXPECT_EQ(poll(&waited, 1, 5000), 1);

  expect_within(Clock::now() - begin, GetParam().request_timeout);
  EXPECT_EQ(client.read_line(), unknown);
}

TEST_P(PreloadTimes, G2_DeletesOfAHungBackendThenAfterTheChangeWaitAnErrorAndNeverDone) {
  TextClient client = warm_client(host_);
  host_.memcached(0).stop();
  const auto begin = Clock::now();

  std::string commands;
  for (int i = 0; i < 10; ++i) commands += "delete " + on_0_ + "\r\n";
  client.send(commands);

  for (int i = 0; i < 10; ++i) EXPECT_EQ(client.read_line(), unknown);
  expect_within(Clock::now() - begin, GetParam().request_timeout + change_wait);
}

TEST_P(PreloadTimes, ApplicationPausesInsideAValueThenThatIsNobodysSilence) {
  TextClient client = warm_client(host_);
  const std::string value(1'000'000, 'x');
  const auto step = GetParam().request_timeout / 2;
  client.send("set " + on_0_ + " 0 0 " + std::to_string(value.size()) + "\r\n");
  for (int i = 0; i < 4; ++i) {
    pollfd waited{client.fd(), POLLIN, 0};
    EXPECT_EQ(poll(&waited, 1, static_cast<int>(step.count())), 0);
  }
  client.send(value + "\r\n");

  EXPECT_EQ(client.read_line(), "STORED");
  EXPECT_EQ(client.get(on_0_), value);
}

TEST_P(PreloadTimes, ApplicationPausesInsideAValueThenWhatItAskedBeforeIsStillAnsweredInTime) {
  TextClient client = warm_client(host_);
  host_.memcached(0).stop();
  const auto begin = Clock::now();

  client.send("get " + on_0_ + "\r\nset " + on_0_ + " 0 0 100000\r\n");

  EXPECT_EQ(client.read_line(), unknown);
  expect_within(Clock::now() - begin, GetParam().request_timeout);
  client.send(std::string(100'000, 'x') + "\r\n");
  EXPECT_EQ(client.read_line(), unknown);
}

}  // namespace
}  // namespace ringfence::live
