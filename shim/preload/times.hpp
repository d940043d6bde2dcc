// Durations as applications name them. Pure.
#pragma once

#include <sys/time.h>

#include <algorithm>
#include <cstdint>
#include <ctime>

#include "shm_layout/clock.hpp"

namespace ringfence::shim::preload {

inline constexpr std::int64_t for_ever = -1;
// A hundred years: what can be added to any clock.
inline constexpr std::int64_t seconds_max = 100LL * 365 * 24 * 3600;

// As poll() takes them; null: for ever.
[[nodiscard]] inline std::int64_t ns_of(const timespec* time) noexcept {
  if (time == nullptr) return for_ever;
  return std::min<std::int64_t>(time->tv_sec, seconds_max) * shm_layout::ns_per_second +
         time->tv_nsec;
}
[[nodiscard]] inline std::int64_t ns_of(const timeval* time) noexcept {
  if (time == nullptr) return for_ever;
  const std::int64_t seconds = std::min<std::int64_t>(time->tv_sec, seconds_max);
  return seconds * shm_layout::ns_per_second +
         std::min<std::int64_t>(time->tv_usec, seconds_max) * 1000;
}

}  // namespace ringfence::shim::preload
