// The binary protocol towards backends and clients: commands as they are written, replies as they
// are read, answers as they are shown.
#include "shim/binary/reply.hpp"

#include <gtest/gtest.h>

#include "shim/binary/answer.hpp"
#include "shim/binary/command.hpp"
#include "tests/unit/binary_support.hpp"

namespace ringfence::shim::binary {
namespace {

using text::ReplyEvent;
using text::ReplyEventKind;

Packet reply_to(unsigned opcode, unsigned status, const std::string& value) {
  Packet packet{0x81, opcode, "", "", value};
  packet.status = status;
  packet.opaque = 5;
  return packet;
}
std::string hit(const std::string& value) {
  Packet packet = reply_to(0x00, 0, value);
  packet.extras = big_endian(77, 4);
  packet.cas = 88;
  return packet.bytes();
}

ReplyEventKind kind_of(Opcode asked, const std::string& bytes) {
  return ReplyParser{}.next({asked, 5}, bytes).kind;
}

TEST(BinaryCommand, QuietCommandWithItsKeyThenLoudAndWithoutUnderTheWireKey) {
  const CommandFront front(Command{Opcode::gatkq, "key~saB", "time", 3, 9, 0});
  Packet expected{0x80, 0x1d, "time", "key~saB"};
  expected.opaque = 9;
  expected.cas = 3;
  EXPECT_EQ(front.view(), expected.bytes());
}

TEST(BinaryCommand, LongestKeyAndExtrasThenTheFrontOfTheWholePacket) {
  const std::string key(250, 'k');
  const std::string extras(20, 'e');
  const CommandFront front(Command{Opcode::setq, key, extras, 0, 0, 1000});
  EXPECT_EQ(front.view(), (Packet{0x80, 0x01, extras, key}).bytes_claiming(1270));
}

TEST(BinaryReply, ValueInPiecesThenHeaderBytesAndDone) {
  const std::string bytes = hit("value") + "next";
  ReplyParser parser;
  const Asked asked{Opcode::getkq, 5};

  EXPECT_EQ(parser.next(asked, bytes.substr(0, 27)).kind, ReplyEventKind::need_more);
  const ReplyEvent header = parser.next(asked, bytes.substr(0, 28));
  ASSERT_EQ(header.kind, ReplyEventKind::value_header);
  EXPECT_EQ(header.consumed_bytes, 28U);
  EXPECT_EQ(header.value_bytes, 5U);
  EXPECT_EQ(header.flags_number, 77U);
  EXPECT_EQ(header.cas_number, 88U);
  EXPECT_TRUE(header.has_cas);
  EXPECT_EQ(parser.next(asked, "").kind, ReplyEventKind::need_more);
  EXPECT_EQ(parser.next(asked, bytes.substr(28, 2)).bytes, "va");
  EXPECT_FALSE(parser.is_value_whole());
  EXPECT_EQ(parser.next(asked, bytes.substr(30)).bytes, "lue");
  EXPECT_TRUE(parser.is_value_whole());
  const ReplyEvent done = parser.next(asked, "");
  EXPECT_EQ(done.kind, ReplyEventKind::value_done);
  EXPECT_EQ(done.consumed_bytes, 0U);
  EXPECT_FALSE(parser.is_inside_value());
}

TEST(BinaryReply, EmptyValueThenDoneAtOnce) {
  ReplyParser parser;
  EXPECT_EQ(parser.next({Opcode::get, 5}, hit("")).kind, ReplyEventKind::value_header);
  EXPECT_EQ(parser.next({Opcode::get, 5}, "").kind, ReplyEventKind::value_done);
}

TEST(BinaryReply, MissThenEndAndAnotherErrorOfAGetIsALine) {
  const std::string miss = reply_to(0x00, 1, "Not found").bytes();
  const std::string bytes = miss + "next";
  ReplyParser parser;
  const ReplyEvent event = parser.next({Opcode::getq, 5}, bytes);
  EXPECT_EQ(event.kind, ReplyEventKind::end);
  EXPECT_EQ(event.bytes, miss);
  EXPECT_EQ(event.consumed_bytes, miss.size());
  EXPECT_EQ(kind_of(Opcode::get, reply_to(0x00, 0x82, "Out of memory").bytes()),
            ReplyEventKind::line);
}

TEST(BinaryReply, AnyOtherReplyThenALineOfTheWholePacket) {
  Packet number = reply_to(0x05, 0, big_endian(42, 8));
  number.cas = 3;
  for (std::size_t size = 1; size < number.bytes().size(); ++size) {
    EXPECT_EQ(kind_of(Opcode::incrq, number.bytes().substr(0, size)), ReplyEventKind::need_more);
  }
  ReplyParser parser;
  EXPECT_EQ(parser.next({Opcode::incrq, 5}, number.bytes() + "next").bytes, number.bytes());
  EXPECT_EQ(kind_of(Opcode::delete_key, reply_to(0x04, 1, "Not found").bytes()),
            ReplyEventKind::line);
}

TEST(BinaryReply, WhatIsNotTheReplyToTheCommandThenViolation) {
  const Packet good = reply_to(0x01, 0, "");
  EXPECT_EQ(kind_of(Opcode::setq, good.bytes()), ReplyEventKind::line);
  Packet other = good;
  other.magic = 0x80;
  EXPECT_EQ(kind_of(Opcode::set, other.bytes()), ReplyEventKind::violation);
  other = good;
  other.opcode = 0x02;
  EXPECT_EQ(kind_of(Opcode::set, other.bytes()), ReplyEventKind::violation);
  other = good;
  other.opaque = 6;
  EXPECT_EQ(kind_of(Opcode::set, other.bytes()), ReplyEventKind::violation);
  other = good;
  other.key = "key~saB";
  EXPECT_EQ(kind_of(Opcode::set, other.bytes()), ReplyEventKind::violation);
  other = good;
  other.extras = "flag";
  EXPECT_EQ(kind_of(Opcode::set, other.bytes_claiming(3)), ReplyEventKind::violation);
  std::string typed = good.bytes();
  typed[5] = 1;
  EXPECT_EQ(kind_of(Opcode::set, typed), ReplyEventKind::violation);
  EXPECT_EQ(kind_of(Opcode::set, "ERROR Too many open connections\r\n"), ReplyEventKind::violation);
  EXPECT_EQ(kind_of(Opcode::set, "E"), ReplyEventKind::violation);
}

TEST(BinaryReply, LengthsThatNoReplyHasThenViolation) {
  Packet value = reply_to(0x00, 0, "");
  EXPECT_EQ(kind_of(Opcode::get, value.bytes()), ReplyEventKind::violation);  // no flags
  value.extras = "flag";
  EXPECT_EQ(kind_of(Opcode::get, value.bytes_claiming(4 + (1U << 30))),
            ReplyEventKind::value_header);
  EXPECT_EQ(kind_of(Opcode::get, value.bytes_claiming(5 + (1U << 30))), ReplyEventKind::violation);
  const Packet error = reply_to(0x01, 5, "");
  EXPECT_EQ(kind_of(Opcode::set, error.bytes_claiming(reply_packet_bytes_max - 24)),
            ReplyEventKind::need_more);
  EXPECT_EQ(kind_of(Opcode::set, error.bytes_claiming(reply_packet_bytes_max - 23)),
            ReplyEventKind::violation);
}

TEST(BinaryAnswer, HitThenTheClientsOwnKeyWhereItAskedForIt) {
  ReplyEvent header;
  header.flags_number = 77;
  header.cas_number = 88;
  header.value_bytes = 5;
  Packet expected{0x81, 0x0d, big_endian(77, 4), "key"};
  expected.opaque = 9;
  expected.cas = 88;
  EXPECT_EQ(value_front(Opcode::getkq, 9, "key", header).view(),
            expected.bytes_claiming(4 + 3 + 5));
  expected.opcode = 0x1e;
  expected.key.clear();
  EXPECT_EQ(value_front(Opcode::gatq, 9, "key", header).view(), expected.bytes_claiming(4 + 5));
}

TEST(BinaryAnswer, MissThenItsTextOrTheKeyInItsPlace) {
  Packet expected{0x81, 0x00, "", "", "Not found"};
  expected.opaque = 9;
  expected.status = 1;
  const MissAnswer plain(Opcode::get, 9, "key");
  EXPECT_EQ(std::string(plain.front()).append(plain.text()), expected.bytes());
  expected.opcode = 0x23;
  expected.key = "key";
  expected.value.clear();
  const MissAnswer with_key(Opcode::gatk, 9, "key");
  EXPECT_EQ(std::string(with_key.front()).append(with_key.text()), expected.bytes());
}

TEST(BinaryAnswer, WholeReplyThenOnlyOpcodeAndOpaqueAreTheClients) {
  Packet packet = reply_to(0x05, 0, big_endian(42, 8));
  packet.cas = 3;
  const ShownHeader shown(Opcode::incrq, 9, packet.bytes());
  packet.opcode = 0x15;
  packet.opaque = 9;
  EXPECT_EQ(shown.view(), packet.bytes().substr(0, 24));
}

}  // namespace
}  // namespace ringfence::shim::binary
