// "host:port" taken apart, and socket addresses as people read them. Pure; any thread. Names are
// resolved elsewhere (dialler.hpp).
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "shm_layout/result.hpp"

namespace ringfence::agent::mesh {

struct HostPort {
  std::string host;  // without brackets
  std::uint16_t port = 0;
};
// "10.0.0.5:7411", "[::1]:7411" or "name:7411".
[[nodiscard]] Result<HostPort> split_address(std::string_view address);

struct SocketAddress {
  sockaddr_storage storage{};  // family AF_UNSPEC: none
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};
// Of a literal address; AF_UNSPEC when the host is a name.
[[nodiscard]] SocketAddress literal_address(const HostPort& address);
[[nodiscard]] SocketAddress with_port(const sockaddr* address, std::uint16_t port);

// Without the port; an IPv4 address that came through an IPv6 socket reads as IPv4.
[[nodiscard]] std::string ip_text(const SocketAddress& address);
[[nodiscard]] std::uint16_t port_of(const SocketAddress& address);
[[nodiscard]] bool is_loopback(const SocketAddress& address);
[[nodiscard]] bool is_wildcard(const SocketAddress& address);

}  // namespace ringfence::agent::mesh
