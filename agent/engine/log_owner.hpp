// `<engine dir>/owner`: whose log this is, and whether it ever held an entry. libraft's files name
// no owner, and after a loss of all entries they look like a log that waits for its first: its
// agent would vote again where it has voted already. The engine's thread; blocks on the disk.
#pragma once

#include <string>

#include "agent/core/types.hpp"
#include "shm_layout/result.hpp"

namespace ringfence::agent::engine {

struct LogOwner {
  bool is_damaged = false;  // the rest says nothing then
  bool is_other = false;    // the log belongs to `id`, another agent
  bool has_begun = false;
  core::AgentId id;
};

// Makes the file where there is none.
[[nodiscard]] Result<LogOwner> claim_log(const std::string& dir, core::AgentId id);
// Before the first entry. Durable when it returns.
[[nodiscard]] Status note_log_began(const std::string& dir, core::AgentId id);

}  // namespace ringfence::agent::engine
