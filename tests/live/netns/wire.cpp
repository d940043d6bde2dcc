#include "tests/live/netns/wire.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>

namespace netns {
namespace {

constexpr timeval answer_timeout{2, 0};             // as patient as applications are by default
constexpr unsigned pause_after_refusal_us = 20000;  // nobody listens: do not ask in a busy loop

}  // namespace

Wire::Wire(const std::string& target) {
  const std::size_t colon = target.rfind(':');
  address_.sin_family = AF_INET;
  address_.sin_port = htons(static_cast<std::uint16_t>(std::atoi(target.c_str() + colon + 1)));
  inet_pton(AF_INET, target.substr(0, colon).c_str(), &address_.sin_addr);
}

bool Wire::send(std::string_view bytes) {
  if (fd_ < 0 && !connect_now()) return false;
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool Wire::read_line(std::string& line) {
  std::size_t end = buffer_.find("\r\n");
  while (end == std::string::npos) {
    if (!fill()) return false;
    end = buffer_.find("\r\n");
  }
  line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return true;
}

bool Wire::read(std::size_t count, std::string& bytes) {
  while (buffer_.size() < count) {
    if (!fill()) return false;
  }
  bytes = buffer_.substr(0, count);
  buffer_.erase(0, count);
  return true;
}

Answer Wire::lost() {
  drop();
  return Answer::unanswered;
}

Answer Wire::failed(const std::string& line) {
  const bool is_in_order = line.starts_with("SERVER_ERROR") || line.starts_with("CLIENT_ERROR");
  if (!is_in_order) drop();
  return Answer::failed;
}

void Wire::drop() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  buffer_.clear();
}

bool Wire::connect_now() {
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &answer_timeout, sizeof(answer_timeout));
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &answer_timeout, sizeof(answer_timeout));
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address_), sizeof(address_)) == 0) {
    return true;
  }
  drop();
  usleep(pause_after_refusal_us);
  return false;
}

bool Wire::fill() {
  char chunk[512];
  const ssize_t received = recv(fd_, chunk, sizeof(chunk), 0);
  if (received <= 0) return false;
  buffer_.append(chunk, static_cast<std::size_t>(received));
  return true;
}

}  // namespace netns
