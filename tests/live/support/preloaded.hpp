// What tests share that run under the preload: whether they do, what of a connection went straight
// to backends, and a connection whose backends are all open.
#pragma once

#include <string>

#include "tests/live/support/port_host.hpp"

namespace ringfence::live {

// Throws where this process does not run under the preload: its tests would test nothing.
void expect_preloaded();

// Keys that the port itself was asked for.
[[nodiscard]] std::uint64_t keys_through_port(PortHost& host);

// A client whose next keys go straight to their backends.
[[nodiscard]] TextClient warm_client(PortHost& host);

}  // namespace ringfence::live
