// Addresses and connecting: from a segment's record to a connecting file. What the agent's port and
// the linked client share. No state; any thread; no allocation. Every socket is non-blocking and
// closed on exec.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "shm_layout/layout.hpp"

namespace ringfence::shim {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  // Whoever fills `storage` leaves the rest of it zero.
  friend bool operator==(const SocketAddress& a, const SocketAddress& b) noexcept {
    return a.size == b.size && std::memcmp(&a.storage, &b.storage, sizeof(a.storage)) == 0;
  }
};

// Bytes of a unix path without its NUL.
[[nodiscard]] std::size_t unix_path_bytes_max() noexcept;
// Nothing if the path is too long for a socket.
[[nodiscard]] std::optional<SocketAddress> unix_address(std::string_view path) noexcept;

// Nothing if the record holds none.
[[nodiscard]] std::optional<SocketAddress> address_of(const shm_layout::BackendInfo& info) noexcept;
[[nodiscard]] std::optional<SocketAddress> address_of(
    const shm_layout::InterceptInfo& info) noexcept;

// A socket for `address` that is not connecting yet (TCP without delay), or -errno.
[[nodiscard]] int make_socket(const SocketAddress& address) noexcept;
// 0: connected; EINPROGRESS: wait until it is writable; else why not.
[[nodiscard]] int start_connect(int fd, const SocketAddress& address) noexcept;
// Both. The file, or -errno; `is_connected` false: wait until it is writable.
[[nodiscard]] int begin_connect(const SocketAddress& address, bool& is_connected) noexcept;
// After it became writable: 0 or the connection's errno.
[[nodiscard]] int connect_outcome(int fd) noexcept;

}  // namespace ringfence::shim
