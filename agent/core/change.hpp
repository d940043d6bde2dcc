// From a view and a proposal to the next view and the slots that move. Every agent computes this
// itself, and must come to the same bytes. Pure; any thread. Cost: copies 512 KiB a pool.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/entry.hpp"
#include "agent/core/view.hpp"

namespace ringfence::agent::core {

// Slots of one pool, ascending.
struct PoolSlots {
  std::string pool;
  std::vector<std::uint32_t> slots;
};

struct NextView {
  ViewPtr view;  // epoch + 1
  std::uint64_t digest = 0;
  std::vector<PoolSlots> moved;  // of pools that the current view has; those without are left out
  std::uint32_t moved_count = 0;
};

// Nothing when the proposal's assign version is not known here. An op that does not fit the view
// (no such pool or backend, no room) is skipped.
[[nodiscard]] std::optional<NextView> next_view(const View& current, const Proposal& proposal);

// The same view at the next epoch: what an abandoned change leaves.
[[nodiscard]] ViewPtr same_view_next_epoch(const View& current);

}  // namespace ringfence::agent::core
