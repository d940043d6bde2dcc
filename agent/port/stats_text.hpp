// What `stats` answers: memcached's own names where the port has such a thing, then ringfence's.
// The I/O thread of the client that asked; reads the other threads' counters relaxed.
#pragma once

#include <string>
#include <string_view>

namespace ringfence::agent::port {

class IoThread;

// The whole answer, from the first STAT to END.
[[nodiscard]] std::string stats_text(IoThread& thread, std::string_view argument);

}  // namespace ringfence::agent::port
