// The version that --version, `status` and the log name; CMakeLists.txt sets it.
#pragma once

namespace ringfence::agent::daemon {

inline constexpr const char* version = RINGFENCE_VERSION;

}  // namespace ringfence::agent::daemon
