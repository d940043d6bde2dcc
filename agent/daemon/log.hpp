// The agent's log: lines on stderr. Under journald each line carries its level as "<n>" and no time
// of its own; elsewhere time and level are written out. Nothing secret is ever logged.
// Any thread. spdlog stays inside log.cpp.
#pragma once

#include <string>
#include <string_view>

#include "agent/core/effect.hpp"

namespace ringfence::agent::daemon {

using core::LogLevel;

// `level` as in the configuration: debug, info, warning or error; anything else counts as info.
void start_log(const std::string& level);
void log_line(LogLevel level, std::string_view text);

}  // namespace ringfence::agent::daemon
