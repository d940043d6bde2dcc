// The clocks that leases are measured with. Never wall time: it jumps.
// Any thread; no lock, no allocation; each call is one vDSO clock read.
#pragma once

#include <ctime>

#include <cstdint>

namespace ringfence::shm_layout {

inline constexpr std::int64_t ns_per_second = 1'000'000'000;
inline constexpr std::int64_t ns_per_ms = 1'000'000;

// How far behind CLOCK_MONOTONIC the coarse clock is taken to stand, in its own ticks.
inline constexpr std::int64_t coarse_lag_ticks = 3;

[[nodiscard]] inline std::int64_t read_clock_ns(clockid_t clock) noexcept {
  timespec time{};
  clock_gettime(clock, &time);
  return time.tv_sec * ns_per_second + time.tv_nsec;
}

// Counts while the machine sleeps; about 23 ns. validate() and the agent use it.
[[nodiscard]] inline std::int64_t boottime_ns() noexcept {
  return read_clock_ns(CLOCK_BOOTTIME);
}

// Lags by one kernel tick (4 ms at 250 Hz), and on a virtual machine whose tick comes late by up to
// three (11.7 ms seen); about 5 ns. Only route() uses it, against a deadline that the writer has
// already shortened by coarse_lag_ticks. A longer lag only delays the routes' end like a pause of
// the thread would: validate() reads CLOCK_BOOTTIME and has the last word.
[[nodiscard]] inline std::int64_t coarse_ns() noexcept {
  return read_clock_ns(CLOCK_MONOTONIC_COARSE);
}

}  // namespace ringfence::shm_layout
