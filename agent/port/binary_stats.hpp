// What the binary protocol's stat answers: the numbers of the text protocol's `stats`, a packet
// each, then an empty one. The I/O thread of the client that asked.
#pragma once

#include <string>

#include "shim/binary/request.hpp"

namespace ringfence::agent::port {

class IoThread;

// The whole answer.
[[nodiscard]] std::string stats_packets(IoThread& thread, const shim::binary::Request& parsed);

}  // namespace ringfence::agent::port
