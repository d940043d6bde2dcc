// Notices that this host's time cannot be trusted for a moment: the machine slept, or the process
// stood still for longer than a lease. Pure: readings in, a sentence out. The daemon's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/core/types.hpp"

namespace ringfence::agent::daemon {

class ClockGuard {
 public:
  explicit ClockGuard(core::Duration lease) : lease_(lease) {}

  // The timer that the core waits for; its lateness tells how long the process stood still.
  void expect_by(core::Instant at) { expected_ = at; }

  // Both clocks, read one right after the other. A sentence when they jumped since the last call.
  [[nodiscard]] std::optional<std::string> check(core::Instant boottime, std::int64_t monotonic_ns);

 private:
  core::Duration lease_;
  std::optional<core::Instant> expected_;
  std::optional<std::int64_t> offset_ns_;  // CLOCK_BOOTTIME less CLOCK_MONOTONIC
};

}  // namespace ringfence::agent::daemon
