#include "tests/live/support/random_socket_use.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <random>
#include <string>

#include "tests/live/support/wait.hpp"

namespace ringfence::live {
namespace {

constexpr int patience_ms = static_cast<int>(patience.count());

class RandomUse final : public SocketUse {
 public:
  explicit RandomUse(std::uint32_t seed) : random_(seed), epoll_fd_(epoll_create1(EPOLL_CLOEXEC)) {}
  ~RandomUse() override { close(epoll_fd_); }
  RandomUse(const RandomUse&) = delete;
  RandomUse& operator=(const RandomUse&) = delete;

  [[nodiscard]] ssize_t send(int fd, std::string_view bytes) override {
    for (;;) {
      change_something(fd);
      const std::string_view part = bytes.substr(0, 1 + below(bytes.size()));
      const ssize_t sent = send_somehow(fd, part);
      if (sent >= 0 || !is_later()) return sent;
      if (!await(fd, POLLOUT)) return -1;
    }
  }

  [[nodiscard]] ssize_t receive(int fd, char* into, std::size_t room) override {
    for (;;) {
      change_something(fd);
      if (below(3) == 0 && !await(fd, POLLIN)) return -1;
      if (below(8) == 0 && !is_told_rightly(fd)) return -1;
      const ssize_t got = receive_somehow(fd, into, 1 + below(room));
      if (got >= 0 || !is_later()) return got;
      if (!await(fd, POLLIN)) return -1;
    }
  }

 private:
  [[nodiscard]] std::size_t below(std::size_t limit) { return random_() % limit; }
  [[nodiscard]] static bool is_later() { return errno == EAGAIN || errno == EINTR; }

  // Two or three pieces, of which one may be empty.
  [[nodiscard]] int split(const char* at, std::size_t size, std::array<iovec, 3>& parts) {
    for (iovec& part : parts) {
      const std::size_t bytes = &part == &parts.back() ? size : below(size + 1);
      part = {const_cast<char*>(at), bytes};
      at += bytes;
      size -= bytes;
    }
    return static_cast<int>(parts.size());
  }

  [[nodiscard]] ssize_t send_somehow(int fd, std::string_view bytes) {
    std::array<iovec, 3> parts{};
    msghdr message{};
    switch (below(6)) {
      case 0:
        return write(fd, bytes.data(), bytes.size());
      case 1:
        return writev(fd, parts.data(), split(bytes.data(), bytes.size(), parts));
      case 2:
        message.msg_iovlen = static_cast<std::size_t>(split(bytes.data(), bytes.size(), parts));
        message.msg_iov = parts.data();
        return sendmsg(fd, &message, MSG_NOSIGNAL);
      case 3:
        return sendto(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL, nullptr, 0);
      case 4:
        return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      default:
        return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
  }

  [[nodiscard]] ssize_t receive_somehow(int fd, char* into, std::size_t room) {
    std::array<iovec, 3> parts{};
    msghdr message{};
    switch (below(8)) {
      case 0:
        return read(fd, into, room);
      case 1:
        return readv(fd, parts.data(), split(into, room, parts));
      case 2:
        message.msg_iovlen = static_cast<std::size_t>(split(into, room, parts));
        message.msg_iov = parts.data();
        return recvmsg(fd, &message, 0);
      case 3:
        return recvfrom(fd, into, room, MSG_DONTWAIT, nullptr, nullptr);
      case 4:
        return recv(fd, into, 1, MSG_WAITALL);
      case 5:
        return peek_and_receive(fd, into, room);
      case 6:
        return recv(fd, into, room, MSG_DONTWAIT);
      default:
        return recv(fd, into, room, 0);
    }
  }

  // What a peek shows comes with the next receive.
  [[nodiscard]] ssize_t peek_and_receive(int fd, char* into, std::size_t room) {
    std::string shown(room, '\0');
    const ssize_t peeked = recv(fd, shown.data(), room, MSG_PEEK);
    if (peeked <= 0) return peeked;
    const ssize_t got = recv(fd, into, static_cast<std::size_t>(peeked), 0);
    if (got <= 0 || std::memcmp(into, shown.data(), static_cast<std::size_t>(got)) == 0) return got;
    errno = EPROTO;
    return -1;
  }

  // FIONREAD promises no byte that is not there.
  [[nodiscard]] bool is_told_rightly(int fd) {
    int count = 0;
    if (ioctl(fd, FIONREAD, &count) != 0) return false;
    if (count == 0) return true;
    pollfd now{fd, POLLIN, 0};
    const bool is_right = poll(&now, 1, patience_ms) == 1 && (now.revents & POLLIN) != 0;
    if (!is_right) errno = EPROTO;
    return is_right;
  }

  void change_something(int fd) {
    switch (below(24)) {
      case 0:
        (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) ^ O_NONBLOCK);
        return;
      case 1: {
        int is_nonblocking = static_cast<int>(below(2));
        (void)ioctl(fd, FIONBIO, &is_nonblocking);
        return;
      }
      case 2:
      case 3: {
        const timeval time{0, below(2) == 0 ? 0 : 20'000};
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
        return;
      }
      case 4:
        if (is_watched_) (void)epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
        is_watched_ = false;
        return;
      default:
        return;
    }
  }

  // Waits in one of three ways; errno says what did not come.
  [[nodiscard]] bool await(int fd, short events) {
    int count = 0;
    switch (below(3)) {
      case 0: {
        pollfd waiting{fd, events, 0};
        count = poll(&waiting, 1, patience_ms);
        break;
      }
      case 1:
        count = await_by_select(fd, events);
        break;
      default:
        count = await_by_epoll(fd, events);
        break;
    }
    if (count == 0) errno = ETIMEDOUT;
    return count > 0;
  }
  static int await_by_select(int fd, short events) {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    timeval time{patience_ms / 1000, 0};
    return events == POLLIN ? select(fd + 1, &set, nullptr, nullptr, &time)
                            : select(fd + 1, nullptr, &set, nullptr, &time);
  }
  int await_by_epoll(int fd, short events) {
    epoll_event event{};
    event.events = events == POLLIN ? EPOLLIN : EPOLLOUT;
    const int operation = is_watched_ ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(epoll_fd_, operation, fd, &event) != 0) return -1;
    is_watched_ = true;
    epoll_event seen{};
    return epoll_wait(epoll_fd_, &seen, 1, patience_ms);
  }

  std::mt19937 random_;
  int epoll_fd_;
  bool is_watched_ = false;
};

}  // namespace

std::unique_ptr<SocketUse> random_socket_use(std::uint32_t seed) {
  return std::make_unique<RandomUse>(seed);
}

}  // namespace ringfence::live
