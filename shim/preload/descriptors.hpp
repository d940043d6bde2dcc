// What each descriptor of the process is to the preload: nothing, a connection that is overlaid, a
// descriptor of the preload's own, or an epoll set that watches an overlaid connection.
//
// Reading is one load, for any thread, at any time. Descriptors from fd_count on are never overlaid
// and never the preload's own.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace ringfence::shim::preload {

class Session;
class HiddenFd;

inline constexpr int fd_count = 65'536;

class Descriptors {
 public:
  constexpr Descriptors() noexcept = default;

  // Null unless the descriptor is overlaid. Only session_of() (process.hpp) keeps it there.
  // Acquire; pairs with the release in put(): who sees a session sees it whole.
  [[nodiscard]] Session* session(int fd) const noexcept {
    const std::uintptr_t entry = at(fd);
    // NOLINTNEXTLINE: a word that is a pointer or a tag
    return (entry & tag_mask) == 0 ? reinterpret_cast<Session*>(entry) : nullptr;
  }
  [[nodiscard]] HiddenFd* hidden(int fd) const noexcept {
    const std::uintptr_t entry = at(fd);
    if ((entry & tag_mask) != hidden_tag) return nullptr;
    return reinterpret_cast<HiddenFd*>(entry & ~tag_mask);  // NOLINT: as above
  }
  [[nodiscard]] bool is_epoll(int fd) const noexcept { return at(fd) == epoll_tag; }
  [[nodiscard]] bool is_known(int fd) const noexcept { return at(fd) != 0; }

  void put(int fd, Session* session) noexcept {
    put(fd, reinterpret_cast<std::uintptr_t>(session));
  }
  void put(int fd, HiddenFd* hidden) noexcept {
    put(fd, reinterpret_cast<std::uintptr_t>(hidden) | hidden_tag);
  }
  void put_epoll(int fd) noexcept { put(fd, epoll_tag); }
  void clear(int fd) noexcept {
    if (is_in_table(fd)) table_[fd].store(0, std::memory_order_release);
  }
  // True for the one caller that takes the session out.
  [[nodiscard]] bool remove(int fd, Session* session) noexcept {
    auto expected = reinterpret_cast<std::uintptr_t>(session);
    return table_[fd].compare_exchange_strong(expected, 0, std::memory_order_acq_rel);
  }

  [[nodiscard]] static bool is_in_table(int fd) noexcept { return fd >= 0 && fd < fd_count; }
  // One past the highest descriptor that was ever known. Relaxed: who walks the table looks at
  // descriptors whose owner has told it of them.
  [[nodiscard]] int end() const noexcept { return end_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::uintptr_t tag_mask = 3;
  static constexpr std::uintptr_t hidden_tag = 1;
  static constexpr std::uintptr_t epoll_tag = 2;

  [[nodiscard]] std::uintptr_t at(int fd) const noexcept {
    return is_in_table(fd) ? table_[fd].load(std::memory_order_acquire) : 0;
  }
  void put(int fd, std::uintptr_t entry) noexcept {
    int end = end_.load(std::memory_order_relaxed);
    while (end <= fd && !end_.compare_exchange_weak(end, fd + 1, std::memory_order_relaxed)) {
    }
    table_[fd].store(entry, std::memory_order_release);
  }

  std::atomic<std::uintptr_t> table_[fd_count]{};
  std::atomic<int> end_{0};
};

extern constinit Descriptors descriptors;

}  // namespace ringfence::shim::preload
