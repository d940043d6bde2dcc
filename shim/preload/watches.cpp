#include "shim/preload/watches.hpp"

#include <cerrno>

#include "shim/preload/real.hpp"

namespace ringfence::shim::preload {

void Watches::set(int epoll_fd, const epoll_event& event) {
  for (Watch& watch : watches_) {
    if (watch.epoll_fd != epoll_fd) continue;
    watch.events = event.events;
    watch.data = event.data;
    return;
  }
  watches_.push_back({epoll_fd, event.events, event.data});
}

void Watches::remove(int epoll_fd) noexcept {
  for (auto watch = watches_.begin(); watch != watches_.end(); ++watch) {
    if (watch->epoll_fd != epoll_fd) continue;
    watches_.erase(watch);
    return;
  }
}

void Watches::set_file(const Watch& watch, int fd, bool is_for_writing) noexcept {
  epoll_event event{};
  event.data = watch.data;
  event.events = EPOLLET;
  if ((watch.events & EPOLLIN) != 0) event.events |= EPOLLIN;
  if (is_for_writing && (watch.events & EPOLLOUT) != 0) event.events |= EPOLLOUT;
  // Changing it asks for its state again: what came meanwhile is told.
  if (real::epoll_ctl(watch.epoll_fd, EPOLL_CTL_MOD, fd, &event) != 0 && errno == ENOENT) {
    real::epoll_ctl(watch.epoll_fd, EPOLL_CTL_ADD, fd, &event);
  }
}

void Watches::add_file(int fd, bool is_for_writing) const noexcept {
  for (const Watch& watch : watches_) set_file(watch, fd, is_for_writing);
}

void Watches::remove_file(int fd) const noexcept {
  epoll_event unused{};
  for (const Watch& watch : watches_) {
    real::epoll_ctl(watch.epoll_fd, EPOLL_CTL_DEL, fd, &unused);
  }
}

void Watches::set_own(int fd, bool may_send) const noexcept {
  for (const Watch& watch : watches_) {
    if ((watch.events & EPOLLOUT) == 0) continue;
    epoll_event event{};
    event.data = watch.data;
    event.events = may_send ? watch.events : watch.events & ~std::uint32_t{EPOLLOUT};
    real::epoll_ctl(watch.epoll_fd, EPOLL_CTL_MOD, fd, &event);
  }
}

}  // namespace ringfence::shim::preload
