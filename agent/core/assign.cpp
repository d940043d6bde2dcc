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

// index -> position in shares, as a flat table: owners are looked up once a slot. What is in no
// share, and all beyond the last one, is the position after them.
class Positions {
 public:
  explicit Positions(std::span<const Share> shares)
      : table_(std::size_t{shares.back().index} + 2, static_cast<std::uint32_t>(shares.size())) {
    for (std::uint32_t i = 0; i < shares.size(); ++i) table_[shares[i].index] = i;
  }
  [[nodiscard]] std::uint32_t of(std::uint16_t owner) const {
    return table_[std::min(std::size_t{owner}, table_.size() - 1)];
  }

 private:
  std::vector<std::uint32_t> table_;
};

// Floors first; what is left over goes one each to those with a remainder (so that no share is a
// whole slot away from its ideal), first to who already holds more than the floor.
void set_targets(std::span<Target> targets, std::span<const Share> shares, std::uint64_t slot_count,
                 std::uint64_t weight_sum) {
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

  // One more than there are shares: nobody, who wants nothing and gives all that is an orphan.
  const Positions positions(shares);
  std::vector<Target> targets(shares.size() + 1);
  for (std::size_t i = 0; i < shares.size(); ++i) targets[i].index = shares[i].index;
  for (const std::uint16_t owner : owners) ++targets[positions.of(owner)].held;
  set_targets(std::span(targets).first(shares.size()), shares, owners.size(), weight_sum);

  // Slots to give out: orphans, and of each owner what is above its target. Without a branch, since
  // what moves is scattered.
  std::vector<std::uint32_t> given(owners.size());
  std::size_t given_count = 0;
  for (std::uint32_t slot = 0; slot < owners.size(); ++slot) {
    Target& target = targets[positions.of(owners[slot])];
    const std::uint32_t is_given = target.held > target.wanted ? 1 : 0;
    given[given_count] = slot;
    given_count += is_given;
    target.held -= is_given;
  }
  given.resize(given_count);
  std::size_t taker = 0;
  for (const std::uint32_t slot : given) {
    while (targets[taker].held >= targets[taker].wanted) ++taker;
    result[slot] = targets[taker].index;
    ++targets[taker].held;
  }
  return result;
}

}  // namespace ringfence::agent::core
