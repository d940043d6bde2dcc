// route() and validate(): the hot path of every shim and of the agent's port. Wait-free: no lock,
// no allocation, no system call but the clock. Any thread, also after fork.
//
// Order of loads (design: "a shim reads the deadline before the slot word"): with it, a request
// that was sent by a word of an older view was sent before that view's last lease ended.
#pragma once

#include <string_view>

#include "shim/ticket.hpp"
#include "shm_layout/segment_reader.hpp"

namespace ringfence::shim {

// `segment` must be open. Cost: one coarse clock read, one XXH3, three loads on two cache lines.
[[nodiscard]] Ticket route(const shm_layout::SegmentReader& segment, std::string_view key) noexcept;

// Call when a reply has arrived and before it is believed. Reads CLOCK_BOOTTIME (about 23 ns).
[[nodiscard]] TicketStatus validate(const shm_layout::SegmentReader& segment,
                                    const Ticket& ticket) noexcept;

}  // namespace ringfence::shim
