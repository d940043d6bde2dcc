// Mutexes in a forked child, where the thread that forked is the only one.
#pragma once

#include <mutex>
#include <new>

namespace ringfence::shim::preload {

// Free from now on. False: another thread of the parent held it, and may have been changing what it
// guards.
[[nodiscard]] inline bool take_over(std::mutex& mutex) noexcept {
  if (mutex.try_lock()) {
    mutex.unlock();
    return true;
  }
  new (&mutex) std::mutex;
  return false;
}

}  // namespace ringfence::shim::preload
