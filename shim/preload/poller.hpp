// poll() with sessions among the descriptors. One call.
#pragma once

#include <poll.h>
#include <sys/select.h>

#include <csignal>
#include <cstdint>
#include <memory>

#include "shim/preload/descriptors.hpp"

namespace ringfence::shim::preload {

class Session;

[[nodiscard]] inline bool has_session(const pollfd* fds, nfds_t count) noexcept {
  for (nfds_t i = 0; i < count; ++i) {
    if (__builtin_expect(descriptors.session(fds[i].fd) != nullptr, 0)) return true;
  }
  return false;
}
[[nodiscard]] bool has_session(int end, const fd_set* to_read, const fd_set* to_write) noexcept;

class Poller {
 public:
  Poller(pollfd* fds, nfds_t count, const sigset_t* signals) noexcept
      : fds_(fds), count_(count), signals_(signals) {}
  // As poll(); -1: for ever.
  [[nodiscard]] int run(std::int64_t timeout_ns) noexcept;

 private:
  // What stands for descriptor i in the set that is polled: 3 places for each.
  static constexpr nfds_t places = 3;
  static constexpr nfds_t few = 16;

  [[nodiscard]] int prepare() noexcept;
  void prepare_session(nfds_t i, Session& session) noexcept;
  [[nodiscard]] int poll_for(std::int64_t ns) noexcept;
  [[nodiscard]] int collect() noexcept;
  void end_idle_waits() noexcept;
  [[nodiscard]] pollfd& place(nfds_t i, nfds_t which) noexcept { return set_[i * places + which]; }

  pollfd* fds_;
  nfds_t count_;
  const sigset_t* signals_;
  pollfd few_[few * places];
  std::unique_ptr<pollfd[]> many_;
  pollfd* set_ = few_;
  bool has_news_ = false;  // of the present round
  bool may_sleep_ = false;
  std::int64_t within_ns_ = 0;  // sessions are to be looked at again
};

[[nodiscard]] int select_by_poll(int end, fd_set* to_read, fd_set* to_write, fd_set* other,
                                 std::int64_t timeout_ns, const sigset_t* signals) noexcept;

}  // namespace ringfence::shim::preload
