// What a person should do about a directory that cannot be written. Any thread.
#pragma once

#include <string>

namespace ringfence::agent::engine {

// The log keeps three segments of 8 MiB and snapshots; below this it soon stops.
inline constexpr unsigned long disk_free_mib_min = 32;

// "/var/lib/ringfence/engine has 3 MiB free: free 32 MiB there, or move state_dir".
[[nodiscard]] std::string disk_advice(const std::string& dir);

}  // namespace ringfence::agent::engine
