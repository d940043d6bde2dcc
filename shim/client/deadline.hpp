// The end of a call, and what waiting within it looks like. CLOCK_BOOTTIME, as leases. Plain
// values; one call's thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <ctime>

#include "shim/route.hpp"
#include "shm_layout/clock.hpp"

namespace ringfence::shim::client {

using shm_layout::ns_per_ms;

// How long a receive may sleep in the kernel before the view and the deadline are looked at again:
// what a call may last past its timeout, and what a hung backend may delay the others.
inline constexpr std::int64_t slice_ns = 20 * ns_per_ms;

// Now and the end of a call. `now_ns` is the last clock read, not the present: whoever waited reads
// again.
class Deadline {
 public:
  Deadline(std::int64_t now_ns, std::int64_t timeout_ns) noexcept
      : now_ns_(now_ns), end_ns_(now_ns + timeout_ns) {}

  void read_clock() noexcept { now_ns_ = shm_layout::boottime_ns(); }
  void set_now(std::int64_t now_ns) noexcept { now_ns_ = now_ns; }
  [[nodiscard]] std::int64_t now_ns() const noexcept { return now_ns_; }
  [[nodiscard]] std::int64_t left_ns() const noexcept { return end_ns_ - now_ns_; }
  [[nodiscard]] bool is_over() const noexcept { return now_ns_ >= end_ns_; }
  // Long enough for a sleep in the kernel that cannot be cut short.
  [[nodiscard]] bool has_slice() const noexcept { return left_ns() >= slice_ns; }

 private:
  std::int64_t now_ns_;
  std::int64_t end_ns_;
};

// Sleeps that grow, for what nothing wakes a reader of: a change of the view ends within
// milliseconds, a renewal of the lease within a quarter of it.
class Pause {
 public:
  // Also reads the clock.
  void sleep(Deadline& deadline) noexcept {
    const std::int64_t sleep_ns = std::clamp<std::int64_t>(deadline.left_ns(), 0, next_ns_);
    next_ns_ = std::min(next_ns_ * 2, longest_ns);
    const timespec time{0, sleep_ns};
    nanosleep(&time, nullptr);
    deadline.read_clock();
  }

 private:
  static constexpr std::int64_t shortest_ns = ns_per_ms / 5;
  static constexpr std::int64_t longest_ns = 2 * ns_per_ms;
  std::int64_t next_ns_ = shortest_ns;
};

// Whether to wait on for an answer under a ticket: a slot that moved makes it pointless. A fence
// does not: the change may be abandoned, and the answer still counts.
class SlotWatch {
 public:
  SlotWatch() = default;  // watches nothing: through the agent's port
  SlotWatch(const shm_layout::SegmentReader& segment, const Ticket& ticket) noexcept
      : segment_(&segment), ticket_(&ticket) {}
  [[nodiscard]] bool has_moved() const noexcept {
    return segment_ != nullptr &&
           segment_->slot(ticket_->slot).unfenced() != ticket_->slot_word.unfenced();
  }

 private:
  const shm_layout::SegmentReader* segment_ = nullptr;
  const Ticket* ticket_ = nullptr;
};

}  // namespace ringfence::shim::client
