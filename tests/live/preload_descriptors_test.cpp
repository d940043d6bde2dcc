// Descriptors of preloaded connections that are closed, taken, polled and told of in unusual ways,
// and what an application may rely on beside the bytes: errno, the time that is left, limits.
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <thread>
#include <vector>

#include "tests/live/support/preload_sockets.hpp"
#include "tests/live/support/sanitized.hpp"

namespace ringfence::live {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

class PreloadDescriptors : public PreloadSockets {
 protected:
  // The number of the connection, given to one end of a pair; the other end is returned.
  [[nodiscard]] int take_number(int number) {
    int pair[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    if (pair[0] == number) return pair[1];
    EXPECT_EQ(dup2(pair[0], number), number);
    close(pair[0]);
    return pair[1];
  }
};

TEST_F(PreloadDescriptors, TimesThatAreNoneThenRefusedAtOnce) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd(), &set);
  timeval before_now{-1, 0};
  EXPECT_EQ(select(fd() + 1, &set, nullptr, nullptr, &before_now), -1);
  EXPECT_EQ(errno, EINVAL);
  pollfd waited{fd(), POLLIN, 0};
  const timespec too_many{0, 1'000'000'000};
  EXPECT_EQ(ppoll(&waited, 1, &too_many, nullptr), -1);
  EXPECT_EQ(errno, EINVAL);
  const timespec negative{0, -1};
  EXPECT_EQ(pselect(fd() + 1, &set, nullptr, nullptr, &negative, nullptr), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST_F(PreloadDescriptors, LongestTimesThenWaitedFor) {
  std::thread asker([&] {
    pass(100ms);
    ask();
  });
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd(), &set);
  timeval longest{std::numeric_limits<time_t>::max() / 1'000'000, 0};
  EXPECT_EQ(select(fd() + 1, &set, nullptr, nullptr, &longest), 1);
  asker.join();
  const timespec for_ever{std::numeric_limits<time_t>::max(), 999'999'999};
  pollfd waited{fd(), POLLIN, 0};
  EXPECT_EQ(ppoll(&waited, 1, &for_ever, nullptr), 1);
  expect_hit();
}

// Linux's own: loops count on it.
TEST_F(PreloadDescriptors, SelectThenToldWhatIsLeftOfTheTime) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd(), &set);
  timeval left{0, 50'000};
  EXPECT_EQ(select(fd() + 1, &set, nullptr, nullptr, &left), 0);
  EXPECT_EQ(left.tv_sec, 0);
  EXPECT_EQ(left.tv_usec, 0);
  ask();
  FD_SET(fd(), &set);
  left = {100, 0};
  EXPECT_EQ(select(fd() + 1, &set, nullptr, nullptr, &left), 1);
  EXPECT_LT(left.tv_sec, 100);
  EXPECT_GT(left.tv_sec, 80);
  expect_hit();
}

TEST_F(PreloadDescriptors, PolledWithNearlyAsManyFilesAsThereMayBeThenTold) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{1024, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  int pair[2];
  ASSERT_EQ(pipe2(pair, O_CLOEXEC), 0);
  std::vector<pollfd> waited{{fd(), POLLIN | POLLOUT, 0}};
  for (int i = 0; i < 400; ++i) {
    waited.push_back({fcntl(pair[0], F_DUPFD_CLOEXEC, 0), POLLIN, 0});
    ASSERT_GE(waited.back().fd, 0);
  }
  ask();
  waited[0].events = POLLIN;
  EXPECT_EQ(poll(waited.data(), waited.size(), 5000), 1);
  EXPECT_EQ(waited[0].revents, POLLIN);
  EXPECT_EQ(write(pair[1], "x", 1), 1);
  EXPECT_EQ(poll(waited.data(), waited.size(), 5000), 401);
  expect_hit();
  for (std::size_t i = 1; i < waited.size(); ++i) close(waited[i].fd);
  close(pair[0]);
  close(pair[1]);
  setrlimit(RLIMIT_NOFILE, &before);
}

TEST_F(PreloadDescriptors, CallsThatSucceedThenErrnoIsLeftAlone) {
  allowed_ = 100;
  const auto expect_untouched = [](const char* call, auto function) {
    errno = E2BIG;
    const auto outcome = function();
    EXPECT_GE(outcome, 0) << call;
    EXPECT_EQ(errno, E2BIG) << call;
  };
  char bytes[1000];
  expect_untouched("send", [&] { return send(fd(), "get k\r\n", 7, 0); });
  pollfd waited{fd(), POLLIN, 0};
  expect_untouched("poll", [&] { return poll(&waited, 1, 5000); });
  expect_untouched("poll", [&] { return poll(&waited, 1, 0); });
  expect_untouched("recv", [&] { return recv(fd(), bytes, sizeof bytes, 0); });
  const int set = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  expect_untouched("epoll_ctl", [&] { return epoll_ctl(set, EPOLL_CTL_ADD, fd(), &event); });
  expect_untouched("send", [&] { return send(fd(), "get k\r\n", 7, 0); });
  EXPECT_EQ(epoll_wait(set, &event, 1, 5000), 1);
  expect_untouched("recv", [&] { return recv(fd(), bytes, sizeof bytes, 0); });
  for (int i = 0; i < 3; ++i) {
    const int other = connect_to(host_.address());
    expect_untouched("write", [&] { return write(other, "set e 0 0 1 noreply\r\n1\r\n", 24); });
    if (i == 1) expect_untouched("shutdown", [&] { return shutdown(other, SHUT_RDWR); });
    expect_untouched("dup2", [&] { return dup2(set, 400); });
    expect_untouched("close", [&] { return close(other); });
  }
  expect_untouched("close", [] { return close(400); });
  expect_untouched("close", [&] { return close(set); });
  if (is_sanitized) return;  // a sanitizer's own fclose() is less careful
  FILE* memory = fmemopen(bytes, sizeof bytes, "w");
  expect_untouched("fclose", [&] { return fclose(memory); });
}

TEST_F(PreloadDescriptors, ConnectedElsewhereThenItsAnswersAreThatServers) {
  const Memcached elsewhere;
  EXPECT_EQ(elsewhere.client().set("k", "another"), "STORED");
  sockaddr nowhere{};
  nowhere.sa_family = AF_UNSPEC;
  ASSERT_EQ(connect(fd(), &nowhere, sizeof nowhere), 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  const std::string port = elsewhere.address().substr(elsewhere.address().rfind(':') + 1);
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoul(port)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ask();
  EXPECT_EQ(client_.read_line(), "VALUE k 0 7");
}

TEST_F(PreloadDescriptors, ClosedByAnotherThreadThenTheNextOwnerOfTheNumberKeepsItsBytes) {
  // Behind what is waited for: one that the agent answers, and a write.
  host_.memcached(0).stop();
  const std::string key = host_.key_on(0);
  const int number = connect_to(host_.address());
  ASSERT_TRUE(wait_until([&] {
    const std::string get = "get " + host_.key_on(1) + "\r\n";
    const std::uint64_t before = keys_through_port(host_);
    char bytes[100];
    return write(number, get.data(), get.size()) > 0 && read(number, bytes, sizeof bytes) > 0 &&
           keys_through_port(host_) == before;
  }));
  const std::string commands =
      "get " + key + "\r\nversion\r\nset " + host_.key_on(1) + " 0 0 1 noreply\r\n1\r\n";
  allowed_ = 10;
  ASSERT_EQ(send(number, commands.data(), commands.size(), 0),
            static_cast<ssize_t>(commands.size()));
  std::thread reader([&] {
    char byte = 0;
    (void)!recv(number, &byte, 1, 0);
  });
  pass(50ms);
  ASSERT_EQ(close(number), 0);
  const int other = take_number(number);
  const std::string mine = "VERSION of another stream\r\n";
  ASSERT_EQ(write(other, mine.data(), mine.size()), static_cast<ssize_t>(mine.size()));
  host_.memcached(0).resume();
  reader.join();
  std::string bytes(mine.size(), '\0');
  EXPECT_EQ(recv(number, bytes.data(), bytes.size(), MSG_DONTWAIT),
            static_cast<ssize_t>(mine.size()));
  EXPECT_EQ(bytes, mine);
  close(number);
  close(other);
}

TEST_F(PreloadDescriptors, CloseByRangeOfAllThatSyscallReachesThenTheConnectionGoesOn) {
  ASSERT_EQ(syscall(SYS_close_range, 500, ~0U, 0), 0);
  ask();
  expect_hit();
  EXPECT_EQ(close_range(20, 10, 0), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST_F(PreloadDescriptors, DupOfNothingOntoItThenItGoesOn) {
  EXPECT_EQ(dup2(999, fd()), -1);
  EXPECT_EQ(errno, EBADF);
  ask();
  expect_hit();
}

}  // namespace
}  // namespace ringfence::live
