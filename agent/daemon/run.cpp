#include "agent/daemon/run.hpp"

#include <cstdlib>

#include "agent/daemon/log.hpp"

namespace ringfence::agent::daemon {

int run(const config::Config& config, const Overrides& overrides) {
  start_log(config.log.level);
  for (;;) {
    Daemon daemon(config, overrides);
    const Result<Ending> ending = daemon.run();
    if (!ending) {
      log_line(LogLevel::error, ending.error().message);
      return EXIT_FAILURE;
    }
    if (ending.value() == Ending::asked) return EXIT_SUCCESS;
    if (ending.value() == Ending::failed) return EXIT_FAILURE;
    // state_lost: the daemon has set its state aside; the next one makes a new one.
  }
}

}  // namespace ringfence::agent::daemon
