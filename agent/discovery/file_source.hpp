// A file that lists backends, read whenever it may have changed: its directory is watched, because
// who writes well replaces a file; and it is looked at now and then, for what no event tells (a
// directory that came later, a file system without events, a link that leads elsewhere).
// The daemon's loop thread.
#pragma once

#include <string>

#include "agent/discovery/source.hpp"

namespace ringfence::agent::discovery {

// Reads the file at once, before it returns.
[[nodiscard]] Source watch_file(uv_loop_t* loop, const std::string& path, const ListRules& rules,
                                Told told);

}  // namespace ringfence::agent::discovery
