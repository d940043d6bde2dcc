#include "shim/preload/bell.hpp"

#include <sys/timerfd.h>

#include "shm_layout/clock.hpp"

namespace ringfence::shim::preload {

using shm_layout::ns_per_second;

int Bell::fd() noexcept {
  if (!file_.is_open()) {
    const int made = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (made < 0 || !file_.adopt(made)) return -1;
  }
  return file_.get();
}

int Bell::ring_in(std::int64_t ns) noexcept {
  const int file = fd();
  if (file < 0) return -1;
  itimerspec time{};
  time.it_value.tv_sec = ns / ns_per_second;
  time.it_value.tv_nsec = ns % ns_per_second;
  // Before it is set, and by a clock that does not lag: who hears it ring never finds it still to.
  rings_at_ns_ = shm_layout::boottime_ns() + ns;
  timerfd_settime(file, 0, &time, nullptr);
  return file;
}

int Bell::ring_within(std::int64_t ns) noexcept {
  const std::int64_t now_ns = shm_layout::boottime_ns();
  const bool is_set = rings_at_ns_ > now_ns && rings_at_ns_ <= now_ns + ns;
  return is_set ? file_.get() : ring_in(ns);
}

void Bell::silence() noexcept {
  if (rings_at_ns_ == 0 || !file_.is_open()) return;
  const itimerspec never{};
  timerfd_settime(file_.get(), 0, &never, nullptr);
  rings_at_ns_ = 0;
}

void Bell::close() noexcept {
  file_.close();
  rings_at_ns_ = 0;
}

void Bell::forget() noexcept {
  file_.forget();
  rings_at_ns_ = 0;
}

}  // namespace ringfence::shim::preload
