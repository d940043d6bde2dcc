// The calls that applications make, on a preloaded connection: each behaves as on any other.
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <thread>

#include "tests/live/support/preload_sockets.hpp"

namespace ringfence::live {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

TEST_F(PreloadSockets, PeekThenTheBytesAreStillThere) {
  ask();
  char bytes[64];
  ASSERT_GT(recv(fd(), bytes, 5, MSG_PEEK), 0);
  EXPECT_EQ(std::string(bytes, 5), "VALUE");
  expect_hit();
}

TEST_F(PreloadSockets, ByteByByteThenTheSameBytes) {
  ask();
  std::string all;
  char byte = 0;
  while (all.size() < hit_.size() && read(fd(), &byte, 1) == 1) all += byte;
  EXPECT_EQ(all, hit_);
}

TEST_F(PreloadSockets, CommandsCutAnywhereThenAnswered) {
  const std::string command = "set cut 5 0 10\r\n0123456789\r\nget cut\r\n";
  const std::string answer = "STORED\r\nVALUE cut 5 10\r\n0123456789\r\nEND\r\n";
  for (std::size_t cut = 1; cut < command.size(); ++cut) {
    ask(std::string_view(command).substr(0, cut));
    ask(std::string_view(command).substr(cut));
    EXPECT_EQ(read_all(answer.size()), answer) << cut;
  }
}

TEST_F(PreloadSockets, NothingAskedAndNonblockingThenEagain) {
  set_nonblocking();
  char byte = 0;
  EXPECT_EQ(recv(fd(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST_F(PreloadSockets, NothingComesThenTheReceiveTimeoutHolds) {
  const timeval time{0, 300'000};
  ASSERT_EQ(setsockopt(fd(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time), 0);
  const std::string key = host_.key_on(0);
  host_.memcached(0).stop();
  ask("get " + key + "\r\n");
  const auto start = Clock::now();
  char byte = 0;
  EXPECT_EQ(recv(fd(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_GE(Clock::now() - start, 250ms);
  EXPECT_LT(Clock::now() - start, 900ms);
  host_.memcached(0).resume();
  EXPECT_EQ(read_all(5), "END\r\n");
}

TEST_F(PreloadSockets, PollThenReadableOnlyWhenAnAnswerIsThere) {
  pollfd waited{fd(), POLLIN, 0};
  EXPECT_EQ(poll(&waited, 1, 0), 0);
  ask();
  EXPECT_EQ(poll(&waited, 1, 5000), 1);
  EXPECT_EQ(waited.revents, POLLIN);
  int readable = 0;
  EXPECT_EQ(ioctl(fd(), FIONREAD, &readable), 0);
  EXPECT_EQ(readable, static_cast<int>(hit_.size()));
  expect_hit();
  EXPECT_EQ(poll(&waited, 1, 0), 0);
  waited.events = POLLIN | POLLOUT;
  EXPECT_EQ(poll(&waited, 1, 0), 1);
  EXPECT_EQ(waited.revents, POLLOUT);
}

TEST_F(PreloadSockets, SelectThenReadableOnlyWhenAnAnswerIsThere) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd(), &set);
  timeval none{0, 1000};
  EXPECT_EQ(select(fd() + 1, &set, nullptr, nullptr, &none), 0);
  EXPECT_FALSE(FD_ISSET(fd(), &set));
  ask();
  FD_SET(fd(), &set);
  timeval some{5, 0};
  EXPECT_EQ(select(fd() + 1, &set, nullptr, nullptr, &some), 1);
  EXPECT_TRUE(FD_ISSET(fd(), &set));
  expect_hit();
}

TEST_F(PreloadSockets, PollWithoutTimeoutThenWokenByAnotherThreadsRequest) {
  std::thread asker([&] {
    pass(100ms);
    ask();
  });
  pollfd waited{fd(), POLLIN, 0};
  EXPECT_EQ(poll(&waited, 1, 5000), 1);
  asker.join();
  expect_hit();
}

TEST_F(PreloadSockets, ReceiveWhileNothingIsAskedThenWokenByAnotherThreadsRequest) {
  std::thread asker([&] {
    pass(100ms);
    ask();
  });
  expect_hit();
  asker.join();
}

TEST_F(PreloadSockets, NoreplyThenClosedAtOnceThenWritten) {
  for (int i = 0; i < 50; ++i) {
    TextClient other = warm_client(host_);
    const std::string key = "closed-" + std::to_string(i);
    other.send("set " + key + " 0 0 1 noreply\r\n1\r\n");
    other = host_.client();  // the first one is closed
    ASSERT_EQ(client_.get(key), "1");
  }
  allowed_ = 1000;
}

TEST_F(PreloadSockets, ManyPiecesThenOneCommand) {
  char a[] = "get", b[] = " ", c[] = "k", d[] = "\r\n";
  iovec pieces[] = {{a, 3}, {b, 1}, {c, 1}, {d, 2}};
  EXPECT_EQ(writev(fd(), pieces, 4), 7);
  char e[6], f[100];
  iovec into[] = {{e, 6}, {f, 100}};
  EXPECT_EQ(readv(fd(), into, 2), static_cast<ssize_t>(hit_.size()));
  EXPECT_EQ(std::string(e, 6) + std::string(f, hit_.size() - 6), hit_);
}

// What is asked once the answers that a dup waited for are there is the agent's, from its first
// byte on.
TEST_F(PreloadSockets, DupWhileAnAnswerIsAwaitedThenTheNextCommandsAreAnswered) {
  allowed_ = 4;
  for (const std::string_view begun : {"", "vers"}) {
    TextClient client = warm_client(host_);
    before_ = keys_through_port(host_);
    const std::string commands = "version\r\nget k\r\n";
    client.send("get k\r\n" + std::string(begun));
    const int copy = dup(client.fd());
    ASSERT_GE(copy, 0);
    EXPECT_EQ(client.read_bytes(hit_.size()), hit_);

    client.send(commands.substr(begun.size()));
    pass(50ms);  // for both answers

    EXPECT_TRUE(client.read_line().starts_with("VERSION ")) << begun;
    EXPECT_EQ(client.read_bytes(hit_.size()), hit_) << begun;
    close(copy);
  }
}

// More than the agent takes at once.
TEST_F(PreloadSockets, DupWhileAnAnswerIsAwaitedThenAllThatWasHeldBackReachesTheAgent) {
  allowed_ = 1000;
  set_nonblocking();
  const int small = 4096;
  ASSERT_EQ(setsockopt(fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
  host_.memcached(0).stop();
  client_.send("get " + host_.key_on(0) + "\r\n");
  const int copy = dup(fd());
  ASSERT_GE(copy, 0);
  const std::string value(10'000, 'v');
  for (int i = 0; i < 90; ++i) {
    client_.send("set " + host_.key_on(1) + " 0 0 10000 noreply\r\n" + value + "\r\n");
  }
  client_.send("get " + host_.key_on(1) + "\r\n");

  host_.memcached(0).resume();

  std::string all;
  for (pollfd waited{fd(), POLLIN, 0}; !all.ends_with("v\r\nEND\r\n");) {
    ASSERT_EQ(poll(&waited, 1, 5000), 1) << all.size();
    char bytes[4096];
    const ssize_t got = recv(fd(), bytes, sizeof bytes, 0);
    if (got > 0) all.append(bytes, static_cast<std::size_t>(got));
  }
  EXPECT_TRUE(all.starts_with("END\r\nVALUE ")) << all;
  close(copy);
}

TEST_F(PreloadSockets, DupThenBothReachTheAgent) {
  allowed_ = 4;
  const int copy = dup(fd());
  ASSERT_GE(copy, 0);
  ASSERT_EQ(write(copy, "get k\r\n", 7), 7);
  expect_hit();
  ask();
  std::string all(hit_.size(), '\0');
  EXPECT_EQ(recv(copy, all.data(), all.size(), MSG_WAITALL), static_cast<ssize_t>(all.size()));
  EXPECT_EQ(all, hit_);
  close(copy);
}

TEST_F(PreloadSockets, EverythingElseClosedThenTheConnectionGoesOn) {
  ASSERT_EQ(close_range(500, ~0U, 0), 0);
  for (int other = 500; other < 1100; ++other) close(other);
  ask();
  expect_hit();
}

TEST_F(PreloadSockets, NumbersOfItsOwnFilesTakenThenTheConnectionGoesOn) {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int other = 512; other < 530; ++other) ASSERT_EQ(dup2(null, other), other);
  ask();
  expect_hit();
  for (int other = 512; other < 530; ++other) close(other);
  close(null);
}

TEST_F(PreloadSockets, ForkThenTheChildHasConnectionsOfItsOwn) {
  allowed_ = 20;
  const pid_t child = fork();
  if (child == 0) {
    // On a connection of its own, and on the one that it inherited.
    TextClient own = host_.client();
    bool is_right = own.get("k") == "value" && own.get("k") == "value";
    std::string all(hit_.size(), '\0');
    is_right =
        is_right && send(fd(), "get k\r\n", 7, 0) == 7 &&
        recv(fd(), all.data(), all.size(), MSG_WAITALL) == static_cast<ssize_t>(all.size()) &&
        all == hit_;
    _exit(is_right ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ask();
  expect_hit();
}

TEST_F(PreloadSockets, ForkWhileAnAnswerIsUnderWayThenTheParentGetsItAndTheChildNothingOfIt) {
  ask();
  const pid_t child = fork();
  if (child == 0) {
    char byte = 0;
    const bool is_refused = recv(fd(), &byte, 1, 0) == -1 && errno == ECONNRESET;
    _exit(is_refused ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  expect_hit();
}

TEST_F(PreloadSockets, OneThreadSendsAndAnotherReceivesThenAllInOrder) {
  constexpr int count = 3000;
  std::thread sender([&] {
    for (int i = 0; i < count; ++i) {
      ask("set t" + std::to_string(i) + " 0 0 1\r\n1\r\nincr t" + std::to_string(i) + " " +
          std::to_string(i) + "\r\n");
    }
  });
  for (int i = 0; i < count; ++i) {
    ASSERT_EQ(client_.read_line(), "STORED");
    ASSERT_EQ(client_.read_line(), std::to_string(i + 1));
  }
  sender.join();
}

TEST_F(PreloadSockets, ManyNoreplyWithoutReadingThenNothingBlocksAndTheLastIsSeen) {
  const std::string value(100, 'v');
  for (int i = 0; i < 20'000; ++i) {
    ask("set n" + std::to_string(i % 100) + " 0 0 100 noreply\r\n" + value + "\r\n");
  }
  EXPECT_EQ(client_.set("n1", "last"), "STORED");
  EXPECT_EQ(client_.get("n1"), "last");
}

TEST_F(PreloadSockets, ManyQuietWithoutReadingThenNothingBlocks) {
  std::string commands;
  for (int i = 0; i < 50'000; ++i) commands += "mg none" + std::to_string(i) + " v q\r\n";
  ask(commands + "mn\r\n");
  EXPECT_EQ(client_.read_line(), "MN");
}

TEST_F(PreloadSockets, AnotherThreadShutsItDownThenTheReaderIsWoken) {
  const std::string key = host_.key_on(0);
  host_.memcached(0).stop();
  ask("get " + key + "\r\n");
  std::thread ender([&] {
    pass(100ms);
    shutdown(fd(), SHUT_RDWR);
  });
  char byte = 0;
  const auto start = Clock::now();
  EXPECT_EQ(recv(fd(), &byte, 1, 0), 0);
  EXPECT_LT(Clock::now() - start, 800ms);
  ender.join();
  host_.memcached(0).resume();
}

TEST_F(PreloadSockets, PolledWhileAnotherThreadReceivesThenNothingSpins) {
  host_.memcached(0).stop();
  ask("get " + host_.key_on(0) + "\r\n");
  std::thread receiver([&] { EXPECT_EQ(read_all(5), "END\r\n"); });
  pass(50ms);
  pollfd waited{fd(), POLLIN, 0};
  EXPECT_EQ(poll(&waited, 1, 500), 0);
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  const timespec before = used;
  EXPECT_EQ(poll(&waited, 1, 500), 0);
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  EXPECT_LT((used.tv_sec - before.tv_sec) * 1'000'000'000 + used.tv_nsec - before.tv_nsec,
            100'000'000);
  host_.memcached(0).resume();
  receiver.join();
}

// libuv closes by syscall(), and some by no function of libc at all.
TEST_F(PreloadSockets, ClosedPastLibcWhileAnAnswerIsUnderWayThenTheNextSocketOfThatNumberIsItsOwn) {
  allowed_ = 4;
  using Close = int (*)(int);
  void* libc = dlopen("libc.so.6", RTLD_LAZY);
  const auto close_of_libc = reinterpret_cast<Close>(dlsym(libc, "close"));
  const Close ways[] = {[](int fd) { return static_cast<int>(syscall(SYS_close, fd)); },
                        close_of_libc};
  for (const Close end : ways) {
    const int first = connect_to(host_.address());
    ASSERT_EQ(send(first, "get k\r\n", 7, 0), 7);
    ASSERT_EQ(end(first), 0);
    const int second = connect_to(host_.address());
    ASSERT_EQ(second, first);
    ASSERT_EQ(send(second, "get x\r\n", 7, 0), 7);
    std::string answer(5, '\0');
    EXPECT_EQ(recv(second, answer.data(), answer.size(), MSG_WAITALL), 5);
    EXPECT_EQ(answer, "END\r\n");
    close(second);
  }
  dlclose(libc);
}

TEST_F(PreloadSockets, ConnectionsComeAndGoThenFilesDoNot) {
  const auto files = [] {
    int count = 0;
    for (int other = 0; other < 2000; ++other) count += fcntl(other, F_GETFD) >= 0 ? 1 : 0;
    return count;
  };
  allowed_ = 100;
  const int before = files();
  for (int i = 0; i < 300; ++i) {
    TextClient other = host_.client();
    ASSERT_EQ(other.get("k"), "value");
  }
  EXPECT_LE(files(), before + 10);
}

}  // namespace
}  // namespace ringfence::live
