// Binary clients while backends die, hang or lie, and while views change.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "tests/live/support/binary_side.hpp"
#include "tests/live/support/port_host.hpp"
#include "tests/live/support/scripted_server.hpp"
#include "tests/unit/binary_support.hpp"

namespace ringfence::live {
namespace {

using namespace std::chrono_literals;
using shim::binary::Packet;

class PortBinaryFaults : public testing::TestWithParam<bool> {
 protected:
  PortBinaryFaults() : host_(settings()), key_(host_.key_on(0)) {}

  [[nodiscard]] static PortHostSettings settings() {
    PortHostSettings settings;
    settings.has_tags = GetParam();
    return settings;
  }
  static void let_it_be_sent() { pass(50ms); }
  // A port's own error: 0x84 and its text.
  static void expect_failure(const std::string& answer) {
    EXPECT_NE(answer.find(" 84 opaque "), std::string::npos) << answer;
    EXPECT_NE(answer.find(" =ringfence: "), std::string::npos) << answer;
    EXPECT_EQ(answer.find('\r'), std::string::npos) << answer;
  }

  PortHost host_;
  std::string key_;
};
INSTANTIATE_TEST_SUITE_P(Tags, PortBinaryFaults, testing::Bool(),
                         [](const auto& instance) { return instance.param ? "On" : "Off"; });

TEST_P(PortBinaryFaults, BackendKilledThenTheAnswersThatLeaveClientsUsable) {
  BinarySide client{host_.client()};
  host_.memcached(0).kill();

  const std::string miss = client.answer(plain(Opcode::get, key_));
  EXPECT_TRUE(miss.starts_with("00 1 opaque ") && miss.ends_with(" =Not found\n")) << miss;
  const std::string with_key = client.answer(timed(Opcode::gatk, key_, 100));
  EXPECT_TRUE(with_key.ends_with(" key " + key_ + "\n")) << with_key;
  EXPECT_EQ(client.answer(plain(Opcode::getkq, key_) + timed(Opcode::gatq, key_, 1)), "");
  for (const std::string& value : {std::string("v"), std::string(100'000, 'x')}) {
    for (const Opcode opcode : {Opcode::set, Opcode::setq, Opcode::addq, Opcode::replaceq}) {
      const std::string answer = client.answer(store(opcode, key_, value));
      EXPECT_NE(answer.find(" 5 opaque "), std::string::npos) << answer;
      EXPECT_TRUE(answer.ends_with(" =Not stored.\n")) << answer;
    }
  }
  for (const std::string& bytes :
       {plain(Opcode::deleteq, key_), timed(Opcode::touch, key_, 1), count(Opcode::incrq, key_, 1),
        count(Opcode::decr, key_, 1, 1, 0)}) {
    expect_failure(client.answer(bytes));
  }
}

TEST_P(PortBinaryFaults, DeleteInFlightWhenItsSlotMovesThenNotFoundOnlyUnderANewTag) {
  BinarySide client{host_.client()};
  host_.memcached(0).stop();
  client.send(plain(Opcode::deleteq, key_));
  let_it_be_sent();

  host_.memcached(0).kill();
  pass(50ms);
  host_.move_slots(0, 1);

  const std::string answer = client.finish();
  if (GetParam()) {
    EXPECT_TRUE(answer.starts_with("14 1 opaque ")) << answer;
    EXPECT_TRUE(answer.ends_with(" =Not found\n")) << answer;
  } else {
    expect_failure(answer);
  }
}

TEST_P(PortBinaryFaults, CounterToBeMadeWhenItsSlotMovesThenNeverNotFound) {
  BinarySide client{host_.client()};
  host_.memcached(0).stop();
  client.send(count(Opcode::incr, key_, 1, 5, 0));
  let_it_be_sent();

  host_.memcached(0).kill();
  pass(50ms);
  host_.move_slots(0, 1);

  expect_failure(client.finish());
}

TEST_P(PortBinaryFaults, G2_ViewChangesUnderAGetThenItIsAskedAgainAndNeverStale) {
  BinarySide reader{host_.client()};
  BinarySide writer{host_.client()};
  EXPECT_EQ(writer.answer(store(Opcode::setq, key_, "old")), "");
  host_.memcached(0).stop();
  reader.send(plain(Opcode::getkq, key_));
  BinarySide{host_.client()}.send(plain(Opcode::get, host_.key_on(0, "stays")));  // connection kept
  let_it_be_sent();

  host_.move_slot_of(key_, 1);
  EXPECT_EQ(writer.answer(store(Opcode::setq, key_, "new")), "");
  host_.memcached(0).resume();

  const std::string answer = reader.finish();
  EXPECT_TRUE(answer.ends_with(" # key " + key_ + " 00000007 =new\n")) << answer;
}

TEST_P(PortBinaryFaults, G2_ViewChangesUnderAGetAndTouchThenNeverTheOldValue) {
  BinarySide reader{host_.client()};
  BinarySide writer{host_.client()};
  EXPECT_EQ(writer.answer(store(Opcode::setq, key_, "old")), "");
  host_.memcached(0).stop();
  reader.send(timed(Opcode::gat, key_, 100));
  let_it_be_sent();

  host_.move_slots(0, 1);
  host_.memcached(0).resume();

  EXPECT_TRUE(reader.finish().ends_with(" =Not found\n"));
}

TEST_P(PortBinaryFaults, SetInFlightWhenItsSlotMovesThenDoneAgainOrSaidNotToBe) {
  BinarySide writer{host_.client()};
  host_.memcached(0).stop();
  writer.send(store(Opcode::setq, key_, "v"));
  let_it_be_sent();

  host_.move_slots(0, 1);
  host_.memcached(0).resume();

  const std::string answer = writer.finish();
  const std::string found = writer.answer(plain(Opcode::get, key_));
  if (GetParam()) {
    EXPECT_EQ(answer, "");
    EXPECT_TRUE(found.ends_with(" =v\n")) << found;
  } else {
    EXPECT_TRUE(answer.ends_with(" =Not stored.\n")) << answer;
  }
}

TEST_P(PortBinaryFaults, LeaseLapsesUnderRepliesThenTheyAreAcceptedAfterTheRenewal) {
  BinarySide client{host_.client()};
  const std::string number = host_.key_on(0, "number");
  EXPECT_EQ(client.answer(store(Opcode::setq, key_, "abc") + store(Opcode::setq, number, "5")), "");
  host_.memcached(0).stop();
  client.send(plain(Opcode::get, key_) + plain(Opcode::getk, "none" + key_) +
              store(Opcode::set, key_, "x") + count(Opcode::incr, number, 1));
  let_it_be_sent();

  host_.end_lease();
  host_.memcached(0).resume();
  pass(100ms);
  host_.renew_lease();

  EXPECT_TRUE(client.read_packet().ends_with(" # 00000007 =abc\n"));
  EXPECT_TRUE(client.read_packet().ends_with(" key none" + key_ + "\n"));
  EXPECT_TRUE(client.read_packet().starts_with("01 0 opaque "));
  const std::string sum = client.read_packet();
  EXPECT_TRUE(sum.ends_with(" =" + shim::binary::big_endian(6, 8) + "\n")) << sum;
}

TEST_P(PortBinaryFaults, BackendStopsThenOthersKeysAreAnsweredMeanwhile) {
  BinarySide stuck{host_.client()};
  BinarySide other{host_.client()};
  host_.memcached(0).stop();
  stuck.send(plain(Opcode::get, key_));
  let_it_be_sent();

  EXPECT_EQ(other.answer(store(Opcode::setq, host_.key_on(1), "v")), "");
  EXPECT_TRUE(stuck.finish().ends_with(" =Not found\n"));
  host_.memcached(0).resume();
}

// What a backend may say to a get, none of which is the answer to it.
std::string hit(std::string_view asked, const std::function<void(Packet&)>& spoil) {
  const shim::binary::Header header = shim::binary::load_header(asked);
  Packet packet;
  packet.magic = 0x81;
  packet.opcode = static_cast<unsigned>(header.opcode);
  packet.opaque = header.opaque;
  packet.extras = std::string(4, '\0');
  packet.value = "another's";
  spoil(packet);
  return packet.bytes();
}

TEST_P(PortBinaryFaults, BackendThatAnswersSomethingElseThenAMissAndNobodysValue) {
  const std::vector<std::function<void(Packet&)>> spoils = {
      [](Packet& packet) { packet.opaque += 1; }, [](Packet& packet) { packet.opcode = 0x1d; },
      [](Packet& packet) { packet.magic = 0x80; }, [](Packet& packet) { packet.key = "k"; },
      [](Packet& packet) { packet.extras = "12345"; }};
  for (const auto& spoil : spoils) {
    PortHostSettings patient = settings();
    patient.be_patient();
    PortHost host{patient};
    const ScriptedServer server{[&](std::string_view asked) {
      return asked.size() < shim::binary::header_bytes ? std::string{} : hit(asked, spoil);
    }};
    host.replace_backend(0, server.address());
    BinarySide client{host.client()};
    const std::string answer = client.answer(plain(Opcode::get, host.key_on(0)));
    EXPECT_TRUE(answer.ends_with(" =Not found\n")) << answer;
    EXPECT_EQ(client.answer(store(Opcode::setq, host.key_on(1), "v")), "");
  }
}

TEST_P(PortBinaryFaults, BackendThatFallsSilentInsideAValueThenThatClientIsReset) {
  const ScriptedServer server{[](std::string_view asked) {
    if (asked.size() < shim::binary::header_bytes) return std::string{};
    const std::string whole = hit(asked, [](Packet& packet) { packet.value.assign(50'000, 'x'); });
    return whole.substr(0, 40'000);
  }};
  host_.replace_backend(0, server.address());
  BinarySide client{host_.client()};
  client.send(plain(Opcode::get, key_));
  EXPECT_THROW((void)client.read_packet(), std::runtime_error);
}

TEST_P(PortBinaryFaults, FullBackendThenWhatIsAskedOfItIsAMissAndSaidNotToBeDone) {
  const ScriptedServer server{
      [](std::string_view) { return std::string("ERROR Too many open connections\r\n"); }};
  host_.replace_backend(0, server.address());
  BinarySide client{host_.client()};
  EXPECT_TRUE(client.answer(plain(Opcode::get, key_)).ends_with(" =Not found\n"));
  EXPECT_TRUE(client.answer(store(Opcode::set, key_, "v")).ends_with(" =Not stored.\n"));
}

}  // namespace
}  // namespace ringfence::live
