// Signals, cancelled threads and small stacks under a preloaded connection: as under any other.
#include <poll.h>
#include <pthread.h>
#include <sys/uio.h>
#include <unistd.h>

#include <chrono>
#include <climits>
#include <csetjmp>
#include <csignal>
#include <thread>

#include "tests/live/support/preload_sockets.hpp"
#include "tests/live/support/sanitized.hpp"

namespace ringfence::live {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// SIGUSR1 is handled, with what flags, while it lives.
class Handled {
 public:
  explicit Handled(int flags) {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    action.sa_flags = flags;
    sigaction(SIGUSR1, &action, &before_);
  }
  ~Handled() { sigaction(SIGUSR1, &before_, nullptr); }
  Handled(const Handled&) = delete;
  Handled& operator=(const Handled&) = delete;

 private:
  struct sigaction before_ {};
};

class PreloadSignals : public PreloadSockets {
 protected:
  // In another thread: signals to this one, and then something else.
  template <typename Function>
  [[nodiscard]] static std::thread signal_and_then(Function function) {
    return std::thread([thread = pthread_self(), function] {
      for (int i = 0; i < 3; ++i) {
        pass(50ms);
        pthread_kill(thread, SIGUSR1);
      }
      function();
    });
  }
  // The kernel restarts no receive that has a timeout.
  void wait_for_ever() const {
    const timeval none{};
    ASSERT_EQ(setsockopt(fd(), SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none), 0);
  }
  void ask_of_hung() {
    host_.memcached(0).stop();
    ask("get " + host_.key_on(0) + "\r\n");
  }
};

TEST_F(PreloadSignals, HandlerThatRestartsThenTheAnswerIsReceived) {
  const Handled handled(SA_RESTART);
  wait_for_ever();
  ask_of_hung();
  std::thread other = signal_and_then([&] { host_.memcached(0).resume(); });
  EXPECT_EQ(read_all(5), "END\r\n");
  other.join();
}

TEST_F(PreloadSignals, HandlerThatRestartsWhileNothingIsAskedThenTheNextAnswerIsReceived) {
  const Handled handled(SA_RESTART);
  wait_for_ever();
  std::thread other = signal_and_then([&] { ask(); });
  expect_hit();
  other.join();
}

TEST_F(PreloadSignals, HandlerThatDoesNotRestartThenEintr) {
  const Handled handled(0);
  ask_of_hung();
  std::thread other = signal_and_then([&] { host_.memcached(0).resume(); });
  char byte = 0;
  EXPECT_EQ(recv(fd(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, EINTR);
  other.join();
  EXPECT_EQ(read_all(5), "END\r\n");
}

// As of any socket with a timeout: signal(7).
TEST_F(PreloadSignals, HandlerThatRestartsAndAReceiveTimeoutThenEintr) {
  const Handled handled(SA_RESTART);
  const timeval time{5, 0};
  ASSERT_EQ(setsockopt(fd(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time), 0);
  std::thread other = signal_and_then([] {});
  char byte = 0;
  EXPECT_EQ(recv(fd(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, EINTR);
  other.join();
}

TEST_F(PreloadSignals, HandlerThatRestartsThenPollIsInterrupted) {
  const Handled handled(SA_RESTART);
  std::thread other = signal_and_then([] {});
  pollfd waited{fd(), POLLIN, 0};
  EXPECT_EQ(poll(&waited, 1, 5000), -1);
  EXPECT_EQ(errno, EINTR);
  other.join();
}

sigjmp_buf back;

// A timeout as old programs have it. What the call was at is not known: the connection is over.
TEST_F(PreloadSignals, HandlerJumpsOutOfAReceiveThenTheConnectionIsOverAndTheNextOneServes) {
  if (is_sanitized) GTEST_SKIP() << "a sanitizer keeps count of what is on the stack";
  struct sigaction jumping {};
  jumping.sa_handler = [](int) { siglongjmp(back, 1); };
  struct sigaction before {};
  ASSERT_EQ(sigaction(SIGUSR1, &jumping, &before), 0);
  wait_for_ever();
  std::thread other([thread = pthread_self()] {
    pass(100ms);
    pthread_kill(thread, SIGUSR1);
  });
  char byte = 0;
  if (sigsetjmp(back, 1) == 0) (void)!recv(fd(), &byte, 1, 0);
  other.join();
  sigaction(SIGUSR1, &before, nullptr);

  pollfd waited{fd(), POLLIN, 0};
  EXPECT_EQ(poll(&waited, 1, 5000), 1);
  EXPECT_EQ(recv(fd(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
  client_ = host_.client();
  allowed_ = 4;
  EXPECT_EQ(client_.get("k"), "value");
}

// What a cancelled thread was doing.
struct Doing {
  const char* name;
  void (*what)(int fd);
};

void PrintTo(const Doing& doing, std::ostream* out) {  // NOLINT: GoogleTest's name
  *out << doing.name;
}

class PreloadCancel : public PreloadSignals, public testing::WithParamInterface<Doing> {};

TEST_P(PreloadCancel, CancelledThenTheThreadEndsAndTheConnectionGoesOn) {
  if (is_sanitized) GTEST_SKIP() << "a sanitizer has something to unwind in each function";
  allowed_ = 1000;  // it may open connections, which are asked for something before they are open
  pthread_t thread{};
  struct Told {
    int fd;
    void (*what)(int fd);
  } told{fd(), GetParam().what};
  ASSERT_EQ(pthread_create(
                &thread, nullptr,
                [](void* passed) -> void* {
                  const auto* doing = static_cast<Told*>(passed);
                  for (;;) doing->what(doing->fd);
                  return nullptr;
                },
                &told),
            0);
  pass(100ms);
  ASSERT_EQ(pthread_cancel(thread), 0);
  void* outcome = nullptr;
  ASSERT_EQ(pthread_join(thread, &outcome), 0);
  EXPECT_EQ(outcome, PTHREAD_CANCELED);
  set_nonblocking();  // what the thread had asked may be answered still, and in part
  pass(50ms);
  char bytes[1000];
  while (recv(fd(), bytes, sizeof bytes, 0) > 0) continue;
  ASSERT_EQ(fcntl(fd(), F_SETFL, O_RDWR), 0);
  ask("mn\r\nget k\r\n");
  const std::string all = read_all(hit_.size());
  EXPECT_NE(all.find("VALUE k 0 5\r\n"), std::string::npos) << all;
}

INSTANTIATE_TEST_SUITE_P(While, PreloadCancel,
                         testing::Values(Doing{"Receiving",
                                               [](int fd) {
                                                 char byte = 0;
                                                 (void)!read(fd, &byte, 1);
                                               }},
                                         Doing{"Polling",
                                               [](int fd) {
                                                 pollfd waited{fd, POLLIN, 0};
                                                 (void)poll(&waited, 1, -1);
                                               }},
                                         Doing{"Asking",
                                               [](int fd) {
                                                 char answer[64];
                                                 (void)!write(fd, "get k\r\n", 7);
                                                 (void)!read(fd, answer, sizeof answer);
                                               }},
                                         Doing{"OpeningAndClosing",
                                               [](int fd) {
                                                 sockaddr_storage address{};
                                                 socklen_t size = sizeof address;
                                                 const auto name =
                                                     reinterpret_cast<sockaddr*>(&address);
                                                 getpeername(fd, name, &size);
                                                 const int other =
                                                     socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                                                 (void)connect(other, name, size);
                                                 (void)!write(other, "set c 0 0 1 noreply\r\n1\r\n",
                                                              24);
                                                 close(other);
                                               }}),
                         [](const auto& instance) { return instance.param.name; });

// What an application with the smallest stack has on it itself.
constexpr std::size_t own_stack_bytes = 5000;

TEST_F(PreloadSignals, ThreadWithASmallStackThenServed) {
  if (is_sanitized) GTEST_SKIP() << "a sanitizer's frames are larger";
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN), 0);
  ask("set small 0 0 5\r\nsmall\r\n");
  EXPECT_EQ(read_all(8), "STORED\r\n");
  int own = fd();
  const auto serve = [](void* passed) -> void* {
    const int fd = *static_cast<int*>(passed);
    volatile char used[own_stack_bytes];
    for (volatile char& byte : used) byte = 0;
    char get[] = "get ", key[] = "small", end[] = "\r\n";
    iovec pieces[] = {{get, 4}, {key, 5}, {end, 2}};
    bool is_right = writev(fd, pieces, 3) == 11;
    pollfd waited{fd, POLLIN, 0};
    is_right = is_right && poll(&waited, 1, 5000) == 1;
    char answer[64];
    is_right = is_right && read(fd, answer, sizeof answer) == 29;
    return is_right ? passed : nullptr;
  };
  pthread_t thread{};
  ASSERT_EQ(pthread_create(&thread, &attributes, serve, &own), 0);
  void* outcome = nullptr;
  ASSERT_EQ(pthread_join(thread, &outcome), 0);
  EXPECT_EQ(outcome, &own);
  pthread_attr_destroy(&attributes);
}

}  // namespace
}  // namespace ringfence::live
