// A preloaded connection in an application's own epoll set, level- and edge-triggered.
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/live/support/preload_sockets.hpp"

namespace ringfence::live {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

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

TEST_P(PreloadEpoll, BackendHangsThenToldAtTheRequestTimeout) {
  control(EPOLL_CTL_ADD, EPOLLIN);
  const std::string key = host_.key_on(0);
  host_.memcached(0).stop();
  const auto begun = Clock::now();
  ask("get " + key + "\r\n");
  EXPECT_EQ(read_by_events(5, 64), "END\r\n");
  EXPECT_GE(Clock::now() - begun, 480ms);
  EXPECT_LT(Clock::now() - begun, 900ms);
  host_.memcached(0).resume();
}

// node's clients end a connection so that they have waited long enough for, and its late end harms
// the one they made instead.
TEST_P(PreloadEpoll, BackendHangsAndTheApplicationEndsItsSideThenTheEndComesSoon) {
  PortHostSettings patient;
  patient.be_patient();
  host_.reconfigure(patient.port);
  control(EPOLL_CTL_ADD, EPOLLIN);
  const std::string key = host_.key_on(0);
  host_.memcached(0).stop();
  ask("get " + key + "\r\n");
  const auto begun = Clock::now();
  ASSERT_EQ(shutdown(fd(), SHUT_WR), 0);
  EXPECT_EQ(read_by_events(5, 64), "END\r\n");
  char byte = 0;
  while (recv(fd(), &byte, 1, 0) != 0) ASSERT_NE(wait(5000), 0U);
  EXPECT_LT(Clock::now() - begun, 1500ms);  // 200 ms and a tick; 10 s without
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

TEST_P(PreloadEpoll, OneshotThenLeftToTheAgentAndAnswered) {
  allowed_ = 2;
  control(EPOLL_CTL_ADD, EPOLLIN | EPOLLONESHOT);
  ask();
  EXPECT_EQ(read_by_events(hit_.size(), 64), hit_);
}

// A process that was copied past libc has the files still, and the set knows files.
TEST_P(PreloadEpoll, ClosedWhileAnotherProcessHasItsFilesThenNothingIsTold) {
  const int other = connect_to(host_.address());
  ASSERT_EQ(fcntl(other, F_SETFL, O_NONBLOCK), 0);
  epoll_event event{};
  event.events = EPOLLIN | GetParam();
  event.data.u64 = 78;
  ASSERT_EQ(epoll_ctl(epoll_, EPOLL_CTL_ADD, other, &event), 0);
  ASSERT_EQ(send(other, "get k\r\n", 7, 0), 7);
  allowed_ = 1;
  int alive[2];
  ASSERT_EQ(pipe2(alive, O_CLOEXEC), 0);
  const pid_t child = _Fork();
  if (child == 0) {
    char byte = 0;
    close(alive[1]);
    (void)!read(alive[0], &byte, 1);  // until the parent has looked
    _exit(0);
  }
  ASSERT_EQ(epoll_wait(epoll_, &event, 1, 5000), 1);
  char answer[100];
  ASSERT_EQ(recv(other, answer, sizeof answer, 0), static_cast<ssize_t>(hit_.size()));
  ASSERT_EQ(send(other, "mn\r\n", 4, 0), 4);  // told of by no file but its own
  close(other);
  EXPECT_EQ(epoll_wait(epoll_, &event, 1, 400), 0) << event.data.u64;
  close(alive[0]);
  close(alive[1]);
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
}

}  // namespace
}  // namespace ringfence::live
