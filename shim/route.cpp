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

bool may_get_without_lease(const shm_layout::SegmentReader& segment,
                           const Ticket& ticket) noexcept {
  return ticket.status == RouteStatus::lease_lapsed && ticket.pool_word.serves_without_lease() &&
         ticket.slot_word.is_routable() && ticket.backend() < segment.backend_count();
}

TicketStatus validate(const shm_layout::SegmentReader& segment, const Ticket& ticket) noexcept {
  return ArrivalCheck(segment).status_of(ticket);
}

}  // namespace ringfence::shim
