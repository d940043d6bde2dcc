// The parts of route and validate that are not worth inlining. Any thread, also after fork.
#include "shim/route.hpp"

namespace ringfence::shim {

RouteStatus refusal_of(const shm_layout::SegmentReader& segment, shm_layout::SlotWord word,
                       bool has_lease) noexcept {
  if (!has_lease) {
    // Acquire; pairs with the release in SegmentWriter::store_state, which ends the lease too, so
    // that the fast path need not look here.
    const std::uint32_t state = segment.control().state.load(std::memory_order_acquire);
    const bool is_open = state == static_cast<std::uint32_t>(shm_layout::SegmentState::open);
    return is_open ? RouteStatus::lease_lapsed : RouteStatus::no_view;
  }
  if (word.is_fenced()) return RouteStatus::fenced;
  return RouteStatus::unowned;  // also a word that cannot be: no such state, no such backend
}

TicketStatus validate(const shm_layout::SegmentReader& segment, const Ticket& ticket) noexcept {
  // Acquire, and before the slot word, as in route(): a renewed lease that covers a new owner of
  // the slot is seen together with that owner. Pairs with SegmentWriter::store_deadline.
  const std::int64_t deadline_ns =
      segment.control().deadline_boottime_ns.load(std::memory_order_acquire);
  // Generations only grow, so an equal word means that nothing happened in between.
  if (segment.slot(ticket.slot) != ticket.slot_word) return TicketStatus::changed;
  if (segment.pool() != ticket.pool_word) return TicketStatus::changed;
  return shm_layout::boottime_ns() < deadline_ns ? TicketStatus::holds : TicketStatus::lease_lapsed;
}

}  // namespace ringfence::shim
