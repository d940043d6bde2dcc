// What all entry points share. Each asks whether the descriptor is overlaid, and if not, which is
// nearly always, jumps to libc's function.
//
// A thread that waits inside of libc may be cancelled there, and its stack is unwound: nothing of
// ours stands on it then.
#pragma once

#include "shim/preload/cancelled_later.hpp"
#include "shim/preload/process.hpp"
#include "shim/preload/real.hpp"

#define RINGFENCE_EXPORTED extern "C" __attribute__((visibility("default")))

namespace ringfence::shim::preload {

[[nodiscard]] inline bool is_overlaid(int fd) noexcept {
  return __builtin_expect(descriptors.session(fd) != nullptr, 0);
}

// `ask(session)`, or `pass_on()` when it is nobody's session any more, left to the agent, or one of
// `flags` is for who reads the real connection.
template <typename Ask, typename PassOn>
[[gnu::noinline]] auto ask_or_pass_on(int fd, int flags, Ask ask, PassOn pass_on) {
  constexpr int past_us = MSG_OOB | MSG_ERRQUEUE;
  {
    const CancelledLater cancelled_later;
    const SessionReference session = session_of(fd);
    if (session && !session->is_left_to_agent() && (flags & past_us) == 0) {
      return ask(*session.get());
    }
  }
  return pass_on();
}

// The same, of a call that is one of libc's cancellation points. Apart, so that a call on any other
// descriptor needs no stack.
template <typename Ask, typename PassOn>
[[gnu::noinline]] auto in_session(int fd, int flags, Ask ask, PassOn pass_on) {
  pthread_testcancel();
  return ask_or_pass_on(fd, flags, ask, pass_on);
}

}  // namespace ringfence::shim::preload
