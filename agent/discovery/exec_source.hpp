// A command that prints backends, run again and again: at once, then an interval after each end. It
// runs without a shell, in a process group of its own, which is killed when the time is up.
// The daemon's loop thread.
#pragma once

#include <string>
#include <vector>

#include "agent/core/types.hpp"
#include "agent/discovery/source.hpp"

namespace ringfence::agent::discovery {

struct ExecSettings {
  std::vector<std::string> command;  // the program's absolute path, then its arguments
  core::Duration interval, timeout;
};

[[nodiscard]] Source run_command(uv_loop_t* loop, const ExecSettings& settings,
                                 const ListRules& rules, Told told);

}  // namespace ringfence::agent::discovery
