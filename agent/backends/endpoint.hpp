// A backend's address as configured, taken apart: what to connect to and what the segment shows.
// Pure; any thread. Names are resolved elsewhere (connection.hpp), never here.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "shm_layout/layout.hpp"
#include "shm_layout/result.hpp"

namespace ringfence::agent::backends {

// "10.0.0.5:11211", "[::1]:11211", "name:11211" or "/run/m.sock".
struct Endpoint {
  shm_layout::AddressFamily family = shm_layout::AddressFamily::none;  // none: a name
  std::string host;  // literal or name without brackets; for unix the path
  std::uint16_t port = 0;

  [[nodiscard]] bool is_name() const { return family == shm_layout::AddressFamily::none; }
  [[nodiscard]] bool is_unix() const { return family == shm_layout::AddressFamily::unix_path; }
};

[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view address);

// An IP address and port as the kernel takes it.
struct SocketAddress {
  sockaddr_storage storage{};
  friend bool operator==(const SocketAddress& a, const SocketAddress& b);
};

// Of a literal endpoint; family AF_UNSPEC for a name or a path.
[[nodiscard]] SocketAddress literal_address(const Endpoint& endpoint);

// Family, port, ip of the segment's record. A name that was never resolved stays `none`.
struct SegmentAddress {
  shm_layout::AddressFamily family = shm_layout::AddressFamily::none;
  std::uint16_t port = 0;
  std::uint8_t ip[16] = {};
};
[[nodiscard]] SegmentAddress segment_address(const Endpoint& endpoint,
                                             const SocketAddress& resolved);

}  // namespace ringfence::agent::backends
