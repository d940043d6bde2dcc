#include "agent/daemon/clock_guard.hpp"

#include "shm_layout/clock.hpp"

namespace ringfence::agent::daemon {
namespace {

using shm_layout::ns_per_ms;

// CLOCK_BOOTTIME runs ahead of CLOCK_MONOTONIC by the time the machine slept and by nothing else;
// two readings apart by a preemption differ by far less than this.
constexpr std::int64_t jump_ns = 100 * ns_per_ms;

}  // namespace

std::optional<std::string> ClockGuard::check(core::Instant boottime, std::int64_t monotonic_ns) {
  const std::int64_t offset_ns = boottime.ns - monotonic_ns;
  const std::int64_t moved_ns = offset_ns_ ? offset_ns - *offset_ns_ : 0;
  offset_ns_ = offset_ns;
  if (moved_ns > jump_ns || moved_ns < -jump_ns) {
    expected_.reset();
    return "the machine slept for " + std::to_string(moved_ns / ns_per_ms) + " ms";
  }
  if (expected_ && boottime - *expected_ > lease_) {
    const std::int64_t late_ms = (boottime - *expected_).ns / ns_per_ms;
    expected_.reset();
    return "the agent stood still for " + std::to_string(late_ms) + " ms";
  }
  return std::nullopt;
}

}  // namespace ringfence::agent::daemon
