// The fuzzer of merged replies over random bytes, for builds without libFuzzer. It aborts on a
// violation, and has then printed the case: RINGFENCE_TEST_SEED=N runs that one alone.
// RINGFENCE_TEST_SECONDS: how long it goes on, from that seed; by default a few seconds.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "tests/fuzz/merged_replies_body.hpp"

namespace ringfence::merged_replies {
namespace {

constexpr int default_seconds = 4;
constexpr std::size_t bytes_max = 160;

int number_of(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}

std::string bytes_of(unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes(random() % bytes_max, '\0');
  // Most answers are well; what is not costs time, or the rest of the case.
  const unsigned calm = random() % 4;
  for (char& byte : bytes) byte = static_cast<char>(random() % 4 < calm ? random() % 2 : random());
  return bytes;
}

TEST(PortMergedReplies, RandomCasesThenEachClientIsAnsweredInOrderAndTruly) {
  const char* wanted = std::getenv("RINGFENCE_TEST_SEED");
  const int seconds = number_of("RINGFENCE_TEST_SECONDS", default_seconds);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  Arena arena;
  Totals totals;
  unsigned count = 0;
  auto seed = static_cast<unsigned>(number_of("RINGFENCE_TEST_SEED", 1));
  do {
    current_case() = "RINGFENCE_TEST_SEED=" + std::to_string(seed);
    const Totals more = arena.run(bytes_of(seed++));
    totals.answered += more.answered;
    totals.closed += more.closed;
    ++count;
  } while (std::chrono::steady_clock::now() < end &&
           (wanted == nullptr || std::getenv("RINGFENCE_TEST_SECONDS") != nullptr));
  std::printf("%u cases, %zu answers, %zu connections closed early\n", count, totals.answered,
              totals.closed);
  if (wanted == nullptr) {
    EXPECT_GT(totals.answered, 2 * count);
    EXPECT_GT(totals.closed, 0U);
    EXPECT_LT(totals.closed, count / 2);
  }
}

}  // namespace
}  // namespace ringfence::merged_replies
