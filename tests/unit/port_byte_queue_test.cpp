// What waits to be sent: pieces of several queues in one arena, in order, and what it costs.
#include "agent/port/byte_queue.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

#include "agent/port/limits.hpp"

namespace ringfence::agent::port {
namespace {

class SocketPair {
 public:
  SocketPair() {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds_.data()) != 0) throw errno;
  }
  ~SocketPair() {
    close(fds_[0]);
    close(fds_[1]);
  }
  SocketPair(const SocketPair&) = delete;
  SocketPair& operator=(const SocketPair&) = delete;

  [[nodiscard]] int near() const { return fds_[0]; }
  [[nodiscard]] std::string take() const {
    std::string all;
    std::array<char, 4096> buffer;  // NOLINT(*-member-init)
    for (ssize_t got = 0; (got = recv(fds_[1], buffer.data(), buffer.size(), 0)) > 0;) {
      all.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return all;
  }

 private:
  std::array<int, 2> fds_{};
};

std::string drain(ByteQueue& queue) {
  const SocketPair sockets;
  std::string all;
  while (!queue.is_empty()) {
    if (queue.write_to(sockets.near()) < 0) throw errno;
    all += sockets.take();
  }
  return all;
}

struct Rig {
  Account account;
  Arena arena{reply_chunk_bytes, account};
};

TEST(PortByteQueue, PiecesOfTwoQueuesInOneArenaStayApart) {
  Rig rig;
  ByteQueue first;
  ByteQueue second;
  for (int i = 0; i < 300; ++i) {
    first.append("a" + std::to_string(i), rig.arena);
    second.append("b" + std::to_string(i), rig.arena);
  }
  std::string expected_first;
  std::string expected_second;
  for (int i = 0; i < 300; ++i) {
    expected_first += "a" + std::to_string(i);
    expected_second += "b" + std::to_string(i);
  }
  EXPECT_EQ(drain(second), expected_second);
  EXPECT_EQ(drain(first), expected_first);
}

TEST(PortByteQueue, OnceAllIsSentTheSameMemoryServesAgain) {
  Rig rig;
  for (int turn = 0; turn < 1000; ++turn) {
    ByteQueue queue;
    queue.append(std::string(1000, 'x'), rig.arena);
    EXPECT_EQ(drain(queue).size(), 1000u);
  }
  EXPECT_EQ(rig.account.bytes, reply_chunk_bytes);
}

TEST(PortByteQueue, ALongQueueLeavesTheArenaToOthers) {
  Rig rig;
  ByteQueue slow;
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    const std::string piece = "piece " + std::to_string(i) + "\r\n";
    slow.append(piece, rig.arena);
    expected += piece;
  }
  EXPECT_LT(rig.arena.chunk()->size, reply_chunk_bytes);
  EXPECT_LE(rig.account.bytes, expected.size() + 3 * reply_chunk_bytes);
  EXPECT_EQ(drain(slow), expected);
  EXPECT_EQ(rig.account.bytes, reply_chunk_bytes);  // the arena's own
}

TEST(PortByteQueue, ALargeSliceIsSharedAndWhatFollowsDoesNotTouchIt) {
  Rig rig;
  ChunkRef received = ChunkRef::make(receive_chunk_bytes, rig.account);
  const std::string value(share_bytes_min, 'v');
  value.copy(received->data(), value.size());
  received->size = static_cast<std::uint32_t>(value.size());
  ByteQueue queue;
  queue.append("head ", rig.arena);
  queue.append_slice(received, {received->data(), value.size()}, rig.arena);
  queue.append(" end", rig.arena);
  EXPECT_TRUE(received.is_shared());
  EXPECT_EQ(received->size, value.size());
  EXPECT_EQ(drain(queue), "head " + value + " end");
  EXPECT_FALSE(received.is_shared());
}

TEST(PortByteQueue, SplicedRepliesComeInOrderWhetherCopiedOrMoved) {
  Rig rig;
  Arena waiting(reply_chunk_bytes, rig.account);
  ByteQueue output;
  std::string expected;
  for (const std::size_t bytes :
       {std::size_t{1}, std::size_t{999}, std::size_t{1000}, std::size_t{5000}, std::size_t{2}}) {
    ByteQueue reply;
    const std::string text(bytes, static_cast<char>('a' + bytes % 26));
    reply.append(text, waiting);
    output.splice(reply, rig.arena);
    EXPECT_TRUE(reply.is_empty());
    output.append("|", rig.arena);
    expected += text + "|";
  }
  EXPECT_EQ(output.size_bytes(), expected.size());
  EXPECT_EQ(drain(output), expected);
}

TEST(PortByteQueue, AFullSocketTakesAPartAndTheRestFollows) {
  Rig rig;
  ByteQueue queue;
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    const std::string piece(10'000, static_cast<char>('a' + i % 26));
    queue.append(piece, rig.arena);
    expected += piece;
  }
  const SocketPair sockets;
  std::string all;
  bool was_full = false;
  while (!queue.is_empty()) {
    const long sent = queue.write_to(sockets.near());
    ASSERT_GE(sent, 0);
    was_full |= sent == 0;
    if (sent == 0) all += sockets.take();
  }
  all += sockets.take();
  EXPECT_TRUE(was_full);
  EXPECT_EQ(all, expected);
}

}  // namespace
}  // namespace ringfence::agent::port
