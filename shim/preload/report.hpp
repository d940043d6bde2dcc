// What went straight to backends and what did not, and why: for RINGFENCE_STATS=1, which prints it
// when the process ends. Counts of the process, relaxed: each stands for itself. Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace ringfence::shim::preload {

enum class Way : std::uint8_t {
  inline_keys,  // keys that were asked of their backend
  opening,      // through the agent: the connection to the backend was not open yet
  no_room,      // through the agent: the backend, or the host's budget, has no connection to spare
  fenced,       // through the agent: the view was changing for this slot
  no_lease,     // through the agent: this host had no lease
  unowned,      // through the agent: no backend serves the slot
  behind,       // through the agent: an earlier command for the slot went there
  keyless,      // to the agent, whom they concern: version, stats, flush_all
  reserved,     // to the agent: a key of its own
  answered,     // answered here: nobody to ask
  over,         // connections left to the agent for good: quit, or not understood
  copied,       // the same, because of dup, fdopen, sendfile or splice
  oneshot,      // the same, because of EPOLLONESHOT or EPOLLEXCLUSIVE
  standins,     // connections whose agent went away while its lease went on
  broken,       // connections reset: a value was lost in its middle
  unreadable,   // pools of this host that this process is kept from
};
inline constexpr std::size_t way_count = 16;

extern constinit std::atomic<std::uint64_t> way_counts[way_count];

inline void count(Way way, std::uint64_t times = 1) noexcept {
  way_counts[static_cast<std::size_t>(way)].fetch_add(times, std::memory_order_relaxed);
}

// Prints at the end of the process, if the environment asks for it.
void report_at_exit() noexcept;

}  // namespace ringfence::shim::preload
