// The live view: asks for the status four times a second and shows what changed.
// On a terminal it redraws in place; elsewhere it writes a line whenever something changed, and one
// a second. Runs until a signal ends the process, or until the output is closed.
#pragma once

#include <string>

#include "shm_layout/result.hpp"
#include "tools/ringfencectl/show.hpp"

namespace ringfence::tools {

struct LiveSettings {
  std::string control_path;
  bool is_json = false;  // one status a line instead
  bool is_terminal = false;
  std::string note;  // shown below the view on a terminal
  Style style;
};

// Returns only when stdout can no longer be written, or with the message of the first failure if
// the agent could never be reached.
[[nodiscard]] Status run_live_view(const LiveSettings& settings);

}  // namespace ringfence::tools
