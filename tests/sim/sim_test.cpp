// Thousands of seeds of one host in virtual time. RINGFENCE_SIM_SEED replays one of them;
// RINGFENCE_SIM_COUNT runs more or fewer.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "tests/sim/world.hpp"

namespace ringfence::sim {
namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): one thread
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

constexpr Instant trouble_ends{11'000'000'000};
constexpr Instant end{27'000'000'000};

// Runs seeds [first, first + count), or the one that the environment names.
void run_seeds(std::uint64_t first, std::uint64_t count, Faults faults) {
  const std::uint64_t only = number_from("RINGFENCE_SIM_SEED", 0);
  if (only != 0) {
    first = only;
    count = 1;
  } else {
    count = number_from("RINGFENCE_SIM_COUNT", count);
  }
  std::uint64_t hits = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    World world(seed, faults);
    world.run(trouble_ends, end);
    hits += world.check().hit_count();
    for (const std::string& failure : world.check().failures()) {
      const auto* test = testing::UnitTest::GetInstance()->current_test_info();
      ADD_FAILURE() << failure << "\nreplay: RINGFENCE_SIM_SEED=" << seed
                    << " build/bin/sim_tests --gtest_filter=" << test->test_suite_name() << "."
                    << test->name();
      return;
    }
  }
  EXPECT_GT(hits, 0U) << "nothing was ever hit: the run proves nothing";
}

TEST(G2_Sim, EveryFaultThenNoStaleHitAndItConverges) {
  run_seeds(1, 1200, Faults{});
}

TEST(G3_Sim, BackendFaultsAloneThenNothingUnflushedIsUsed) {
  run_seeds(100001, 300, Faults{true, false, false, false});
}

TEST(G5_Sim, RestartsAloneThenSameViewsAndNothingThatServesIsFlushed) {
  const std::uint64_t only = number_from("RINGFENCE_SIM_SEED", 0);
  const std::uint64_t first = only != 0 ? only : 200001;
  const std::uint64_t count = only != 0 ? 1 : number_from("RINGFENCE_SIM_COUNT", 300);
  std::uint64_t restarts = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    World world(seed, Faults{false, true, false, false});
    world.run(trouble_ends, end);
    restarts += world.restarts();
    ASSERT_TRUE(world.check().failures().empty())
        << world.check().failures()[0] << "\nreplay: RINGFENCE_SIM_SEED=" << seed
        << " build/bin/sim_tests --gtest_filter=G5_Sim.*";
  }
  EXPECT_GT(restarts, count);
}

}  // namespace
}  // namespace ringfence::sim
