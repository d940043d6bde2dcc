// Frames cut at every place, hostile headers, and the queue that makes them.
#include "agent/mesh/framing.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tests/fuzz/mesh_body.hpp"

namespace ringfence::agent::mesh {
namespace {

std::string header(std::uint32_t length, int kind, int flags = 0, int zeros = 0) {
  std::string bytes;
  for (int i = 0; i < 4; ++i) bytes += static_cast<char>(length >> (8 * i) & 0xffU);
  bytes += static_cast<char>(kind);
  bytes += static_cast<char>(flags);
  bytes += static_cast<char>(zeros);
  bytes += '\0';
  return bytes;
}

FrameError error_of(const std::string& bytes, bool is_open = true, std::size_t message_max = 100) {
  FrameReader reader(message_max);
  if (is_open) reader.open_channels();
  std::string_view input = bytes;
  Frame frame;
  while (reader.next(input, frame) == FrameReader::Step::frame) {
  }
  return reader.error();
}

std::string taken(SendQueue& queue, std::size_t wanted_bytes) {
  std::string out;
  queue.take(out, wanted_bytes);
  return out;
}

TEST(MeshFraming, FramesOfAllKindsCutAtEveryPlaceThenTheSameFrames) {
  std::string bytes;
  append_frame(bytes, FrameKind::ping, "12345678");
  SendQueue queue(1000);
  ASSERT_TRUE(queue.push(1, "core") && queue.push(2, "") && queue.push(2, "engine"));
  queue.take(bytes, 1000);
  append_frame(bytes, FrameKind::refusal, "\x02");
  const std::string whole = frame_story(bytes, bytes.size(), true);
  EXPECT_EQ(whole, "4.0:12345678;16.2:;16.1:core;16.2:engine;3.0:\x02;");
  for (std::size_t piece = 1; piece < bytes.size(); ++piece) {
    EXPECT_EQ(frame_story(bytes, piece, true), whole) << piece;
  }
  for (std::size_t end = 0; end < bytes.size(); ++end) {
    EXPECT_TRUE(whole.starts_with(frame_story(bytes.substr(0, end), 1000, true))) << end;
  }
}

TEST(MeshFraming, FragmentsOfTwoChannelsInTurnsThenBothMessagesWhole) {
  const std::string bytes = header(2, 17, 1) + "ab" + header(1, 18, 1) + "x" + header(8, 4) +
                            "12345678" + header(1, 17) + "c" + header(1, 18) + "y";
  EXPECT_EQ(frame_story(bytes, 3, true), "4.0:12345678;16.1:abc;16.2:xy;");
}

TEST(MeshFraming, HostileHeadersThenRefusedBeforeAnyPayload) {
  EXPECT_EQ(error_of(header(0xffffffff, 17)), FrameError::too_long);
  EXPECT_EQ(error_of(header(fragment_bytes_max + 1, 17)), FrameError::too_long);
  EXPECT_EQ(error_of(header(101, 17)), FrameError::too_long);
  EXPECT_EQ(error_of(header(9, 4)), FrameError::too_long);
  EXPECT_EQ(error_of(header(1, 2)), FrameError::too_long);
  EXPECT_EQ(error_of(header(2, 3)), FrameError::too_long);
  EXPECT_EQ(error_of(header(hello_bytes_max + 1, 1), false), FrameError::too_long);
  EXPECT_EQ(error_of(header(0, 0)), FrameError::unknown_kind);
  EXPECT_EQ(error_of(header(0, 6)), FrameError::unknown_kind);
  EXPECT_EQ(error_of(header(0, 16)), FrameError::unknown_kind);
  EXPECT_EQ(error_of(header(0, 19)), FrameError::unknown_kind);
  EXPECT_EQ(error_of(header(0, 255)), FrameError::unknown_kind);
  EXPECT_EQ(error_of(header(1, 17, 2)), FrameError::bad_header);
  EXPECT_EQ(error_of(header(1, 17, 0, 1)), FrameError::bad_header);
  EXPECT_EQ(error_of(header(0, 17, 1)), FrameError::bad_header);
  EXPECT_EQ(error_of(header(8, 4, 1)), FrameError::bad_header);
}

TEST(MeshFraming, MessageThatGrowsBeyondItsBoundByFragmentsThenRefused) {
  const std::string piece = header(60, 17, 1) + std::string(60, 'x');
  EXPECT_EQ(error_of(piece), FrameError::none);
  EXPECT_EQ(error_of(piece + header(40, 17) + std::string(40, 'x')), FrameError::none);
  EXPECT_EQ(error_of(piece + header(41, 17)), FrameError::too_long);
}

TEST(MeshFraming, BeforeTheGreetingThenOnlyAGreetingOrARefusal) {
  for (const int kind : {2, 4, 5, 17, 18}) {
    EXPECT_EQ(error_of(header(0, kind), false), FrameError::out_of_place) << kind;
  }
  EXPECT_EQ(error_of(header(1, 3) + "x", false), FrameError::none);
  EXPECT_EQ(error_of(header(1, 1) + "x", false), FrameError::none);
  EXPECT_EQ(error_of(header(1, 1) + "x", true), FrameError::out_of_place);
}

TEST(MeshFraming, AfterAnErrorThenNothingMoreIsTaken) {
  FrameReader reader(100);
  const std::string bytes = header(0, 99) + header(1, 3) + "x";
  std::string_view input = bytes;
  Frame frame;
  EXPECT_EQ(reader.next(input, frame), FrameReader::Step::failed);
  EXPECT_EQ(reader.next(input, frame), FrameReader::Step::failed);
}

TEST(MeshFraming, EveryErrorThenItsOwnWords) {
  EXPECT_EQ(describe(FrameError::none), "no error");
  EXPECT_EQ(describe(FrameError::unknown_kind), "a frame of an unknown kind");
  EXPECT_EQ(describe(FrameError::bad_header), "a frame whose header makes no sense");
  EXPECT_EQ(describe(FrameError::too_long), "an oversized frame");
  EXPECT_EQ(describe(FrameError::out_of_place), "a frame out of place");
}

TEST(MeshSendQueue, AtItsBoundThenTheNextIsRefusedAndTakingMakesRoom) {
  SendQueue queue(2 * (10 + frame_header_bytes));
  EXPECT_TRUE(queue.push(1, std::string(10, 'a')));
  EXPECT_TRUE(queue.push(2, std::string(10, 'b')));
  EXPECT_FALSE(queue.push(1, ""));
  EXPECT_FALSE(taken(queue, 1000).empty());
  EXPECT_TRUE(queue.is_empty());
  EXPECT_TRUE(queue.push(1, ""));
}

TEST(MeshSendQueue, ALongMessageThenTheOtherChannelGoesInBetweenAndPingsFirst) {
  SendQueue queue(std::size_t{10} << 20);
  ASSERT_TRUE(queue.push(1, std::string(fragment_bytes_max * 3, 'L')));
  ASSERT_TRUE(queue.push(2, "short"));
  queue.push_control(FrameKind::ping, "12345678");
  const std::string first = taken(queue, fragment_bytes_max);
  EXPECT_TRUE(first.starts_with(header(8, 4) + "12345678" + header(5, 18) + "short"));
  EXPECT_EQ(queue.bytes(), 2 * fragment_bytes_max + frame_header_bytes);
}

TEST(MeshSendQueue, RandomMessagesTakenInRandomStepsThenWholeAndInOrder) {
  std::mt19937 random(7);
  SendQueue queue(std::size_t{100} << 20);
  std::string expected[channel_count], got[channel_count], stream;
  for (int round = 0; round < 300; ++round) {
    const auto channel = static_cast<std::uint8_t>(1 + random() % channel_count);
    const std::string message(random() % 150'000, static_cast<char>('a' + round % 26));
    expected[channel - 1] += message + "|";
    ASSERT_TRUE(queue.push(channel, message));
    if (random() % 3 == 0) queue.take(stream, stream.size() + random() % 200'000);
  }
  queue.take(stream, SIZE_MAX);
  EXPECT_EQ(queue.bytes(), 0U);
  FrameReader reader(std::size_t{1} << 20);
  reader.open_channels();
  std::string_view input = stream;
  Frame frame;
  while (reader.next(input, frame) == FrameReader::Step::frame) {
    got[frame.channel - 1] += frame.bytes + "|";
  }
  EXPECT_TRUE(got[0] == expected[0] && got[1] == expected[1]);
}

TEST(RandomBytes, MeshFramesAndGreetingsThenTheSameHoweverTheyAreCut) {
  std::mt19937 random(3);
  Hello hello;
  hello.cluster = "c";
  hello.peer = PeerHello{core::AgentId{5}, core::Incarnation{1}, "n", "a:1"};
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(1, static_cast<char>(random()));
    for (auto count = random() % 8; count > 0; --count) {
      const std::string payload(random() % 70, 'p');
      const auto kind = static_cast<int>(random() % 3 == 0 ? random() % 20 : 17 + random() % 2);
      bytes +=
          header(static_cast<std::uint32_t>(payload.size()), kind, random() % 2 == 0) + payload;
    }
    if (random() % 2 == 0) bytes = encode_hello(hello);
    if (random() % 2 == 0) bytes[random() % bytes.size()] = static_cast<char>(random());
    try_mesh(bytes);
  }
}

}  // namespace
}  // namespace ringfence::agent::mesh
