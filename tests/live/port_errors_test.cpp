// Pools that want failures told as errors (get_failure, store_failure): what could not be answered
// is a SERVER_ERROR in each protocol, and what a backend said stays what it was.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/live/support/agent.hpp"
#include "tests/live/support/binary_side.hpp"
#include "tests/live/support/port_host.hpp"
#include "tests/live/support/scripted_server.hpp"

namespace ringfence::live {
namespace {

using namespace std::chrono_literals;

PortHostSettings telling(bool gets, bool stores) {
  PortHostSettings settings;
  settings.port.tells_get_failure = gets;
  settings.port.tells_store_failure = stores;
  return settings;
}

bool is_error(const std::string& line) {
  return line.starts_with("SERVER_ERROR ringfence: ");
}

class PortErrors : public testing::Test {
 protected:
  PortErrors() : on_0_(host_.key_on(0)), on_1_(host_.key_on(1)) {}

  PortHost host_{telling(true, true)};
  std::string on_0_, on_1_;
};

TEST_F(PortErrors, BackendKilledThenGetsAndStoresAreErrorsAndOthersGoOn) {
  TextClient client = host_.client();
  EXPECT_EQ(client.set(on_1_, "v"), "STORED");
  host_.memcached(0).kill();

  for (const char* verb : {"get ", "gets ", "gat 1 ", "gats 1 "}) {
    EXPECT_TRUE(is_error(client.ask(verb + on_0_))) << verb;
  }
  for (const char* verb : {"set", "add", "replace", "append", "prepend"}) {
    client.send(std::string(verb) + " " + on_0_ + " 0 0 1\r\nv\r\n");
    EXPECT_TRUE(is_error(client.read_line())) << verb;
  }
  client.send("cas " + on_0_ + " 0 0 1 7\r\nv\r\nset " + on_0_ + " 0 0 1 noreply\r\nv\r\n");
  EXPECT_TRUE(is_error(client.read_line()));
  EXPECT_EQ(client.get(on_1_), "v");
}

TEST_F(PortErrors, NothingStoredThenAMissAndAConditionThatDoesNotHoldStayWhatTheyAre) {
  TextClient client = host_.client();
  EXPECT_EQ(client.ask("get " + on_0_ + " " + on_1_), "END");
  EXPECT_EQ(client.ask("replace " + on_0_ + " 0 0 1\r\nv"), "NOT_STORED");
  EXPECT_EQ(client.ask("mg " + on_0_ + " v"), "EN");
  EXPECT_EQ(client.ask("ms " + on_0_ + " 1 MR\r\nv"), "NS");
  BinarySide binary{host_.client()};
  EXPECT_TRUE(binary.answer(plain(Opcode::get, on_0_)).ends_with(" =Not found\n"));
}

TEST_F(PortErrors, OneOfManyKeysFailsThenTheOthersValuesComeAndAnErrorEndsThem) {
  TextClient client = host_.client();
  EXPECT_EQ(client.set(on_1_, "v"), "STORED");
  host_.memcached(0).kill();

  for (const std::string& keys : {on_0_ + " " + on_1_, on_1_ + " " + on_0_}) {
    client.send("get " + keys + "\r\nget " + on_1_ + "\r\n");
    EXPECT_EQ(client.read_line(), "VALUE " + on_1_ + " 0 1");
    EXPECT_EQ(client.read_line(), "v");
    EXPECT_TRUE(is_error(client.read_line()));
    EXPECT_EQ(client.read_line(), "VALUE " + on_1_ + " 0 1") << "the next reply is whole";
    EXPECT_EQ(client.read_line(), "v");
    EXPECT_EQ(client.read_line(), "END");
  }
}

TEST_F(PortErrors, MetaCommandsThenErrorsWhichQuietOnesShowToo) {
  TextClient client = host_.client();
  host_.memcached(0).kill();
  client.send("mg " + on_0_ + " v\r\nmg " + on_0_ + " v q\r\nms " + on_0_ + " 1\r\nv\r\nms " +
              on_0_ + " 1 q\r\nv\r\nme " + on_0_ + "\r\nmn\r\n");
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(is_error(client.read_line())) << i;
  EXPECT_EQ(client.read_line(), "MN");
}

TEST_F(PortErrors, BinaryCommandsThenInternalErrorsWhichQuietStoresShowToo) {
  BinarySide client{host_.client()};
  host_.memcached(0).kill();
  for (const std::string& bytes :
       {plain(Opcode::get, on_0_), plain(Opcode::getk, on_0_), timed(Opcode::gat, on_0_, 1),
        store(Opcode::set, on_0_, "v"), store(Opcode::addq, on_0_, "v"),
        plain(Opcode::append, on_0_, "v")}) {
    const std::string answer = client.answer(bytes);
    EXPECT_NE(answer.find(" 84 opaque "), std::string::npos) << answer;
    EXPECT_NE(answer.find(" =ringfence: "), std::string::npos) << answer;
  }
}

TEST_F(PortErrors, QuietBinaryGetThenStillAMissThatIsNotTold) {
  BinarySide client{host_.client()};
  host_.memcached(0).kill();
  EXPECT_EQ(client.answer(plain(Opcode::getkq, on_0_) + timed(Opcode::gatq, on_0_, 1)), "");
}

TEST_F(PortErrors, NoBackendOrNoLeaseThenTheErrorSaysSo) {
  TextClient client = host_.client();
  host_.publish_unowned(0);
  EXPECT_TRUE(client.ask("get " + on_0_).starts_with("SERVER_ERROR ringfence: no backend"));
  EXPECT_TRUE(client.set(on_0_, "v").starts_with("SERVER_ERROR ringfence: no backend"));

  host_.end_lease();
  EXPECT_TRUE(client.ask("get " + on_1_).starts_with("SERVER_ERROR ringfence: this host"));
  EXPECT_TRUE(client.set(on_1_, "v").starts_with("SERVER_ERROR ringfence: this host"));
}

TEST_F(PortErrors, BackendHungThenAStoreIsNotKnownToBeDone) {
  TextClient client = host_.client();
  host_.memcached(0).stop();
  client.send("set " + on_0_ + " 0 0 1\r\nv\r\nset " + on_0_ + "2 0 0 100000\r\n" +
              std::string(100'000, 'x') + "\r\n");
  EXPECT_TRUE(client.read_line().ends_with("it is not known to be done"));
  host_.memcached(0).resume();
}

TEST_F(PortErrors, BackendAnswersAGetWithAnErrorThenItIsOne) {
  const ScriptedServer server{
      [](std::string_view) { return std::string("SERVER_ERROR out of memory\r\n"); }};
  host_.replace_backend(0, server.address());
  TextClient client = host_.client();
  EXPECT_TRUE(client.ask("get " + on_0_).ends_with("answered with an error"));
}

TEST(PortErrorsApart, GetsAloneThenStoresAreNotStored) {
  PortHost host{telling(true, false)};
  TextClient client = host.client();
  host.memcached(0).kill();
  EXPECT_TRUE(is_error(client.ask("get " + host.key_on(0))));
  EXPECT_EQ(client.set(host.key_on(0), "v"), "NOT_STORED");
}

TEST(PortErrorsApart, StoresAloneThenGetsMiss) {
  PortHost host{telling(false, true)};
  TextClient client = host.client();
  host.memcached(0).kill();
  EXPECT_EQ(client.get(host.key_on(0)), std::nullopt);
  EXPECT_TRUE(is_error(client.set(host.key_on(0), "v")));
}

TEST(PortErrorsApart, AskedForByAReloadThenConnectedClientsAreToldToo) {
  Memcached memcached;
  AgentSettings settings;
  settings.backends = {memcached.address()};
  settings.pool_lines = "floor_percent = 100\n";  // the only one stays in the view
  Agent agent(settings);
  agent.wait_ready();
  TextClient client = agent.client();
  memcached.kill();
  EXPECT_EQ(client.get("k"), std::nullopt);

  settings.pool_lines += "get_failure = \"error\"\nstore_failure = \"error\"\n";
  agent.reconfigure(settings);
  agent.reload();

  EXPECT_TRUE(wait_until([&] { return is_error(client.set("k", "v")); }));
  EXPECT_TRUE(is_error(client.ask("get k")));
  EXPECT_EQ(client.stats("settings")["ringfence_get_failure"], "error");
}

}  // namespace
}  // namespace ringfence::live
