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
  std::uint32_t held = 0;    // slots that it owns now
};

// Gives out `slot_count` slots among `shares` (ascending by index, each once):
//  - each share becomes the floor or the ceiling of its ideal, and |share - ideal| < 1;
//  - the least number of slots changes owner: extras above the floor go first to who has them,
//    orphans (whose owner is in no share) are given out, and of each owner what is above its
//    target, the first slots.
// With no weight at all every slot keeps the owner it has.
class Assignment {
 public:
  Assignment(std::span<const Share> shares, std::uint64_t slot_count);

  // Whether the next slot of `owner` goes to another.
  [[nodiscard]] bool gives(std::uint16_t owner) const;
  // The new owner of a slot that `owner` has. To be asked for every slot that is given, in their
  // order; those of an owner that gives nothing may be left out.
  [[nodiscard]] std::uint16_t next(std::uint16_t owner);

 private:
  struct Account {
    std::uint16_t index = 0;
    std::uint32_t surplus = 0;  // still to give
    std::uint32_t deficit = 0;  // still to take
  };

  std::vector<Account> accounts_;
  std::vector<std::uint32_t> position_;  // by index; accounts_.size(): in no share
  std::size_t taker_ = 0;
  bool has_weight_ = false;
};

// New owners for `owners`, one a slot. What the shares hold is counted here.
[[nodiscard]] std::vector<std::uint16_t> assign(std::span<const std::uint16_t> owners,
                                                std::vector<Share> shares);

}  // namespace ringfence::agent::core
