#include "agent/port/ticker.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>

namespace ringfence::agent::port {

int Ticker::open(uv_loop_t* loop, std::uint64_t period_ms, Owner& owner) {
  const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0) return -errno;
  owner_ = &owner;
  period_ms_ = period_ms;
  if (!watch_.open(loop, fd, *this)) return -ENOMEM;
  watch_.want(UV_READABLE);
  return 0;
}

void Ticker::set(std::uint64_t period_ms) {
  itimerspec spec{};
  spec.it_value.tv_sec = static_cast<time_t>(period_ms / 1000);
  spec.it_value.tv_nsec = static_cast<long>(period_ms % 1000 * 1'000'000);
  spec.it_interval = spec.it_value;
  // Cannot fail: the file is ours and the times are valid.
  (void)timerfd_settime(watch_.fd(), 0, &spec, nullptr);
}

void Ticker::start() {
  if (is_running_) return;
  is_running_ = true;
  set(period_ms_);
}

void Ticker::stop() {
  is_running_ = false;
  set(0);
}

void Ticker::on_socket(int /*events*/) {
  std::uint64_t periods = 0;
  const ssize_t got = ::read(watch_.fd(), &periods, sizeof(periods));
  if (got == sizeof(periods)) owner_->on_tick();
}

}  // namespace ringfence::agent::port
