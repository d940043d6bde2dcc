#include "agent/daemon/run.hpp"

#include <malloc.h>

#include <cstdlib>

#include "agent/daemon/log.hpp"

namespace ringfence::agent::daemon {
namespace {

// A view is 512 KiB a pool, and a few of them come and go with each change. Fresh pages for each
// would take longer than to compute what stands in them, so the heaps keep as much as one change
// needs, and give back what is more. Two arenas: the loop's and one that the engine and the ports
// share.
void bound_memory() {
  constexpr int mapped_bytes_min = 1024 * 1024;
  constexpr int kept_bytes_max = 2 * 1024 * 1024;
  mallopt(M_MMAP_THRESHOLD, mapped_bytes_min);
  mallopt(M_TRIM_THRESHOLD, kept_bytes_max);
  mallopt(M_ARENA_MAX, 2);
}

}  // namespace

int run(const config::Config& config, const Overrides& overrides) {
  bound_memory();
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
