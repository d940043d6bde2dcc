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

// index -> position in shares, as a flat table: owners are looked up once a slot. Whoever is in no
// share has the position behind the last.
class Positions {
 public:
  explicit Positions(std::span<const Share> shares)
      : nobody_(static_cast<std::uint32_t>(shares.size())),
        by_index_(shares.empty() ? 0 : shares.back().index + std::size_t{1}, nobody_) {
    for (std::uint32_t i = 0; i < nobody_; ++i) by_index_[shares[i].index] = i;
  }
  [[nodiscard]] std::uint32_t of(std::uint16_t owner) const {
    return owner < by_index_.size() ? by_index_[owner] : nobody_;
  }

 private:
  std::uint32_t nobody_;
  std::vector<std::uint32_t> by_index_;
};

// Slots side by side that belong to the same one. A ring has far fewer runs than slots, and every
// change counts all of it on every agent.
struct Run {
  std::uint32_t position = 0;  // in shares; behind the last: orphans
  std::uint32_t first = 0, length = 0;
};

std::vector<Run> runs_of(std::span<const std::uint16_t> owners, const Positions& positions) {
  std::vector<Run> runs;
  const auto count = static_cast<std::uint32_t>(owners.size());
  for (std::uint32_t first = 0; first < count;) {
    std::uint32_t end = first + 1;
    while (end < count && owners[end] == owners[first]) ++end;
    runs.push_back({positions.of(owners[first]), first, end - first});
    first = end;
  }
  return runs;
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

  const std::vector<Run> runs = runs_of(owners, Positions(shares));
  std::vector<Target> targets(shares.size());
  for (std::size_t i = 0; i < shares.size(); ++i) targets[i].index = shares[i].index;
  for (const Run& run : runs) {
    if (run.position < targets.size()) targets[run.position].held += run.length;
  }
  set_targets(targets, shares, owners.size(), weight_sum);

  // Slots to give out: orphans, and of each owner what is above its target, the first ones.
  std::vector<Run> given;
  for (const Run& run : runs) {
    std::uint32_t count = run.length;
    if (run.position < targets.size()) {
      Target& owner = targets[run.position];
      count = std::min(count, owner.held - std::min(owner.held, owner.wanted));
      owner.held -= count;
    }
    if (count > 0) given.push_back({run.position, run.first, count});
  }
  std::size_t taker = 0;
  for (const Run& run : given) {
    for (std::uint32_t slot = run.first; slot < run.first + run.length; ++slot) {
      while (targets[taker].held >= targets[taker].wanted) ++taker;
      result[slot] = targets[taker].index;
      ++targets[taker].held;
    }
  }
  return result;
}

}  // namespace ringfence::agent::core
