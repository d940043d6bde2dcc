// Which backend owns which slot: perfect balance by weight with the least movement (G4).
//
// Deterministic and versioned (entry.hpp, assign_version_newest): every agent computes the same
// from the same change, so a changed rule needs a new version. Pure; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ringfence::agent::core {

struct Share {
  std::uint16_t index = 0;
  std::uint32_t weight = 1;  // 0: gets nothing
};

// New owners for `owners` (one a slot; an owner that is not in `shares` makes the slot an orphan).
// `shares` is ascending by index, each once.
//  - each share is the floor or the ceiling of its ideal, and |share - ideal| < 1;
//  - the least number of slots changes owner: extras above the floor go first to who has them,
//    orphans are given out first, then what is above target.
// With no weight at all every slot keeps the owner it has.
[[nodiscard]] std::vector<std::uint16_t> assign(std::span<const std::uint16_t> owners,
                                                std::span<const Share> shares);

}  // namespace ringfence::agent::core
