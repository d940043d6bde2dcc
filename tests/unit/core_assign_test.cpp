// The assignment of slots: shares within one slot of ideal, and never more movement than needed.
#include "agent/core/assign.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

namespace ringfence::agent::core {
namespace {

using Owners = std::vector<std::uint16_t>;
using Shares = std::vector<Share>;
constexpr std::uint16_t orphan = 0xffff;

std::uint64_t held_by(const Owners& owners, std::uint16_t index) {
  return static_cast<std::uint64_t>(std::count(owners.begin(), owners.end(), index));
}

std::uint64_t moved_between(const Owners& before, const Owners& after) {
  std::uint64_t moved = 0;
  for (std::size_t i = 0; i < before.size(); ++i) moved += before[i] != after[i] ? 1 : 0;
  return moved;
}

// The least movement, found without the function's own rule: try every choice of who gets the
// slots above the floors (2^shares choices), and count what each would move.
std::uint64_t least_movement(const Owners& owners, const Shares& shares) {
  std::uint64_t weight_sum = 0;
  for (const Share& share : shares) weight_sum += share.weight;
  std::uint64_t extras = owners.size();
  for (const Share& share : shares) extras -= owners.size() * share.weight / weight_sum;

  std::uint64_t best = UINT64_MAX;
  for (std::uint32_t choice = 0; choice < 1U << shares.size(); ++choice) {
    std::uint64_t chosen = 0;
    std::uint64_t kept = 0;
    bool is_allowed = true;
    for (std::size_t i = 0; i < shares.size(); ++i) {
      const bool has_extra = (choice >> i & 1U) != 0;
      const std::uint64_t product = owners.size() * shares[i].weight;
      if (has_extra && product % weight_sum == 0) is_allowed = false;
      const std::uint64_t target = product / weight_sum + (has_extra ? 1 : 0);
      kept += std::min(target, held_by(owners, shares[i].index));
      chosen += has_extra ? 1 : 0;
    }
    if (is_allowed && chosen == extras) best = std::min(best, owners.size() - kept);
  }
  return best;
}

void expect_balanced(const Owners& owners, const Shares& shares) {
  std::uint64_t weight_sum = 0;
  for (const Share& share : shares) weight_sum += share.weight;
  for (const Share& share : shares) {
    const std::uint64_t ideal_times_sum = owners.size() * share.weight;
    const std::uint64_t held_times_sum = held_by(owners, share.index) * weight_sum;
    EXPECT_LT(std::max(ideal_times_sum, held_times_sum) - std::min(ideal_times_sum, held_times_sum),
              weight_sum)
        << "backend " << share.index << " is a whole slot from its ideal";
  }
}

TEST(G4_Assignment, RandomHistoriesAreBalancedWithTheLeastMovement) {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    Owners owners(64 + random() % 200, orphan);
    Shares shares;
    for (int change = 0; change < 20; ++change) {
      const std::uint16_t index = static_cast<std::uint16_t>(random() % 10);
      const auto place =
          std::lower_bound(shares.begin(), shares.end(), index,
                           [](const Share& a, std::uint16_t b) { return a.index < b; });
      if (place == shares.end() || place->index != index) {
        shares.insert(place, {index, 1 + static_cast<std::uint32_t>(random() % 7)});
      } else if (random() % 2 == 0) {
        shares.erase(place);
      } else {
        place->weight = 1 + static_cast<std::uint32_t>(random() % 7);
      }
      if (shares.empty()) continue;
      const Owners after = assign(owners, shares);
      expect_balanced(after, shares);
      EXPECT_EQ(moved_between(owners, after), least_movement(owners, shares)) << "seed " << seed;
      owners = after;
      if (HasFailure()) return;
    }
  }
}

TEST(G4_Assignment, FullRingIsDividedToTheSlot) {
  const Owners after = assign(Owners(65536, orphan), Shares{{0, 1}, {1, 1}, {7, 1}});
  EXPECT_EQ(held_by(after, 0), 21846U);
  EXPECT_EQ(held_by(after, 1), 21845U);
  EXPECT_EQ(held_by(after, 7), 21845U);
}

TEST(G4_Assignment, OneLeavesThenOnlyItsSlotsMove) {
  const Owners before = assign(Owners(65536, orphan), Shares{{0, 1}, {1, 1}, {2, 1}, {3, 1}});
  const Owners after = assign(before, Shares{{0, 1}, {1, 1}, {3, 1}});
  for (std::size_t slot = 0; slot < before.size(); ++slot) {
    if (before[slot] == 2) continue;
    ASSERT_EQ(after[slot], before[slot]);
  }
}

TEST(G4_Assignment, BalancedStaysAsItIs) {
  const Shares shares{{0, 3}, {1, 5}};
  const Owners before = assign(Owners(65536, orphan), shares);
  EXPECT_EQ(assign(before, shares), before);
}

TEST(G4_Assignment, NoWeightMovesNothing) {
  const Owners before{0, 1, orphan};
  EXPECT_EQ(assign(before, Shares{{0, 0}}), before);
  EXPECT_EQ(assign(before, {}), before);
}

}  // namespace
}  // namespace ringfence::agent::core
