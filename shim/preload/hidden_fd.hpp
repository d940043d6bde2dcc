// A descriptor of the preload's own in the application's process: high, so that it takes no number
// that an application counts on, closed on exec, and known to `descriptors`, so that loops that
// close everything leave it alone. Never a member of what may move in memory. One thread at a time,
// but for get().
#pragma once

#include <atomic>

namespace ringfence::shim::preload {

class HiddenFd {
 public:
  constexpr HiddenFd() noexcept = default;
  ~HiddenFd() { close(); }
  HiddenFd(const HiddenFd&) = delete;
  HiddenFd& operator=(const HiddenFd&) = delete;

  // Takes over `fd`, or closes it: false when there is no room above.
  [[nodiscard]] bool adopt(int fd) noexcept;
  void close() noexcept;
  // The application wants the number: another one from now on. False: it had to be closed.
  bool move_away() noexcept;
  // In a forked child that does not know what it was for: closed, if it was there.
  void forget() noexcept { fd_.store(-1, std::memory_order_relaxed); }

  // Relaxed: whoever uses it was given the object by who opened it.
  [[nodiscard]] int get() const noexcept { return fd_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool is_open() const noexcept { return get() >= 0; }

 private:
  std::atomic<int> fd_{-1};
};

}  // namespace ringfence::shim::preload
