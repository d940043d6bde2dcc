// route() and validate(): the hot path of every shim and of the agent's port. Wait-free: no lock,
// no allocation, no system call but the clock. Any thread, also after fork.
//
// Order of loads (design: "a shim reads the deadline before the slot word"): with it, a request
// that was sent by a word of an older view was sent before that view's last lease ended. The
// deadline is loaded with acquire; its partner is the release in SegmentWriter::store_deadline,
// which follows the stores of every slot that the lease covers. So whoever sees a lease's deadline
// sees at least that lease's slots.
#pragma once

#include <atomic>
#include <string_view>

#include "shim/ticket.hpp"
#include "shm_layout/clock.hpp"
#include "shm_layout/key_hash_inline.hpp"
#include "shm_layout/segment_reader.hpp"

namespace ringfence::shim {

// Why a route cannot be taken, once the fast test has failed.
[[nodiscard]] RouteStatus refusal_of(const shm_layout::SegmentReader& segment,
                                     shm_layout::SlotWord word, bool has_lease) noexcept;

// `segment` must be open. Cost: one coarse clock read, one XXH3, three loads on two cache lines.
// The ticket names slot, word and pool whatever the status; only after `ok` may it be sent by (a
// pool that serves gets without a lease decides by them itself).
[[nodiscard, gnu::always_inline]] inline Ticket route(const shm_layout::SegmentReader& segment,
                                                      std::string_view key) noexcept {
  const shm_layout::Control& control = segment.control();
  Ticket ticket;
  ticket.pool_word = segment.pool();
  ticket.slot = shm_layout::slot_of_inline(key, ticket.pool_word);
  // Acquire; pairs with the release in SegmentWriter::store_deadline. Before the slot word: above.
  const std::int64_t deadline_ns = control.deadline_coarse_ns.load(std::memory_order_acquire);
  ticket.slot_word = segment.slot(ticket.slot);
  // The clock last: the slot's cache line travels meanwhile.
  const bool has_lease = shm_layout::coarse_ns() < deadline_ns;
  const bool is_open = has_lease && ticket.slot_word.is_routable() &&
                       ticket.slot_word.backend() < segment.backend_count();
  ticket.status = is_open ? RouteStatus::ok : refusal_of(segment, ticket.slot_word, has_lease);
  return ticket;
}

// Call when a reply has arrived and before it is believed. Reads CLOCK_BOOTTIME (about 23 ns).
[[nodiscard]] TicketStatus validate(const shm_layout::SegmentReader& segment,
                                    const Ticket& ticket) noexcept;

}  // namespace ringfence::shim
