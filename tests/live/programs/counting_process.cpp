// A process that counts for a segment as the client does, and lives until it is ended:
//   counting_process SEGMENT REQUESTS [fork]
// Half of the requests hit; each takes 20 us at backend 0. With `fork` a child counts twice as
// many. Says "ready" when all is counted.
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "shim/counters/shim_counters.hpp"

namespace {

void count(ringfence::shim::counters::ShimCounters& counters, int requests) {
  for (int i = 0; i < requests; ++i) {
    counters.add_request();
    if (i % 2 == 0) {
      counters.add_hit();
    } else {
      counters.add_miss();
    }
    counters.add_latency(0, 20'000);
  }
  counters.add_backend_error(0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 1;
  pthread_atfork(nullptr, nullptr, ringfence::shim::counters::after_fork_in_child);
  const int requests = std::atoi(argv[2]);  // NOLINT(cert-err34-c): a test's own number
  auto& counters = ringfence::shim::counters::process_counters(argv[1]);
  count(counters, requests);
  const bool forks = argc > 3 && std::string_view(argv[3]) == "fork";
  const pid_t child = forks ? fork() : -1;
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // not to outlive the test
    count(counters, 2 * requests);
    std::printf("child\n");
    std::fflush(stdout);
    pause();
    return 0;
  }
  std::printf("ready\n");
  std::fflush(stdout);
  pause();
  if (child > 0) waitpid(child, nullptr, 0);
  return 0;
}
