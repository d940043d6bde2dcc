// Which epoll set a descriptor was put into before its connection was overlaid: some event loops
// watch a socket before they connect it. Any thread; a wrong guess does no harm, because an overlay
// asks the set itself whether the descriptor is in it.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <cstdint>

#include "shim/preload/descriptors.hpp"

namespace ringfence::shim::preload {

class EarlyWatches {
 public:
  constexpr EarlyWatches() noexcept = default;

  // What epoll_ctl() did. Relaxed all: an application that connects a socket in one thread while
  // it puts it into a set in another does not know either which came first.
  void note(int epoll_fd, int operation, int fd, const epoll_event* event) noexcept {
    if (!Descriptors::is_in_table(fd) || epoll_fd < 0) return;
    Watch& watch = watches_[fd];
    if (operation == EPOLL_CTL_DEL || event == nullptr) {
      watch.set.store(0, std::memory_order_relaxed);
      return;
    }
    watch.events.store(event->events, std::memory_order_relaxed);
    watch.data.store(event->data.u64, std::memory_order_relaxed);
    watch.set.store(epoll_fd + 1, std::memory_order_relaxed);
  }
  [[nodiscard]] bool has(int fd) const noexcept {
    return Descriptors::is_in_table(fd) && watches_[fd].set.load(std::memory_order_relaxed) != 0;
  }
  // Of one that has(): its file is going.
  void forget(int fd) noexcept { watches_[fd].set.store(0, std::memory_order_relaxed); }
  // The set, or -1.
  [[nodiscard]] int find(int fd, epoll_event& event) const noexcept {
    if (!Descriptors::is_in_table(fd)) return -1;
    const Watch& watch = watches_[fd];
    event.events = watch.events.load(std::memory_order_relaxed);
    event.data.u64 = watch.data.load(std::memory_order_relaxed);
    return watch.set.load(std::memory_order_relaxed) - 1;
  }

 private:
  struct Watch {
    std::atomic<int> set{0};  // its descriptor and 1; 0: none
    std::atomic<std::uint32_t> events{0};
    std::atomic<std::uint64_t> data{0};
  };
  Watch watches_[fd_count]{};  // zero pages, but for what is used
};

extern constinit EarlyWatches early_watches;

}  // namespace ringfence::shim::preload
