// poll() and select(). A session's own file says nothing of what its backends answered: it is asked
// what it waits for, and that is polled in its place.
#include "shim/preload/interpose/exported.hpp"
#include "shim/preload/poller.hpp"

#include <cerrno>

namespace preload = ringfence::shim::preload;
namespace real = preload::real;
using ringfence::shm_layout::ns_per_ms;
using ringfence::shm_layout::ns_per_second;

namespace {

// Apart, so that a call without a session needs no room on the stack.
[[gnu::noinline]] int poll_sessions(pollfd* fds, nfds_t count, const sigset_t* signals,
                                    std::int64_t timeout_ns) {
  preload::Poller poller(fds, count, signals);
  return poller.run(timeout_ns);
}

}  // namespace

RINGFENCE_EXPORTED int poll(pollfd* fds, nfds_t count, int timeout_ms) {
  if (!preload::has_session(fds, count)) return real::poll(fds, count, timeout_ms);
  return poll_sessions(fds, count, nullptr, timeout_ms < 0 ? -1 : timeout_ms * ns_per_ms);
}

RINGFENCE_EXPORTED int ppoll(pollfd* fds, nfds_t count, const timespec* timeout,
                             const sigset_t* signals) {
  if (!preload::has_session(fds, count)) return real::ppoll(fds, count, timeout, signals);
  return poll_sessions(
      fds, count, signals,
      timeout == nullptr ? -1 : timeout->tv_sec * ns_per_second + timeout->tv_nsec);
}

RINGFENCE_EXPORTED int __poll_chk(pollfd* fds, nfds_t count, int timeout_ms, size_t) {
  return poll(fds, count, timeout_ms);
}
RINGFENCE_EXPORTED int __ppoll_chk(pollfd* fds, nfds_t count, const timespec* timeout,
                                   const sigset_t* signals, size_t) {
  return ppoll(fds, count, timeout, signals);
}

RINGFENCE_EXPORTED int select(int end, fd_set* to_read, fd_set* to_write, fd_set* other,
                              timeval* timeout) {
  if (!preload::has_session(end, to_read, to_write)) {
    return real::select(end, to_read, to_write, other, timeout);
  }
  const std::int64_t ns =
      timeout == nullptr ? -1 : timeout->tv_sec * ns_per_second + timeout->tv_usec * 1000;
  return preload::select_by_poll(end, to_read, to_write, other, ns, nullptr);
}

RINGFENCE_EXPORTED int pselect(int end, fd_set* to_read, fd_set* to_write, fd_set* other,
                               const timespec* timeout, const sigset_t* signals) {
  if (!preload::has_session(end, to_read, to_write)) {
    return real::pselect(end, to_read, to_write, other, timeout, signals);
  }
  const std::int64_t ns =
      timeout == nullptr ? -1 : timeout->tv_sec * ns_per_second + timeout->tv_nsec;
  return preload::select_by_poll(end, to_read, to_write, other, ns, signals);
}
