// Which seeds a test runs, and how one of them is run again.
//   RINGFENCE_SIM_SEED=N           that seed alone
//   RINGFENCE_SIM_TRACE=1          says what happens, on stderr
//   RINGFENCE_SIM_COUNT=N          so many seeds in each test
//   RINGFENCE_SIM_LARGE_COUNT=N    so many in each test of large fleets
#pragma once

#include <cstdint>
#include <string>

namespace ringfence::sim {

struct Seeds {
  std::uint64_t first = 1, count = 1;
};
// `otherwise`, unless the environment says something else.
[[nodiscard]] Seeds seeds_to_run(Seeds otherwise, bool are_large = false);

[[nodiscard]] bool is_traced();

// The one command that runs this seed of the running test again, with a trace.
[[nodiscard]] std::string replay_of(std::uint64_t seed);

// While it lives, an abort (of the core: an invariant is broken) prints that command too.
class ReplayOnAbort {
 public:
  explicit ReplayOnAbort(std::uint64_t seed);
  ~ReplayOnAbort();
  ReplayOnAbort(const ReplayOnAbort&) = delete;
  ReplayOnAbort& operator=(const ReplayOnAbort&) = delete;
};

}  // namespace ringfence::sim
