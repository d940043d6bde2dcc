// One run of a command: what it printed, or why that does not count. The daemon's loop thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/core/types.hpp"
#include "agent/discovery/source.hpp"

namespace ringfence::agent::discovery {

// `done` is called once, never before this returns; then the run may be ended. Ending it earlier
// kills the command.
[[nodiscard]] Source start_run(uv_loop_t* loop, const std::vector<std::string>& command,
                               core::Duration timeout,
                               std::function<void(Result<std::string>)> done);

}  // namespace ringfence::agent::discovery
