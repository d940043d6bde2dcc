// The command line of shmdump. One thread.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>

namespace ringfence::shmdump {

// What the command line meets outside itself; tests hand in their own.
struct Surroundings {
  std::ostream& out;
  std::ostream& err;
  bool is_terminal = false;
  std::string directory;              // where segments are looked for
  std::string named_by_environment;   // $RINGFENCE_SEGMENT
  std::function<bool()> wait_a_turn;  // between refreshes of --watch; false ends it
};

// Returns the exit code: see Freshness, and 64 for a wrong command line.
[[nodiscard]] int run(int argument_count, const char* const* arguments,
                      const Surroundings& surroundings);

}  // namespace ringfence::shmdump
