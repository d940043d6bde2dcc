// Tells systemd how the agent is (sd_notify(3)): one datagram to the socket in NOTIFY_SOCKET, and
// nothing where that is not set. The daemon's thread; never blocks.
#pragma once

#include <cstdint>
#include <string_view>

namespace ringfence::agent::daemon {

// "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=...".
void notify_service_manager(std::string_view state);

// Microseconds between two signs of life that systemd asks for; 0: none.
[[nodiscard]] std::uint64_t watchdog_interval_us();

}  // namespace ringfence::agent::daemon
