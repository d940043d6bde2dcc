// Signals in the middle of a receive or a send. The kernel goes on with such a call behind a
// handler that was installed with SA_RESTART, but not where the socket has a timeout (signal(7)),
// as ours to backends have whatever the application wants. Async-signal-safe; any thread.
#pragma once

#include <cerrno>
#include <csignal>

namespace ringfence::shim::preload {

// What a thread does to itself, never while it waits: crash reporters and virtual machines handle
// it.
[[nodiscard]] constexpr bool is_fault(int number) noexcept {
  return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL ||
         number == SIGTRAP || number == SIGSYS || number == SIGABRT;
}

// Whether a call that has just failed with EINTR would have gone on, were it libc's own on a socket
// without a timeout. Which signal it was is not known: only where every handler restarts calls.
[[nodiscard]] inline bool would_restart() noexcept {
  const int reason = errno;
  bool restart = true;
  for (int number = 1; number < NSIG && restart; ++number) {
    struct sigaction action {};
    const bool is_handled = !is_fault(number) && sigaction(number, nullptr, &action) == 0 &&
                            action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN;
    restart = !is_handled || (action.sa_flags & SA_RESTART) != 0;
  }
  errno = reason;
  return restart;
}

}  // namespace ringfence::shim::preload
