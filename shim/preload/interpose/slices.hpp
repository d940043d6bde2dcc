// Calls that may sleep, in slices. Between two of them nothing is held and nothing is to be
// unwound: the thread may be cancelled there, or where libc's own call is.
#pragma once

#include <cerrno>

#include "shim/preload/interpose/exported.hpp"

namespace ringfence::shim::preload {

// The session that a call began with: it is not another one's, whoever has the number later.
struct Turn {
  const Session* session = nullptr;
  std::uint64_t life = 0;
  std::int64_t end_ns = 0;  // of the timeout; 0: nothing was waited for yet

  [[nodiscard]] bool is_of(const Session* found) noexcept {
    if (session == nullptr && found != nullptr) {
      session = found;
      life = found->life();
    }
    return session == found && (found == nullptr || found->life() == life);
  }
};

// `function` gets the session. Another outcome than libc's: `slice_passed`, `ask_libc`.
template <typename Function>
[[gnu::noinline]] ssize_t slice_of(int fd, Turn& turn, const Function& function) noexcept {
  const int caller_errno = errno;
  const CalledSession session(fd);
  // It may have been left to the agent, and is still what it was.
  if (!turn.is_of(session ? session.get() : descriptors.session(fd))) {
    errno = EBADF;
    return -1;
  }
  if (!session) return ask_libc;
  const ssize_t outcome = function(*session.get());
  if (outcome >= 0) errno = caller_errno;
  return outcome;
}

[[nodiscard]] inline bool is_overlaid(int fd) noexcept {
  return __builtin_expect(descriptors.session(fd) != nullptr, 0);
}

// Or what `libcs` returns, where the descriptor is not overlaid any more. Apart, so that a call on
// any other descriptor is a jump to libc's.
template <typename Function, typename Libcs>
[[gnu::noinline]] ssize_t in_slices(int fd, const Function& function, const Libcs& libcs) {
  Turn turn;
  ssize_t outcome = slice_passed;
  while (outcome == slice_passed) {
    pthread_testcancel();
    outcome = slice_of(fd, turn, function);
  }
  return outcome == ask_libc ? libcs() : outcome;
}

}  // namespace ringfence::shim::preload
