// pthread_cancel(). libc's calls that the preload makes are cancellation points, and its functions
// cannot be unwound: each brings its own half of the C++ runtime, and the other half would do it.
// So they run with cancellation off. Where an application's call sleeps it does so in slices, and
// between two of them, with nothing to unwind, its thread may be cancelled.
#pragma once

#include <pthread.h>

namespace ringfence::shim::preload {

class Uncancelled {
 public:
  Uncancelled() noexcept { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
  ~Uncancelled() { pthread_setcancelstate(before_, nullptr); }
  Uncancelled(const Uncancelled&) = delete;
  Uncancelled& operator=(const Uncancelled&) = delete;

 private:
  int before_ = PTHREAD_CANCEL_ENABLE;
};

// What a slice of a call returns in place of libc's values.
inline constexpr int slice_passed = -2;  // nothing has come yet
inline constexpr int ask_libc = -3;      // the descriptor is not overlaid, or not any more

}  // namespace ringfence::shim::preload
