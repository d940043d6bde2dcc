// What fleets of a hundred and a thousand hosts say to each other. Not part of any test run: it
// takes minutes, and tools/bench asks for it by name.
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/sim/fleet.hpp"

namespace ringfence::sim {
namespace {

class DISABLED_FleetTraffic : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Hosts, DISABLED_FleetTraffic, testing::Values(10, 100, 1000),
                         [](const auto& test) { return std::to_string(test.param); });

// agents,messages and bytes a second,messages and bytes a change
TEST_P(DISABLED_FleetTraffic, IdleAndOneChangeThenCounted) {
  FleetPlan plan;
  plan.host_count = GetParam();
  plan.backend_count = 12;
  plan.client_count = 0;
  Fleet fleet(1, plan);

  const std::optional<TrafficFigures> figures = fleet.measure_traffic();

  ASSERT_TRUE(figures.has_value()) << "the fleet does not agree in time";
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf("traffic,%zu,%llu,%llu,%llu,%llu\n", plan.host_count,
              number(figures->of_a_second.messages), number(figures->of_a_second.bytes),
              number(figures->of_a_change.messages), number(figures->of_a_change.bytes));
}

}  // namespace
}  // namespace ringfence::sim
