#include "agent/port/sockets.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace ringfence::agent::port {
namespace {

// Connections that may wait to be accepted; the kernel cuts it to net.core.somaxconn.
constexpr int listen_backlog = 4096;
constexpr int socket_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;

Result<SocketAddress> unix_address(const std::string& path) {
  const auto address = shim::unix_address(path);
  if (address) return *address;
  return Error{fmt::format("address {}: a unix path holds at most {} bytes", path,
                           shim::unix_path_bytes_max())};
}

bool fill_inet(SocketAddress& address, const std::string& ip, std::uint16_t port) {
  auto* inet4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  if (inet_pton(AF_INET, ip.c_str(), &inet4->sin_addr) == 1) {
    inet4->sin_family = AF_INET;
    inet4->sin_port = htons(port);
    address.size = sizeof(sockaddr_in);
    return true;
  }
  auto* inet6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET6, ip.c_str(), &inet6->sin6_addr) == 1) {
    inet6->sin6_family = AF_INET6;
    inet6->sin6_port = htons(port);
    address.size = sizeof(sockaddr_in6);
    return true;
  }
  return false;
}

// True when a living process listens on the path.
bool is_path_in_use(const SocketAddress& address) {
  bool is_connected = false;
  const int fd = begin_connect(address, is_connected);
  if (fd < 0) return fd != -ECONNREFUSED && fd != -ENOENT;
  ::close(fd);
  return true;
}

Error listen_error(const std::string& text, int os_errno) {
  if (os_errno == EADDRINUSE) {
    return {fmt::format("listen on {}: address in use: another agent or memcached listens there; "
                        "stop it or choose another address",
                        text),
            os_errno};
  }
  return os_error("listen on " + text, os_errno);
}

}  // namespace

Result<SocketAddress> parse_address(const std::string& text) {
  if (!text.empty() && text.front() == '/') return unix_address(text);
  const std::size_t colon = text.rfind(':');
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const bool has_port = colon != std::string::npos && colon + 1 < text.size() &&
                        std::from_chars(text.data() + colon + 1, end, port).ptr == end;
  std::string ip = text.substr(0, colon == std::string::npos ? 0 : colon);
  if (ip.size() > 2 && ip.front() == '[' && ip.back() == ']') ip = ip.substr(1, ip.size() - 2);
  SocketAddress address;
  if (!has_port || !fill_inet(address, ip, port)) {
    return Error{
        fmt::format("address {}: write ip:port, [ipv6]:port or an absolute unix path", text)};
  }
  return address;
}

Result<SocketAddress> address_of(const shm_layout::BackendInfo& info) {
  if (info.family == shm_layout::AddressFamily::unix_path) return unix_address(info.text);
  const auto address = shim::address_of(info);
  if (address) return *address;
  return Error{"a backend without an address"};
}

std::string to_text(const SocketAddress& address) {
  char ip[INET6_ADDRSTRLEN] = {};
  if (address.storage.ss_family == AF_INET) {
    const auto* inet4 = reinterpret_cast<const sockaddr_in*>(&address.storage);
    inet_ntop(AF_INET, &inet4->sin_addr, ip, sizeof(ip));
    return fmt::format("{}:{}", ip, ntohs(inet4->sin_port));
  }
  if (address.storage.ss_family == AF_INET6) {
    const auto* inet6 = reinterpret_cast<const sockaddr_in6*>(&address.storage);
    inet_ntop(AF_INET6, &inet6->sin6_addr, ip, sizeof(ip));
    return fmt::format("[{}]:{}", ip, ntohs(inet6->sin6_port));
  }
  return reinterpret_cast<const sockaddr_un*>(&address.storage)->sun_path;
}

Result<int> listen_on(const std::string& text) {
  const auto address = parse_address(text);
  if (!address) return address.error();
  const int family = address.value().storage.ss_family;
  if (family == AF_UNIX) {
    if (is_path_in_use(address.value())) return listen_error(text, EADDRINUSE);
    ::unlink(text.c_str());
  }
  const int fd = ::socket(family, SOCK_STREAM | socket_flags, 0);
  if (fd < 0) return listen_error(text, errno);
  const int on = 1;
  if (family != AF_UNIX) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  const auto* name = reinterpret_cast<const sockaddr*>(&address.value().storage);
  if (::bind(fd, name, address.value().size) != 0 || ::listen(fd, listen_backlog) != 0) {
    const int failure = errno;
    ::close(fd);
    return listen_error(text, failure);
  }
  // As open as a loopback port; the directory's mode says who gets here.
  if (family == AF_UNIX) ::chmod(text.c_str(), 0666);
  return fd;
}

}  // namespace ringfence::agent::port
