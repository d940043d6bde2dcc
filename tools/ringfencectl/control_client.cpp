#include "tools/ringfencectl/control_client.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace ringfence::tools {
namespace {

constexpr std::size_t read_bytes = 65536;

Error cannot_reach(const std::string& path, int os_errno) {
  Error error = os_error("control socket " + path, os_errno);
  if (os_errno == ENOENT || os_errno == ECONNREFUSED) {
    error.message +=
        ". No agent runs here: start it with `systemctl start ringfenced` (or `ringfenced --config "
        "FILE`), or name its socket with --control PATH";
  } else if (os_errno == EACCES || os_errno == EPERM) {
    error.message += ". Run as root, or as a member of the group that owns the socket";
  } else if (os_errno == EAGAIN) {
    error.message += ". The agent does not answer: it is stopped or hung; look at its log";
  }
  return error;
}

}  // namespace

ControlClient::ControlClient(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

ControlClient::~ControlClient() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

ControlClient::ControlClient(ControlClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

ControlClient& ControlClient::operator=(ControlClient&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

Result<ControlClient> ControlClient::connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return cannot_reach(path, path.empty() ? ENOENT : ENAMETOOLONG);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  ControlClient client{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), path};
  if (client.fd_ < 0) {
    return os_error("socket");
  }
  const timeval limit{control_timeout_s, 0};
  setsockopt(client.fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(client.fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  if (::connect(client.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return cannot_reach(path, errno);
  }
  return client;
}

Result<std::string> ControlClient::ask(const std::string& request) {
  const std::string line = request + "\n";
  for (std::size_t sent = 0; sent < line.size();) {
    const ssize_t count = send(fd_, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (count < 0) {
      return cannot_reach(path_, errno);
    }
    sent += static_cast<std::size_t>(count);
  }
  std::string reply;
  std::array<char, read_bytes> chunk{};
  while (reply.empty() || reply.back() != '\n') {
    const ssize_t count = recv(fd_, chunk.data(), chunk.size(), 0);
    if (count < 0) {
      return cannot_reach(path_, errno);
    }
    if (count == 0) {
      return cannot_reach(path_, ECONNRESET);
    }
    reply.append(chunk.data(), static_cast<std::size_t>(count));
    if (reply.size() > control_reply_bytes_max) {
      return cannot_reach(path_, EMSGSIZE);
    }
  }
  reply.pop_back();
  return reply;
}

}  // namespace ringfence::tools
