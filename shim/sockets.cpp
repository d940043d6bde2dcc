#include "shim/sockets.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

namespace ringfence::shim {
namespace {

using shm_layout::AddressFamily;

template <typename Info>
std::optional<SocketAddress> address_of_record(const Info& info) noexcept {
  SocketAddress address;
  switch (info.family) {
    case AddressFamily::unix_path:
      return unix_address(info.text);
    case AddressFamily::inet4: {
      auto* inet4 = reinterpret_cast<sockaddr_in*>(&address.storage);
      inet4->sin_family = AF_INET;
      inet4->sin_port = htons(info.port);
      std::memcpy(&inet4->sin_addr, info.ip, sizeof(inet4->sin_addr));
      address.size = sizeof(sockaddr_in);
      return address;
    }
    case AddressFamily::inet6: {
      auto* inet6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
      inet6->sin6_family = AF_INET6;
      inet6->sin6_port = htons(info.port);
      std::memcpy(&inet6->sin6_addr, info.ip, sizeof(inet6->sin6_addr));
      address.size = sizeof(sockaddr_in6);
      return address;
    }
    case AddressFamily::none:
      break;
  }
  return std::nullopt;
}

}  // namespace

std::size_t unix_path_bytes_max() noexcept {
  return sizeof(sockaddr_un::sun_path) - 1;
}

std::optional<SocketAddress> unix_address(std::string_view path) noexcept {
  if (path.size() > unix_path_bytes_max()) return std::nullopt;
  SocketAddress address;
  auto* unix_socket = reinterpret_cast<sockaddr_un*>(&address.storage);
  unix_socket->sun_family = AF_UNIX;
  std::memcpy(unix_socket->sun_path, path.data(), path.size());
  address.size = sizeof(sockaddr_un);
  return address;
}

std::optional<SocketAddress> address_of(const shm_layout::BackendInfo& info) noexcept {
  return address_of_record(info);
}

std::optional<SocketAddress> address_of(const shm_layout::InterceptInfo& info) noexcept {
  return address_of_record(info);
}

int make_socket(const SocketAddress& address) noexcept {
  const int family = address.storage.ss_family;
  const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  const int on = 1;
  if (family != AF_UNIX) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

int start_connect(int fd, const SocketAddress& address) noexcept {
  const auto* name = reinterpret_cast<const sockaddr*>(&address.storage);
  return ::connect(fd, name, address.size) == 0 ? 0 : errno;
}

int begin_connect(const SocketAddress& address, bool& is_connected) noexcept {
  const int fd = make_socket(address);
  if (fd < 0) return fd;
  const int failure = start_connect(fd, address);
  is_connected = failure == 0;
  if (is_connected || failure == EINPROGRESS) return fd;
  ::close(fd);
  return -failure;
}

int connect_outcome(int fd) noexcept {
  int outcome = 0;
  socklen_t size = sizeof(outcome);
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &outcome, &size) != 0) return errno;
  return outcome;
}

}  // namespace ringfence::shim
