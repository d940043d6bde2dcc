// Addresses and sockets: from text or a segment's record to a connected or listening file.
// No state; any thread. Every socket is non-blocking and closed on exec. What the linked client
// needs too lies in shim/sockets.hpp.
#pragma once

#include <string>

#include "shim/sockets.hpp"
#include "shm_layout/layout.hpp"
#include "shm_layout/result.hpp"

namespace ringfence::agent::port {

using shim::begin_connect;
using shim::connect_outcome;
using shim::SocketAddress;

// "ip:port", "[v6]:port" or an absolute unix path.
[[nodiscard]] Result<SocketAddress> parse_address(const std::string& text);
[[nodiscard]] Result<SocketAddress> address_of(const shm_layout::BackendInfo& info);
// The same form again.
[[nodiscard]] std::string to_text(const SocketAddress& address);

// A listening file. A unix path left by a dead process is taken; one that answers is in use.
[[nodiscard]] Result<int> listen_on(const std::string& text);

}  // namespace ringfence::agent::port
