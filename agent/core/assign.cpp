#include "agent/core/assign.hpp"

#include <algorithm>
#include <cstddef>

namespace ringfence::agent::core {
namespace {

struct Target {
  std::uint16_t index = 0;
  std::uint32_t held = 0;    // now
  std::uint32_t wanted = 0;  // afterwards
  std::uint64_t remainder = 0;
};

constexpr std::size_t nobody = SIZE_MAX;

// index -> position in shares, as a flat table: owners are looked up once a slot.
std::vector<std::size_t> position_by_index(std::span<const Share> shares) {
  std::vector<std::size_t> positions(std::size_t{UINT16_MAX} + 1, nobody);
  for (std::size_t i = 0; i < shares.size(); ++i) positions[shares[i].index] = i;
  return positions;
}

// Floors first; what is left over goes one each to those with a remainder (so that no share is a
// whole slot away from its ideal), first to who already holds more than the floor.
void set_targets(std::vector<Target>& targets, std::span<const Share> shares,
                 std::uint64_t slot_count, std::uint64_t weight_sum) {
  std::uint64_t left = slot_count;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const std::uint64_t ideal_times_sum = slot_count * shares[i].weight;
    targets[i].wanted = static_cast<std::uint32_t>(ideal_times_sum / weight_sum);
    targets[i].remainder = ideal_times_sum % weight_sum;
    left -= targets[i].wanted;
  }
  for (const bool only_holders : {true, false}) {
    for (Target& target : targets) {
      if (left == 0) return;
      const bool holds_more = target.held > target.wanted;
      if (target.remainder == 0 || holds_more != only_holders) continue;
      ++target.wanted;
      target.remainder = 0;  // one extra each
      --left;
    }
  }
}

}  // namespace

std::vector<std::uint16_t> assign(std::span<const std::uint16_t> owners,
                                  std::span<const Share> shares) {
  std::vector<std::uint16_t> result(owners.begin(), owners.end());
  std::uint64_t weight_sum = 0;
  for (const Share& share : shares) weight_sum += share.weight;
  if (weight_sum == 0) return result;

  const std::vector<std::size_t> positions = position_by_index(shares);
  std::vector<Target> targets(shares.size());
  for (std::size_t i = 0; i < shares.size(); ++i) targets[i].index = shares[i].index;
  for (const std::uint16_t owner : owners) {
    if (positions[owner] != nobody) ++targets[positions[owner]].held;
  }
  set_targets(targets, shares, owners.size(), weight_sum);

  // Slots to give out: orphans, and of each owner what is above its target.
  std::vector<std::size_t> given;
  for (std::size_t slot = 0; slot < result.size(); ++slot) {
    const std::size_t position = positions[result[slot]];
    if (position == nobody) {
      given.push_back(slot);
    } else if (targets[position].held > targets[position].wanted) {
      --targets[position].held;
      given.push_back(slot);
    }
  }
  std::size_t taker = 0;
  for (const std::size_t slot : given) {
    while (targets[taker].held >= targets[taker].wanted) ++taker;
    result[slot] = targets[taker].index;
    ++targets[taker].held;
  }
  return result;
}

}  // namespace ringfence::agent::core
