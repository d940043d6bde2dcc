// poll() with sessions among the descriptors. A slice of one call.
#pragma once

#include <poll.h>
#include <sys/select.h>

#include <csignal>
#include <cstdint>
#include <memory>

#include "shim/preload/cancellation.hpp"
#include "shim/preload/descriptors.hpp"

namespace ringfence::shim::preload {

class Session;

[[nodiscard]] inline bool has_session(const pollfd* fds, nfds_t count) noexcept {
  if (descriptors.end() == 0) return false;  // there never was one
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
  ~Poller() { end_idle_waits(); }
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  // As poll(), but for a slice of what is left (-1: for ever) at most: may be `slice_passed`.
  [[nodiscard]] int run(std::int64_t left_ns) noexcept;

 private:
  // What is polled for one of the application's descriptors; a session may need three. As few as
  // there are files: poll() refuses a set that is larger than the process may have files.
  struct Place {
    std::uint32_t of;  // the application's descriptors
    bool is_news;      // where an answer may come; else what is reported is the application's
  };
  static constexpr nfds_t places = 3;
  static constexpr nfds_t few = 16;

  [[nodiscard]] bool allocate() noexcept;
  [[nodiscard]] int prepare() noexcept;
  void prepare_session(nfds_t i, Session& session) noexcept;
  void add(nfds_t i, int fd, short events, bool is_news = false) noexcept;
  void begin_idle_wait(nfds_t i, Session& session) noexcept;
  void end_idle_waits() noexcept;
  [[nodiscard]] int poll_for(std::int64_t ns) noexcept;
  [[nodiscard]] int collect() noexcept;

  const Uncancelled uncancelled_;
  pollfd* fds_;
  nfds_t count_;
  const sigset_t* signals_;
  pollfd few_polled_[few * places];
  Place few_places_[few * places];
  Session* few_idle_[few];
  std::unique_ptr<pollfd[]> many_polled_;
  std::unique_ptr<Place[]> many_places_;
  std::unique_ptr<Session*[]> many_idle_;
  pollfd* polled_ = few_polled_;
  Place* places_ = few_places_;
  nfds_t polled_count_ = 0;
  Session** idle_ = few_idle_;  // that are waited for, and kept meanwhile
  nfds_t idle_count_ = 0;
  bool may_sleep_ = false;
  std::int64_t within_ns_ = 0;  // sessions are to be looked at again
  bool looks_again_ = false;    // at once: something was asked just now
};

// The same of select().
[[nodiscard]] int select_by_poll(int end, fd_set* to_read, fd_set* to_write, fd_set* other,
                                 std::int64_t left_ns, const sigset_t* signals) noexcept;

}  // namespace ringfence::shim::preload
