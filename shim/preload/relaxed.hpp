// A value that several threads look at and nothing hangs on: who sees an old one is only late. All
// accesses are relaxed, and so have no partner.
#pragma once

#include <atomic>

namespace ringfence::shim::preload {

template <typename T>
class Relaxed {
 public:
  constexpr Relaxed() noexcept = default;
  Relaxed(const Relaxed&) = delete;
  Relaxed& operator=(const Relaxed&) = delete;
  Relaxed& operator=(T value) noexcept {
    value_.store(value, std::memory_order_relaxed);
    return *this;
  }
  operator T() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<T> value_{};
};

}  // namespace ringfence::shim::preload
