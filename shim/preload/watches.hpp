// Which epoll sets of the application watch a session, and for what. The files that may make it
// readable are put into the same sets under the application's own data, edge-triggered: a file
// whose turn it is not wakes nobody twice. Under its session's watch lock.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <vector>

namespace ringfence::shim::preload {

class Watches {
 public:
  struct Watch {
    int epoll_fd = -1;
    std::uint32_t events = 0;
    epoll_data_t data{};
  };

  void set(int epoll_fd, const epoll_event& event);
  void remove(int epoll_fd) noexcept;
  void clear() noexcept { watches_.clear(); }
  [[nodiscard]] bool is_empty() const noexcept { return watches_.empty(); }
  [[nodiscard]] const std::vector<Watch>& all() const noexcept { return watches_; }

  // Puts a file into every set that waits for the session to be readable, or changes it there.
  // `is_for_writing`: also where the application waits to send.
  void add_file(int fd, bool is_for_writing) const noexcept;
  static void set_file(const Watch& watch, int fd, bool is_for_writing) noexcept;
  void remove_file(int fd) const noexcept;
  // The application's own file: without EPOLLOUT while it may not be told that it can send.
  void set_own(int fd, bool may_send) const noexcept;

 private:
  std::vector<Watch> watches_;
};

}  // namespace ringfence::shim::preload
