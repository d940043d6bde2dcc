// Addresses and sockets: from text or a segment's record to a connected or listening file.
// No state; any thread. Every socket is non-blocking and closed on exec.
#pragma once

#include <sys/socket.h>

#include <cstring>
#include <string>

#include "shm_layout/layout.hpp"
#include "shm_layout/result.hpp"

namespace ringfence::agent::port {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  // Whoever fills `storage` leaves the rest of it zero.
  friend bool operator==(const SocketAddress& a, const SocketAddress& b) noexcept {
    return a.size == b.size && std::memcmp(&a.storage, &b.storage, sizeof(a.storage)) == 0;
  }
};

// "ip:port", "[v6]:port" or an absolute unix path.
[[nodiscard]] Result<SocketAddress> parse_address(const std::string& text);
[[nodiscard]] Result<SocketAddress> address_of(const shm_layout::BackendInfo& info);
// The same form again.
[[nodiscard]] std::string to_text(const SocketAddress& address);

// Begins to connect. The file, or -errno; `is_connected` false: wait until it is writable.
[[nodiscard]] int begin_connect(const SocketAddress& address, bool& is_connected);
// After it became writable: 0 or the connection's errno.
[[nodiscard]] int connect_outcome(int fd);

// A listening file. A unix path left by a dead process is taken; one that answers is in use.
[[nodiscard]] Result<int> listen_on(const std::string& text);

}  // namespace ringfence::agent::port
