#include <gtest/gtest.h>

#include "agent/daemon/clock_guard.hpp"

namespace ringfence::agent::daemon {
namespace {

using namespace core;  // NOLINT(google-build-using-namespace): literals

constexpr std::int64_t second_ns = 1'000'000'000;

TEST(ClockGuard, ClocksRunTogetherThenNothing) {
  ClockGuard guard(2_s);
  EXPECT_FALSE(guard.check(Instant{10 * second_ns}, 4 * second_ns));
  EXPECT_FALSE(guard.check(Instant{70 * second_ns}, 64 * second_ns));
}

TEST(ClockGuard, MachineSleptThenToldOnce) {
  ClockGuard guard(2_s);
  ASSERT_FALSE(guard.check(Instant{10 * second_ns}, 10 * second_ns));
  const auto jump = guard.check(Instant{15 * second_ns}, 12 * second_ns);
  ASSERT_TRUE(jump);
  EXPECT_NE(jump->find("3000 ms"), std::string::npos);
  EXPECT_FALSE(guard.check(Instant{16 * second_ns}, 13 * second_ns));
}

TEST(ClockGuard, StepLaterThanALeaseThenStoodStill) {
  ClockGuard guard(2_s);
  guard.expect_by(Instant{10 * second_ns});
  EXPECT_FALSE(guard.check(Instant{12 * second_ns}, 12 * second_ns));
  const auto late = guard.check(Instant{13 * second_ns}, 13 * second_ns);
  ASSERT_TRUE(late);
  EXPECT_NE(late->find("stood still"), std::string::npos);
  EXPECT_FALSE(guard.check(Instant{13 * second_ns}, 13 * second_ns));
}

}  // namespace
}  // namespace ringfence::agent::daemon
