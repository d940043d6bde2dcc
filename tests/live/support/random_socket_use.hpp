// A socket used by calls drawn at random, one after another: which one moves bytes, how many, in
// how many pieces, what is asked before, and what is changed about the socket meanwhile. A seed
// means the same choices everywhere. One thread uses one.
#pragma once

#include <cstdint>
#include <memory>

#include "tests/live/support/socket_use.hpp"

namespace ringfence::live {

[[nodiscard]] std::unique_ptr<SocketUse> random_socket_use(std::uint32_t seed);

}  // namespace ringfence::live
