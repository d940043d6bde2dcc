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

// Routes any number of keys by one clock read. A key is then routed as it would be by a thread that
// was paused between the clock and the slot word: a route never says how late somebody sends by it,
// and ArrivalCheck has the last word. The deadline comes before all slot words, as in route().
class Departure {
 public:
  explicit Departure(const shm_layout::SegmentReader& segment) noexcept
      : segment_(&segment),
        pool_word_(segment.pool()),
        // Acquire, and before any slot word; pairs with the release in
        // SegmentWriter::store_deadline.
        deadline_ns_(segment.control().deadline_coarse_ns.load(std::memory_order_acquire)),
        has_lease_(shm_layout::coarse_ns() < deadline_ns_) {}

  // In two steps, each for all keys: the slots of many keys lie all over the table, and travel side
  // by side after the first.
  [[nodiscard]] Ticket aim(std::string_view key) const noexcept {
    Ticket ticket;
    ticket.pool_word = pool_word_;
    ticket.slot = shm_layout::slot_of_inline(key, pool_word_);
    segment_->prefetch_slot(ticket.slot);
    return ticket;
  }
  void route(Ticket& ticket) const noexcept {
    ticket.slot_word = segment_->slot(ticket.slot);
    const bool is_open = has_lease_ && ticket.slot_word.is_routable() &&
                         ticket.slot_word.backend() < segment_->backend_count();
    ticket.status = is_open ? RouteStatus::ok : refusal_of(*segment_, ticket.slot_word, has_lease_);
  }

 private:
  const shm_layout::SegmentReader* segment_;
  shm_layout::PoolWord pool_word_;
  std::int64_t deadline_ns_;  // the coarse clock
  bool has_lease_;
};

// Whether a get may be sent by a ticket that route() did not call ok: a pool may choose to serve
// gets by its last view once its lease is gone (on_lease_loss = "serve").
[[nodiscard]] bool may_get_without_lease(const shm_layout::SegmentReader& segment,
                                         const Ticket& ticket) noexcept;

// Judges any number of replies that had arrived when it was made, by one clock read.
//
// Why that is as good as a validate() at the arrival of each: let t be the clock read, D the
// deadline loaded before it, and t < D. Then the lease held at t, when the replies were there. The
// slot word is loaded later, and if it then equals the ticket's it was that at t too, because
// generations only grow: a word that was left never comes back but by an abandoned fence, under
// which nothing moved. And the deadline was loaded before the word, as in route(): if D belongs to
// a lease that covers a newer view, the words of that view are seen, and differ where it moved a
// slot.
class ArrivalCheck {
 public:
  explicit ArrivalCheck(const shm_layout::SegmentReader& segment) noexcept
      : segment_(&segment),
        // Acquire, and before any slot word; pairs with the release in
        // SegmentWriter::store_deadline.
        deadline_ns_(segment.control().deadline_boottime_ns.load(std::memory_order_acquire)),
        now_ns_(shm_layout::boottime_ns()) {}

  [[nodiscard]] TicketStatus status_of(const Ticket& ticket) const noexcept {
    if (segment_->slot(ticket.slot) != ticket.slot_word) return TicketStatus::changed;
    if (segment_->pool() != ticket.pool_word) return TicketStatus::changed;
    return now_ns_ < deadline_ns_ ? TicketStatus::holds : TicketStatus::lease_lapsed;
  }
  [[nodiscard]] std::int64_t now_ns() const noexcept { return now_ns_; }

 private:
  const shm_layout::SegmentReader* segment_;
  std::int64_t deadline_ns_;
  std::int64_t now_ns_;  // CLOCK_BOOTTIME
};

// Call when a reply has arrived and before it is believed. Reads CLOCK_BOOTTIME (about 23 ns).
[[nodiscard]] TicketStatus validate(const shm_layout::SegmentReader& segment,
                                    const Ticket& ticket) noexcept;

}  // namespace ringfence::shim
