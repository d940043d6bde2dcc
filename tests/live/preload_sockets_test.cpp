// The calls that applications make, on a preloaded connection: each behaves as on any other.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/live/support/preloaded.hpp"

namespace ringfence::live {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

class PreloadSockets : public testing::Test {
 protected:
  PreloadSockets() : client_(warm_client(host_)) {
    expect_preloaded();
    EXPECT_EQ(client_.set("k", "value"), "STORED");
    before_ = keys_through_port(host_);
  }
  ~PreloadSockets() override { EXPECT_LE(keys_through_port(host_), before_ + allowed_); }
  PreloadSockets(const PreloadSockets&) = delete;
  PreloadSockets& operator=(const PreloadSockets&) = delete;

  [[nodiscard]] int fd() const { return client_.fd(); }
  void ask(std::string_view command = "get k\r\n") const {
    ASSERT_EQ(send(fd(), command.data(), command.size(), 0), static_cast<ssize_t>(command.size()));
  }
  // Everything that comes until `size` bytes are there.
  [[nodiscard]] std::string read_all(std::size_t size) const {
    std::string all(size, '\0');
    EXPECT_EQ(recv(fd(), all.data(), size, MSG_WAITALL), static_cast<ssize_t>(size));
    return all;
  }
  void expect_hit() const { EXPECT_EQ(read_all(hit_.size()), hit_); }
  void set_nonblocking() const { ASSERT_EQ(fcntl(fd(), F_SETFL, O_NONBLOCK | O_RDWR), 0); }

  const std::string hit_ = "VALUE k 0 5\r\nvalue\r\nEND\r\n";
  PortHost host_;
  TextClient client_;
  std::uint64_t before_ = 0;
  std::uint64_t allowed_ = 0;
};

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

class PreloadEpoll : public PreloadSockets, public testing::WithParamInterface<std::uint32_t> {
 protected:
  PreloadEpoll() : epoll_(epoll_create1(EPOLL_CLOEXEC)) { set_nonblocking(); }
  ~PreloadEpoll() override { close(epoll_); }
  PreloadEpoll(const PreloadEpoll&) = delete;
  PreloadEpoll& operator=(const PreloadEpoll&) = delete;

  void control(int operation, std::uint32_t events) const {
    epoll_event event{};
    event.events = events | GetParam();
    event.data.u64 = 77;
    ASSERT_EQ(epoll_ctl(epoll_, operation, fd(), &event), 0);
  }
  // The events that come within the time, or 0.
  [[nodiscard]] std::uint32_t wait(int timeout_ms) const {
    epoll_event event{};
    if (epoll_wait(epoll_, &event, 1, timeout_ms) != 1) return 0;
    EXPECT_EQ(event.data.u64, 77U);
    return event.events;
  }
  // As an event loop does: reads until there is no more, and waits.
  [[nodiscard]] std::string read_by_events(std::size_t size, std::size_t piece) const {
    std::string all;
    std::string bytes(piece, '\0');
    while (all.size() < size) {
      if (wait(5000) == 0) break;
      for (ssize_t got = 1; got > 0 && all.size() < size;) {
        got = recv(fd(), bytes.data(), bytes.size(), 0);
        if (got > 0) all.append(bytes, 0, static_cast<std::size_t>(got));
      }
    }
    return all;
  }

  int epoll_;
};
INSTANTIATE_TEST_SUITE_P(Trigger, PreloadEpoll, testing::Values(0U, EPOLLET),
                         [](const auto& instance) {
                           return instance.param == 0 ? "Level" : "Edge";
                         });

TEST_P(PreloadEpoll, AnswersThenTold) {
  control(EPOLL_CTL_ADD, EPOLLIN);
  for (int i = 0; i < 50; ++i) {
    ask();
    EXPECT_EQ(read_by_events(hit_.size(), 4096), hit_);
  }
}

TEST_P(PreloadEpoll, ManyCommandsAtOnceThenAllAnswersInOrder) {
  control(EPOLL_CTL_ADD, EPOLLIN);
  std::string commands, answers;
  for (int i = 0; i < 500; ++i) {
    const std::string key = "many-" + std::to_string(i);
    commands += "set " + key + " 0 0 3\r\nabc\r\nget " + key + "\r\nmn\r\nbogus\r\n";
    answers += "STORED\r\nVALUE " + key + " 0 3\r\nabc\r\nEND\r\nMN\r\nERROR\r\n";
  }
  ask(commands);
  EXPECT_EQ(read_by_events(answers.size(), 1000), answers);
}

TEST_P(PreloadEpoll, AnswerThatIsGivenHereThenTold) {
  control(EPOLL_CTL_ADD, EPOLLIN);
  ask("mn\r\n");
  EXPECT_EQ(read_by_events(4, 64), "MN\r\n");
}

TEST_P(PreloadEpoll, AddedWhileAnAnswerIsUnderWayThenTold) {
  ask();
  control(EPOLL_CTL_ADD, EPOLLIN);
  EXPECT_EQ(read_by_events(hit_.size(), 64), hit_);
  control(EPOLL_CTL_MOD, EPOLLIN);
  ask();
  EXPECT_EQ(read_by_events(hit_.size(), 64), hit_);
}

TEST_P(PreloadEpoll, LargeValueThenSentAndReceivedAsTheSocketsAllow) {
  const std::string value(900'000, 'x');
  const std::string command = "set big 0 0 900000\r\n" + value + "\r\n";
  control(EPOLL_CTL_ADD, EPOLLIN);
  std::size_t sent = 0;
  while (sent < command.size()) {
    const ssize_t part = send(fd(), command.data() + sent, command.size() - sent, 0);
    if (part > 0) {
      sent += static_cast<std::size_t>(part);
      continue;
    }
    ASSERT_EQ(errno, EAGAIN);
    control(EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    ASSERT_NE(wait(5000), 0U);
  }
  control(EPOLL_CTL_MOD, EPOLLIN);
  EXPECT_EQ(read_by_events(8, 64), "STORED\r\n");
  ask("get big\r\n");
  EXPECT_EQ(read_by_events(20 + 900'000 + 7, 65'536),
            "VALUE big 0 900000\r\n" + value + "\r\nEND\r\n");
}

TEST_P(PreloadEpoll, BackendHangsThenToldWithinItsTime) {
  control(EPOLL_CTL_ADD, EPOLLIN);
  const std::string key = host_.key_on(0);
  host_.memcached(0).stop();
  ask("get " + key + "\r\n");
  EXPECT_EQ(read_by_events(5, 64), "END\r\n");
  host_.memcached(0).resume();
}

TEST_P(PreloadEpoll, SlotMovesUnderADeleteThenTold) {
  control(EPOLL_CTL_ADD, EPOLLIN);
  const std::string key = host_.key_on(0);
  host_.memcached(0).stop();
  ask("delete " + key + "\r\n");
  pass(50ms);
  host_.memcached(0).kill();
  pass(50ms);
  host_.move_slots(0, 1);
  EXPECT_EQ(read_by_events(11, 64), "NOT_FOUND\r\n");
}

TEST_P(PreloadEpoll, NothingToTellThenNobodyIsWoken) {
  control(EPOLL_CTL_ADD, EPOLLIN);
  ask();
  EXPECT_EQ(read_by_events(hit_.size(), 64), hit_);
  int wakes = 0;
  const auto end = Clock::now() + 1s;
  char byte = 0;
  while (Clock::now() < end) {
    if (wait(200) != 0) ++wakes;
    EXPECT_EQ(recv(fd(), &byte, 1, 0), -1);
  }
  EXPECT_LE(wakes, 2);
}

TEST_P(PreloadEpoll, WatchedBeforeItIsConnectedThenTold) {
  allowed_ = 10;
  const int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | GetParam();
  event.data.u64 = 5;
  ASSERT_EQ(epoll_ctl(epoll_, EPOLL_CTL_ADD, socket_fd, &event), 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const std::string text = host_.address();
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(text.substr(text.rfind(':') + 1))));
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  ASSERT_TRUE(connect(socket_fd, name, sizeof address) == 0 || errno == EINPROGRESS);
  ASSERT_EQ(epoll_wait(epoll_, &event, 1, 5000), 1);
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(::send(socket_fd, "get k\r\n", 7, 0), 7);
    std::string all;
    char bytes[100];
    while (all.size() < hit_.size()) {
      ASSERT_EQ(epoll_wait(epoll_, &event, 1, 5000), 1) << i;
      EXPECT_EQ(event.data.u64, 5U);
      const ssize_t got = recv(socket_fd, bytes, sizeof bytes, 0);
      if (got > 0) all.append(bytes, static_cast<std::size_t>(got));
    }
    EXPECT_EQ(all, hit_);
  }
  close(socket_fd);
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

TEST_P(PreloadEpoll, OneshotThenLeftToTheAgentAndAnswered) {
  allowed_ = 2;
  control(EPOLL_CTL_ADD, EPOLLIN | EPOLLONESHOT);
  ask();
  EXPECT_EQ(read_by_events(hit_.size(), 64), hit_);
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
