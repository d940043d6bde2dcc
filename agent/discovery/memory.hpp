// Which sources listed something when they were read last, on disk: a source that lists nothing at
// this agent's next start has then emptied suddenly, and is not merely new. One file in the state
// directory, replaced as a whole. The daemon's loop thread.
#pragma once

#include <set>
#include <string>
#include <utility>

#include "shm_layout/result.hpp"

namespace ringfence::agent::discovery {

// By pool and name of the source.
using Remembered = std::set<std::pair<std::string, std::string>>;

// No file: none.
[[nodiscard]] Result<Remembered> load(const std::string& path);
[[nodiscard]] Status store(const std::string& path, const Remembered& remembered);

}  // namespace ringfence::agent::discovery
