// The whole life of the agent, for main(): starts the daemon, and starts it anew under a new
// cluster id when its state turns out to be lost.
#pragma once

#include "agent/config/config.hpp"
#include "agent/daemon/daemon.hpp"

namespace ringfence::agent::daemon {

// The process's exit code; what went wrong is in the log.
[[nodiscard]] int run(const config::Config& config, const Overrides& overrides);

}  // namespace ringfence::agent::daemon
