#include "agent/core/assign.hpp"

#include <algorithm>
#include <cstddef>

namespace ringfence::agent::core {
namespace {

// Floors first; what is left over goes one each to those with a remainder (so that no share is a
// whole slot away from its ideal), first to who already holds more than the floor.
std::vector<std::uint32_t> targets_of(std::span<const Share> shares, std::uint64_t slot_count,
                                      std::uint64_t weight_sum) {
  std::vector<std::uint32_t> targets(shares.size());
  std::vector<bool> has_remainder(shares.size());
  std::uint64_t left = slot_count;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const std::uint64_t ideal_times_sum = slot_count * shares[i].weight;
    targets[i] = static_cast<std::uint32_t>(ideal_times_sum / weight_sum);
    has_remainder[i] = ideal_times_sum % weight_sum != 0;
    left -= targets[i];
  }
  for (const bool only_holders : {true, false}) {
    for (std::size_t i = 0; i < shares.size() && left > 0; ++i) {
      const bool holds_more = shares[i].held > targets[i];
      if (!has_remainder[i] || holds_more != only_holders) continue;
      ++targets[i];
      has_remainder[i] = false;  // one extra each
      --left;
    }
  }
  return targets;
}

}  // namespace

Assignment::Assignment(std::span<const Share> shares, std::uint64_t slot_count)
    : position_(shares.empty() ? 0 : shares.back().index + std::size_t{1},
                static_cast<std::uint32_t>(shares.size())) {
  std::uint64_t weight_sum = 0;
  for (const Share& share : shares) weight_sum += share.weight;
  has_weight_ = weight_sum > 0;
  if (!has_weight_) return;
  const std::vector<std::uint32_t> targets = targets_of(shares, slot_count, weight_sum);
  for (std::uint32_t i = 0; i < shares.size(); ++i) {
    const std::uint32_t held = shares[i].held;
    position_[shares[i].index] = i;
    accounts_.push_back({shares[i].index, held > targets[i] ? held - targets[i] : 0,
                         held < targets[i] ? targets[i] - held : 0});
  }
}

bool Assignment::gives(std::uint16_t owner) const {
  if (!has_weight_) return false;
  const bool is_orphan = owner >= position_.size() || position_[owner] >= accounts_.size();
  return is_orphan || accounts_[position_[owner]].surplus > 0;
}

std::uint16_t Assignment::next(std::uint16_t owner) {
  if (!gives(owner)) return owner;
  const bool is_orphan = owner >= position_.size() || position_[owner] >= accounts_.size();
  if (!is_orphan) --accounts_[position_[owner]].surplus;
  while (accounts_[taker_].deficit == 0) ++taker_;
  --accounts_[taker_].deficit;
  return accounts_[taker_].index;
}

std::vector<std::uint16_t> assign(std::span<const std::uint16_t> owners,
                                  std::vector<Share> shares) {
  for (Share& share : shares) {
    share.held = static_cast<std::uint32_t>(std::count(owners.begin(), owners.end(), share.index));
  }
  Assignment assignment(shares, owners.size());
  std::vector<std::uint16_t> result;
  result.reserve(owners.size());
  for (const std::uint16_t owner : owners) result.push_back(assignment.next(owner));
  return result;
}

}  // namespace ringfence::agent::core
