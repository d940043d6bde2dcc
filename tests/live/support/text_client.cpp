#include "tests/live/support/text_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <random>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "tests/live/support/socket_use.hpp"

namespace ringfence::live {
namespace {

constexpr std::size_t read_bytes_max = 65536;

[[noreturn]] void fail(const std::string& name, const std::string& what) {
  throw std::runtime_error("client of " + name + ": " + what);
}

int connect_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    errno = ENAMETOOLONG;
    return -1;
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    return fd;
  }
  const int connect_errno = errno;
  close(fd);
  errno = connect_errno;
  return -1;
}

int connect_inet(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoul(text.substr(colon + 1))));
  if (inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    errno = EINVAL;
    return -1;
  }
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
  }
  const int connect_errno = errno;
  close(fd);
  errno = connect_errno;
  return -1;
}

// Until this process ends: while a memcached is killed its port is free to bind, and nobody else's.
// The name is one that tests in any language take.
bool reserve(std::uint16_t port) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string text = "ringfence-test-port-" + std::to_string(port);
  text.copy(name.sun_path + 1, sizeof(name.sun_path) - 1);  // behind a 0: in no folder
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool is_ours = bind(fd, reinterpret_cast<const sockaddr*>(&name), size) == 0;
  if (!is_ours) close(fd);
  return is_ours;
}

}  // namespace

int connect_to(const std::string& address) {
  return address.starts_with('/') ? connect_unix(address) : connect_inet(address);
}

ListeningSocket listen_on_loopback() {
  ListeningSocket made{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(made.fd, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      listen(made.fd, SOMAXCONN) != 0 ||
      getsockname(made.fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::system_error(errno, std::generic_category(), "listen on a free port");
  }
  made.port = ntohs(address.sin_port);
  return made;
}

// Below those that the system gives to connections going out (32768 and up): one of them would
// take the port before who was meant for it listens.
std::uint16_t free_port() {
  constexpr unsigned first = 10'000;
  constexpr unsigned end = 32'000;
  std::random_device random;
  for (int tries = 0; tries < 1000; ++tries) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto port = static_cast<std::uint16_t>(first + random() % (end - first));
    address.sin_port = htons(port);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool is_free =
        bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    close(fd);
    if (is_free && reserve(port)) return port;
  }
  throw std::runtime_error("no port of 127.0.0.1 is free");
}

TextClient::TextClient(const std::string& address, Milliseconds timeout)
    : fd_(connect_to(address)), name_(address) {
  if (fd_ < 0) {
    fail(name_, std::string("connect: ") + std::strerror(errno));
  }
  const timeval limit{timeout.count() / 1000, (timeout.count() % 1000) * 1000};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

TextClient::~TextClient() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

TextClient::TextClient(TextClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      name_(std::move(other.name_)),
      buffer_(std::move(other.buffer_)),
      use_(std::move(other.use_)) {}

TextClient& TextClient::operator=(TextClient&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(name_, other.name_);
  std::swap(buffer_, other.buffer_);
  std::swap(use_, other.use_);
  return *this;
}

void TextClient::use(std::unique_ptr<SocketUse> how) {
  use_ = std::move(how);
  use_->begin(fd_);
}

void TextClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent =
        use_ ? use_->send(fd_, bytes) : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      fail(name_, std::string("send: ") + std::strerror(errno));
    }
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void TextClient::fill() {
  std::array<char, read_bytes_max> chunk{};
  const ssize_t count = use_ ? use_->receive(fd_, chunk.data(), chunk.size())
                             : recv(fd_, chunk.data(), chunk.size(), 0);
  if (count < 0) {
    fail(name_, std::string("recv: ") + std::strerror(errno));
  }
  if (count == 0) {
    fail(name_, "closed; unread so far: '" + buffer_ + "'");
  }
  buffer_.append(chunk.data(), static_cast<std::size_t>(count));
}

std::string TextClient::read_line() {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    fill();
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return line;
}

std::string TextClient::read_bytes(std::size_t count) {
  while (buffer_.size() < count) {
    fill();
  }
  std::string bytes = buffer_.substr(0, count);
  buffer_.erase(0, count);
  return bytes;
}

bool TextClient::is_closed_by_peer() {
  if (!buffer_.empty()) {
    fail(name_, "bytes came instead of a close: '" + buffer_ + "'");
  }
  char byte = 0;
  const ssize_t count = recv(fd_, &byte, 1, 0);
  if (count > 0) {
    fail(name_, "a byte came instead of a close");
  }
  return count == 0 || errno == ECONNRESET;
}

bool TextClient::is_ended() {
  if (!buffer_.empty()) return false;
  char byte = 0;
  const ssize_t count = recv(fd_, &byte, 1, MSG_PEEK);
  if (count < 0 && errno != ECONNRESET) fail(name_, std::string("recv: ") + std::strerror(errno));
  return count <= 0;
}

std::string TextClient::ask(std::string_view command) {
  send(std::string(command) + "\r\n");
  return read_line();
}

std::string TextClient::set(std::string_view key, std::string_view value, std::uint32_t flags) {
  std::string request = "set ";
  request.append(key).append(" ").append(std::to_string(flags)).append(" 0 ");
  request.append(std::to_string(value.size())).append("\r\n").append(value).append("\r\n");
  send(request);
  return read_line();
}

std::optional<std::string> TextClient::get(std::string_view key) {
  const std::string header = ask("get " + std::string(key));
  if (header == "END") {
    return std::nullopt;
  }
  const std::string prefix = "VALUE " + std::string(key) + " ";
  if (!header.starts_with(prefix)) {
    fail(name_, "get " + std::string(key) + " answered '" + header + "'");
  }
  const std::size_t size = std::stoul(header.substr(header.rfind(' ') + 1));
  std::string value = read_bytes(size + 2);
  value.resize(size);
  if (const std::string end = read_line(); end != "END") {
    fail(name_, "get " + std::string(key) + " ended with '" + end + "'");
  }
  return value;
}

std::map<std::string, std::string> TextClient::stats(std::string_view argument) {
  std::map<std::string, std::string> values;
  std::string line =
      ask(argument.empty() ? std::string("stats") : "stats " + std::string(argument));
  for (; line != "END"; line = read_line()) {
    const std::size_t name_end = line.find(' ', 5);
    if (!line.starts_with("STAT ") || name_end == std::string::npos) {
      fail(name_, "stats answered '" + line + "'");
    }
    values[line.substr(5, name_end - 5)] = line.substr(name_end + 1);
  }
  return values;
}

std::uint64_t TextClient::stat(const std::string& name) {
  const auto values = stats();
  const auto found = values.find(name);
  return found == values.end() ? 0 : std::stoull(found->second);
}

}  // namespace ringfence::live
