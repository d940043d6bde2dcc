// Seeds of one host in virtual time. seeds.hpp says how to run one of them again, or more.
#include <gtest/gtest.h>

#include <string>

#include "tests/sim/seeds.hpp"
#include "tests/sim/world.hpp"

namespace ringfence::sim {
namespace {

constexpr Instant trouble_ends{11'000'000'000};
constexpr Instant end{27'000'000'000};

struct Counts {
  std::uint64_t hits = 0, restarts = 0;
};

Counts run_seeds(std::uint64_t first, std::uint64_t count, Faults faults) {
  const Seeds seeds = seeds_to_run({first, count});
  Counts counts;
  for (std::uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
    const ReplayOnAbort replay(seed);
    World world(seed, faults);
    world.run(trouble_ends, end);
    counts.hits += world.check().hit_count();
    counts.restarts += world.restarts();
    for (const std::string& failure : world.check().failures()) {
      ADD_FAILURE() << failure << replay_of(seed);
      return counts;
    }
  }
  return counts;
}

TEST(G2_Sim, EveryFaultThenNoStaleHitAndItConverges) {
  EXPECT_GT(run_seeds(1, 400, Faults{}).hits, 0U);
}

TEST(G3_Sim, BackendFaultsAloneThenNothingUnflushedIsUsed) {
  EXPECT_GT(run_seeds(100'001, 100, Faults{true, false, false, false}).hits, 0U);
}

TEST(G5_Sim, RestartsAloneThenSameViewsAndNothingThatServesIsFlushed) {
  EXPECT_GT(run_seeds(200'001, 100, Faults{false, true, false, false}).restarts, 0U);
}

}  // namespace
}  // namespace ringfence::sim
