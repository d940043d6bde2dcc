// poll() and select(). A session's own file says nothing of what its backends answered: it is asked
// what it waits for, and that is polled in its place.
#include "shim/preload/interpose/exported.hpp"
#include "shim/preload/poller.hpp"
#include "shim/preload/times.hpp"

#include <algorithm>

namespace preload = ringfence::shim::preload;
namespace real = preload::real;
using ringfence::shm_layout::boottime_ns;
using ringfence::shm_layout::ns_per_ms;
using ringfence::shm_layout::ns_per_second;

namespace {

// libc's call says what is wrong with a time that is none.
bool is_time(const timespec* time) {
  return time == nullptr ||
         (time->tv_sec >= 0 && time->tv_nsec >= 0 && time->tv_nsec < ns_per_second);
}
bool is_time(const timeval* time) {
  return time == nullptr || (time->tv_sec >= 0 && time->tv_usec >= 0);
}

// In slices; see slices.hpp.
template <typename Function>
int in_slices(std::int64_t timeout_ns, const Function& slice) {
  const std::int64_t end_ns = timeout_ns > 0 ? boottime_ns() + timeout_ns : 0;
  std::int64_t left_ns = timeout_ns;
  for (;;) {
    pthread_testcancel();
    const int outcome = slice(left_ns);
    if (outcome != preload::slice_passed) return outcome;
    if (end_ns != 0) left_ns = std::max<std::int64_t>(0, end_ns - boottime_ns());
  }
}

[[gnu::noinline]] int poll_slice(pollfd* fds, nfds_t count, std::int64_t left_ns,
                                 const sigset_t* signals) noexcept {
  preload::Poller poller(fds, count, signals);
  return poller.run(left_ns);
}

}  // namespace

RINGFENCE_EXPORTED int poll(pollfd* fds, nfds_t count, int timeout_ms) {
  if (!preload::has_session(fds, count)) return real::poll(fds, count, timeout_ms);
  return in_slices(timeout_ms < 0 ? preload::for_ever : timeout_ms * ns_per_ms,
                   [&](auto left_ns) { return poll_slice(fds, count, left_ns, nullptr); });
}

RINGFENCE_EXPORTED int ppoll(pollfd* fds, nfds_t count, const timespec* timeout,
                             const sigset_t* signals) {
  if (!preload::has_session(fds, count) || !is_time(timeout)) {
    return real::ppoll(fds, count, timeout, signals);
  }
  return in_slices(preload::ns_of(timeout),
                   [&](auto left_ns) { return poll_slice(fds, count, left_ns, signals); });
}

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
RINGFENCE_EXPORTED int __poll_chk(pollfd* fds, nfds_t count, int timeout_ms, size_t) {
  return poll(fds, count, timeout_ms);
}
RINGFENCE_EXPORTED int __ppoll_chk(pollfd* fds, nfds_t count, const timespec* timeout,
                                   const sigset_t* signals, size_t) {
  return ppoll(fds, count, timeout, signals);
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

// As Linux's own, it tells what is left of the time.
RINGFENCE_EXPORTED int select(int end, fd_set* to_read, fd_set* to_write, fd_set* other,
                              timeval* timeout) {
  if (!preload::has_session(end, to_read, to_write) || !is_time(timeout)) {
    return real::select(end, to_read, to_write, other, timeout);
  }
  const std::int64_t ns = preload::ns_of(timeout);
  const std::int64_t begin_ns = timeout == nullptr ? 0 : boottime_ns();
  const int outcome = in_slices(ns, [&](auto left_ns) {
    return preload::select_by_poll(end, to_read, to_write, other, left_ns, nullptr);
  });
  if (timeout != nullptr) {
    const std::int64_t passed_ns = boottime_ns() - begin_ns;
    const std::int64_t left_us = std::max<std::int64_t>(0, ns - passed_ns) / 1000;
    *timeout = {left_us / 1'000'000, left_us % 1'000'000};
  }
  return outcome;
}

RINGFENCE_EXPORTED int pselect(int end, fd_set* to_read, fd_set* to_write, fd_set* other,
                               const timespec* timeout, const sigset_t* signals) {
  if (!preload::has_session(end, to_read, to_write) || !is_time(timeout)) {
    return real::pselect(end, to_read, to_write, other, timeout, signals);
  }
  return in_slices(preload::ns_of(timeout), [&](auto left_ns) {
    return preload::select_by_poll(end, to_read, to_write, other, left_ns, signals);
  });
}
