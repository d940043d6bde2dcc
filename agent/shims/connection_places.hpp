// The files in which preloaded processes count their connections to backends: see
// shm_layout/connection_places.hpp. The agent makes them before its segment says that it is open,
// and never looks at them again.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "shm_layout/result.hpp"

namespace ringfence::agent::shims {

// Keeps those that are there: processes hold locks in them over the agent's restart. Who may read
// the segment may read them; nobody else can take a place. The error says why processes go
// uncounted; nothing else depends on it.
[[nodiscard]] Status make_connection_places(const std::string& segment_path,
                                            std::optional<gid_t> group);

}  // namespace ringfence::agent::shims
