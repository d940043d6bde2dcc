#include "tests/live/support/socket_use.hpp"

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
#include <ostream>

#include "tests/live/support/wait.hpp"

namespace ringfence::live {
namespace {

constexpr int patience_ms = static_cast<int>(patience.count());

bool is_later() {
  return errno == EAGAIN;
}

void make_nonblocking(int fd) {
  (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

// Whether it came to that; errno says what it did not.
bool await(int fd, short events) {
  pollfd waiting{fd, events, 0};
  const int count = poll(&waiting, 1, patience_ms);
  if (count == 0) errno = ETIMEDOUT;
  return count > 0;
}

// --- blocking

class Bytes : public SocketUse {
  ssize_t send(int fd, std::string_view bytes) override {
    constexpr std::size_t at_once = 1000;
    return write(fd, bytes.data(), std::min(bytes.size(), at_once));
  }
  ssize_t receive(int fd, char* into, std::size_t) override { return read(fd, into, 1); }
};

class Vectors : public SocketUse {
  ssize_t send(int fd, std::string_view bytes) override {
    std::array<iovec, 4> parts{};
    const auto count = split(const_cast<char*>(bytes.data()), bytes.size(), parts);
    return writev(fd, parts.data(), count);
  }
  ssize_t receive(int fd, char* into, std::size_t room) override {
    std::array<iovec, 4> parts{};
    return readv(fd, parts.data(), split(into, room, parts));
  }
  // 1, 2 and 3 bytes, none, and the rest.
  static int split(char* at, std::size_t size, std::array<iovec, 4>& parts) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::size_t part = i + 1 == parts.size() ? size : std::min(size, i + 1);
      parts[i] = {at, part};
      at += part;
      size -= part;
    }
    return static_cast<int>(parts.size());
  }
};

class Messages : public SocketUse {
  ssize_t send(int fd, std::string_view bytes) override {
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    const msghdr message = message_of(part);
    return sendmsg(fd, &message, MSG_NOSIGNAL);
  }
  ssize_t receive(int fd, char* into, std::size_t room) override {
    iovec part{into, room};
    msghdr message = message_of(part);
    return recvmsg(fd, &message, 0);
  }
  static msghdr message_of(iovec& part) {
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    return message;
  }
};

class Peeks : public SocketUse {
  ssize_t receive(int fd, char* into, std::size_t room) override {
    const ssize_t count = recv(fd, into, std::min(room, std::size_t{100}), MSG_PEEK);
    if (count <= 0) return count;
    std::array<char, 100> again{};
    const ssize_t taken = recv(fd, again.data(), static_cast<std::size_t>(count), 0);
    if (taken != count || !std::equal(again.begin(), again.begin() + taken, into)) {
      errno = EPROTO;  // what was shown is not what came
      return -1;
    }
    return taken;
  }
};

class Whole : public SocketUse {
  ssize_t receive(int fd, char* into, std::size_t room) override {
    if (!await(fd, POLLIN)) return -1;
    int waiting = 0;
    if (ioctl(fd, FIONREAD, &waiting) != 0) return -1;
    const auto wanted = std::clamp<std::size_t>(static_cast<std::size_t>(waiting), 1, room);
    return recv(fd, into, wanted, MSG_WAITALL);
  }
};

class Timeouts : public SocketUse {
  void begin(int fd) override {
    const timeval soon{0, 3000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
  }
  ssize_t send(int fd, std::string_view bytes) override {
    return again([&] { return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL); });
  }
  ssize_t receive(int fd, char* into, std::size_t room) override {
    return again([&] { return recv(fd, into, room, 0); });
  }
  template <typename Call>
  static ssize_t again(const Call& call) {
    constexpr int tries_max = patience_ms / 3;
    ssize_t count = -1;
    for (int i = 0; i < tries_max; ++i) {
      count = call();
      if (count >= 0 || !is_later()) break;
    }
    return count;
  }
};

// What is read from is another descriptor of the same connection.
class Duplicate : public SocketUse {
 public:
  ~Duplicate() override { close(other_); }

 private:
  void begin(int fd) override { other_ = dup(fd); }
  ssize_t receive(int, char* into, std::size_t room) override { return read(other_, into, room); }
  int other_ = -1;
};

// --- not blocking: tried, then awaited

class Awaited : public SocketUse {
 protected:
  // Whether `events`, of poll, came; errno says what did not.
  virtual bool await_event(int fd, short events) { return await(fd, events); }

 private:
  void begin(int fd) override { make_nonblocking(fd); }
  ssize_t send(int fd, std::string_view bytes) override {
    for (;;) {
      const ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count >= 0 || !is_later() || !await_event(fd, POLLOUT)) return count;
    }
  }
  ssize_t receive(int fd, char* into, std::size_t room) override {
    for (;;) {
      const ssize_t count = recv(fd, into, room, 0);
      if (count >= 0 || !is_later() || !await_event(fd, POLLIN)) return count;
    }
  }
};

class Selected : public Awaited {
  bool await_event(int fd, short events) override {
    fd_set files;
    FD_ZERO(&files);
    FD_SET(fd, &files);
    timeval limit{patience.count() / 1000, 0};
    const bool is_read = events == POLLIN;
    return select(fd + 1, is_read ? &files : nullptr, is_read ? nullptr : &files, nullptr, &limit) >
           0;
  }
};

// As a blocking socket, but no call waits: one that would is made again when poll says so.
class DontWait : public SocketUse {
  ssize_t receive(int fd, char* into, std::size_t room) override {
    for (;;) {
      const ssize_t count = recv(fd, into, room, MSG_DONTWAIT);
      if (count >= 0 || !is_later() || !await(fd, POLLIN)) return count;
    }
  }
};

// Whether what was asked for came is seen by the next try.
class Epoll : public Awaited {
 public:
  explicit Epoll(std::uint32_t flags) : flags_(flags), epoll_fd_(epoll_create1(EPOLL_CLOEXEC)) {}
  ~Epoll() override { close(epoll_fd_); }

 private:
  bool await_event(int fd, short events) override {
    const std::uint32_t wanted = events == POLLIN ? EPOLLIN : EPOLLOUT;
    if (!is_armed_for(wanted) && !arm(fd, wanted)) return false;
    epoll_event seen{};
    const int count = epoll_wait(epoll_fd_, &seen, 1, patience_ms);
    if (count > 0 && seen.data.u64 == mark) return true;
    errno = count > 0 ? EPROTO : ETIMEDOUT;
    return false;
  }
  [[nodiscard]] bool is(std::uint32_t flag) const { return (flags_ & flag) != 0; }
  [[nodiscard]] bool is_armed_for(std::uint32_t wanted) const {
    if (is(EPOLLET)) return wanted_ != 0;  // for both at once
    return wanted_ == wanted && !is(EPOLLONESHOT);
  }
  bool arm(int fd, std::uint32_t wanted) {
    epoll_event event{};
    event.events = (is(EPOLLET) ? EPOLLIN | EPOLLOUT : wanted) | flags_;
    event.data.u64 = mark;
    int operation = wanted_ == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (operation == EPOLL_CTL_MOD && is(EPOLLEXCLUSIVE)) {  // the kernel changes no such watch
      if (epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr) != 0) return false;
      operation = EPOLL_CTL_ADD;
    }
    wanted_ = wanted;
    return epoll_ctl(epoll_fd_, operation, fd, &event) == 0;
  }

  static constexpr std::uint64_t mark = 0x1234'5678'9abc'def0;
  const std::uint32_t flags_;
  const int epoll_fd_;
  std::uint32_t wanted_ = 0;
};

template <typename Use, typename... Words>
auto make(Words... words) {
  return [words...] { return std::make_unique<Use>(words...); };
}

}  // namespace

ssize_t SocketUse::send(int fd, std::string_view bytes) {
  return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

void PrintTo(const NamedUse& use, std::ostream* out) {
  *out << use.name;
}

const std::vector<NamedUse>& socket_uses() {
  static const std::vector<NamedUse> uses = {
      {"ByteByByte", true, make<Bytes>()},
      {"Vectors", true, make<Vectors>()},
      {"Messages", true, make<Messages>()},
      {"Peeks", true, make<Peeks>()},
      {"WaitAll", true, make<Whole>()},
      {"Timeouts", true, make<Timeouts>()},
      {"DontWait", true, make<DontWait>()},
      {"Poll", true, make<Awaited>()},
      {"Select", true, make<Selected>()},
      {"EpollLevel", true, make<Epoll>(0U)},
      {"EpollEdge", true, make<Epoll>(static_cast<std::uint32_t>(EPOLLET))},
      {"EpollOneshot", false, make<Epoll>(static_cast<std::uint32_t>(EPOLLONESHOT))},
      {"EpollExclusive", false, make<Epoll>(static_cast<std::uint32_t>(EPOLLEXCLUSIVE))},
      {"Duplicate", false, make<Duplicate>()},
  };
  return uses;
}

}  // namespace ringfence::live
