#include "bench/port/connection.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "tests/live/support/text_client.hpp"

namespace ringfence::bench {
namespace {

constexpr std::size_t buffer_bytes_min = std::size_t{64} * 1024;
constexpr std::size_t head_bytes_max = 4096;  // of a reply, beside its large value

int connect_to_port(std::uint16_t port) {
  const std::string address = "127.0.0.1:" + std::to_string(port);
  const int fd = live::connect_to(address);
  if (fd < 0) throw std::runtime_error("connect to " + address + ": " + std::strerror(errno));
  const int yes = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  fcntl(fd, F_SETFL, O_NONBLOCK);  // NOLINT
  return fd;
}

[[noreturn]] void fail(const char* call, ssize_t outcome) {
  throw std::runtime_error(std::string(call) + ": " +
                           (outcome == 0 ? "closed by the other side" : std::strerror(errno)));
}

}  // namespace

Connection::Connection(const Items& items, std::uint16_t port, std::size_t client)
    : fd_(connect_to_port(port)),
      client_(client),
      replies_(items),
      received_(std::max(buffer_bytes_min, items.value_bytes() + head_bytes_max)) {}

Connection::~Connection() {
  close(fd_);
}

void Connection::send(std::string_view commands) {
  unsent_ = commands;
  flush();
}

void Connection::send_batch() {
  sent_batch_.swap(batch_);
  batch_.clear();
  send(sent_batch_);
}

void Connection::flush() {
  while (!unsent_.empty()) {
    const ssize_t sent = ::send(fd_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return;
    if (sent <= 0) fail("send", sent);
    unsent_.remove_prefix(static_cast<std::size_t>(sent));
  }
}

// A receive that did not fill the buffer took all there was, and what comes later is a new event.
void Connection::receive() {
  while (replies_.is_awaited()) {
    const std::size_t room = received_.size() - received_bytes_;
    const ssize_t count = recv(fd_, received_.data() + received_bytes_, room, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) fail("recv", count);
    received_bytes_ += static_cast<std::size_t>(count);
    const std::size_t taken = replies_.take({received_.data(), received_bytes_});
    received_bytes_ -= taken;
    if (taken != 0) std::memmove(received_.data(), received_.data() + taken, received_bytes_);
    if (static_cast<std::size_t>(count) < room) return;
  }
}

}  // namespace ringfence::bench
