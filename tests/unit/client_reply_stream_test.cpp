// What arrives on a connection of the linked client, cut at every place, and what no memcached
// says.
#include "shim/client/reply_stream.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace ringfence::shim::client {
namespace {

using text::ReplyShape;

// Puts as many bytes where the stream wants them as it has room for, as a receive does; returns how
// many.
std::size_t arrive(ReplyStream& stream, std::string_view bytes) {
  std::array<iovec, 2> pieces;
  const int count = stream.room(pieces);
  std::size_t placed = 0;
  for (int i = 0; i < count; ++i) {
    const std::size_t size = std::min(pieces[i].iov_len, bytes.size() - placed);
    std::memcpy(pieces[i].iov_base, bytes.data() + placed, size);
    placed += size;
  }
  stream.received(placed);
  return placed;
}

struct Read {
  std::vector<std::string> values;
  std::vector<std::uint64_t> uniques;
  bool is_ended = false;
  bool is_violation = false;
};

// Takes what is there; a value that needs a place gets `place`.
void take(ReplyStream& stream, Read& read, std::vector<char>& place) {
  for (;;) {
    switch (stream.next(ReplyShape::values)) {
      case ReplyPart::need_more:
        return;
      case ReplyPart::header:
        read.uniques.push_back(stream.header().cas);
        if (!stream.needs_place()) break;
        place.resize(stream.header().bytes);
        stream.gather_into(place.data());
        break;
      case ReplyPart::value:
        read.values.emplace_back(stream.value());
        break;
      case ReplyPart::end:
        read.is_ended = true;
        break;
      default:
        read.is_violation = true;
        return;
    }
  }
}

void feed(ReplyStream& stream, std::string_view bytes, Read& read, std::vector<char>& place) {
  while (!bytes.empty() && !read.is_violation) {
    bytes.remove_prefix(arrive(stream, bytes));
    take(stream, read, place);
  }
}

TEST(ClientReplyStream, ReplyCutAnywhereThenTheSameValues) {
  const std::string reply =
      "VALUE a 1 3 77\r\nabc\r\nVALUE b 0 0 18446744073709551615\r\n\r\nEND\r\n";
  for (std::size_t cut = 0; cut <= reply.size(); ++cut) {
    ReplyStream stream;
    Read read;
    std::vector<char> place;
    feed(stream, reply.substr(0, cut), read, place);
    feed(stream, reply.substr(cut), read, place);
    EXPECT_EQ(read.values, (std::vector<std::string>{"abc", ""})) << cut;
    EXPECT_EQ(read.uniques, (std::vector<std::uint64_t>{77, 18446744073709551615U}));
    EXPECT_TRUE(read.is_ended && stream.is_between_replies()) << cut;
  }
}

TEST(ClientReplyStream, ValuesAroundTheBuffersSizeThenWholeHoweverTheyArrive) {
  for (const std::size_t size :
       {receive_buffer_bytes - 3, receive_buffer_bytes - 2, receive_buffer_bytes - 1,
        receive_buffer_bytes, 3 * receive_buffer_bytes}) {
    std::string value(size, 'v');
    for (std::size_t i = 0; i < size; i += 7) value[i] = static_cast<char>(i);
    const std::string reply = "VALUE k 0 " + std::to_string(size) + "\r\n" + value + "\r\nEND\r\n";
    for (const std::size_t piece : {std::size_t{1000}, std::size_t{32'768}, reply.size()}) {
      ReplyStream stream;
      Read read;
      std::vector<char> place;
      for (std::size_t at = 0; at < reply.size(); at += piece) {
        feed(stream, reply.substr(at, piece), read, place);
      }
      ASSERT_EQ(read.values.size(), 1U) << size << " in pieces of " << piece;
      EXPECT_TRUE(read.values[0] == value) << size << " in pieces of " << piece;
      EXPECT_TRUE(read.is_ended);
    }
  }
}

TEST(ClientReplyStream, WhatNoServerSaysThenAViolation) {
  for (const std::string reply :
       {"HTTP/1.1 400 Bad Request\r\n", "VALUE k 0 3\r\nabcdEND\r\n", "VALUE k 0 -1\r\n",
        "VALUE k 0 9999999999\r\n", "STORED\r\n", "\n"}) {
    ReplyStream stream;
    Read read;
    std::vector<char> place;
    feed(stream, reply, read, place);
    EXPECT_TRUE(read.is_violation) << reply;
  }
}

TEST(ClientReplyStream, LineWithoutEndThenAViolationBeforeTheBufferIsFull) {
  ReplyStream stream;
  (void)arrive(stream, std::string(2048, 'A'));
  EXPECT_EQ(stream.next(ReplyShape::line), ReplyPart::violation);
}

TEST(ClientReplyStream, KeyIsExpectedThenItsValueIsTakenWholeOrNothingIs) {
  ReplyStream stream;
  const std::string_view reply = "VALUE a~1 5 3 9\r\nabc\r\nVALUE b~1 0 1\r\nx\r\nEND\r\n";
  (void)arrive(stream, reply.substr(0, 30));
  EXPECT_FALSE(stream.take_value_of("b~1"));
  ASSERT_TRUE(stream.take_value_of("a~1"));
  EXPECT_EQ(stream.value(), "abc");
  EXPECT_EQ(stream.header().flags, 5U);
  EXPECT_EQ(stream.header().cas, 9U);
  EXPECT_FALSE(stream.take_value_of("b~1"));  // not whole yet
  EXPECT_FALSE(stream.take_end());
  (void)arrive(stream, reply.substr(30));
  EXPECT_EQ(stream.next(ReplyShape::values), ReplyPart::header);
  EXPECT_FALSE(stream.take_value_of("b~1"));  // its head is taken: the parser goes on
  EXPECT_EQ(stream.next(ReplyShape::values), ReplyPart::value);
  EXPECT_EQ(stream.value(), "x");
  EXPECT_FALSE(stream.take_value_of("c~1"));
  EXPECT_TRUE(stream.take_end());
  EXPECT_FALSE(stream.take_end());
  EXPECT_TRUE(stream.is_between_replies());
}

TEST(ClientReplyStream, MoreThanWasAskedForThenNotBetweenReplies) {
  ReplyStream stream;
  (void)arrive(stream, "STORED\r\nSTORED\r\n");
  EXPECT_EQ(stream.next(ReplyShape::line), ReplyPart::line);
  EXPECT_EQ(stream.line(), "STORED");
  EXPECT_FALSE(stream.is_between_replies());
}

}  // namespace
}  // namespace ringfence::shim::client
