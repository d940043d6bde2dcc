// What a route returns, and what validate() says of it later. Plain values; any thread.
#pragma once

#include <cstdint>

#include "shm_layout/layout.hpp"

namespace ringfence::shim {

enum class RouteStatus : std::uint8_t {
  ok,
  no_view,       // not attached, or the agent closed or replaced the segment
  lease_lapsed,  // the deadline has passed: the agent is gone, hung or cut off
  fenced,        // a change of the view is under way for this slot; it ends within milliseconds
  unowned,       // no backend serves the slot: a get is a miss, a write fails
};

enum class TicketStatus : std::uint8_t {
  holds,         // a reply that has arrived may be accepted
  lease_lapsed,  // the slot is unchanged; wait (bounded) for the renewal, then accept
  changed,       // the slot has another owner, generation or fence: refuse the reply
};

struct Ticket {
  shm_layout::SlotWord slot_word;
  shm_layout::PoolWord pool_word;
  std::uint32_t slot = 0;
  RouteStatus status = RouteStatus::no_view;

  [[nodiscard]] std::uint16_t backend() const noexcept { return slot_word.backend(); }
  [[nodiscard]] std::uint64_t generation() const noexcept { return slot_word.generation(); }
};

}  // namespace ringfence::shim
