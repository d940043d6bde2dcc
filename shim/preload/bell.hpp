// What wakes whoever waits for a session when no file of it will: an answer that lies in memory, a
// view that is waited for, a request that another thread sent. A timer, made when it is first
// needed. Under its session's watch lock.
#pragma once

#include <cstdint>

#include "shim/preload/hidden_fd.hpp"

namespace ringfence::shim::preload {

class Bell {
 public:
  // Readable from then on, until it is set again. Its file, or -1 when there is none to be had.
  int ring_in(std::int64_t ns) noexcept;
  int ring_now() noexcept { return ring_in(1); }
  void silence() noexcept;
  // Rings within `ns`, if it was not going to anyway. At most one system call in that time.
  int ring_within(std::int64_t ns) noexcept;

  [[nodiscard]] int fd() noexcept;
  [[nodiscard]] bool is_made() const noexcept { return file_.is_open(); }
  void close() noexcept;
  void forget() noexcept;

 private:
  HiddenFd file_;
  std::int64_t rings_at_ns_ = 0;  // CLOCK_BOOTTIME; 0: it is silent
};

}  // namespace ringfence::shim::preload
