#include "shim/preload/poller.hpp"

#include <algorithm>
#include <cerrno>
#include <new>

#include "shim/preload/process.hpp"
#include "shim/preload/real.hpp"

namespace ringfence::shim::preload {

namespace {

constexpr short readable = POLLIN | POLLRDNORM;
constexpr short writable = POLLOUT | POLLWRNORM;

bool is_in(int fd, const fd_set* set) noexcept {
  // Not FD_ISSET, which its checked form bounds by FD_SETSIZE: applications make larger sets.
  return set != nullptr && (set->fds_bits[fd / NFDBITS] & (1L << (fd % NFDBITS))) != 0;
}
void take_out(int fd, fd_set* set) noexcept {
  set->fds_bits[fd / NFDBITS] &= ~(1L << (fd % NFDBITS));
}

}  // namespace

bool has_session(int end, const fd_set* to_read, const fd_set* to_write) noexcept {
  const int known_end = std::min(end, descriptors.end());
  for (int fd = 0; fd < known_end; ++fd) {
    if (descriptors.session(fd) != nullptr && (is_in(fd, to_read) || is_in(fd, to_write))) {
      return true;
    }
  }
  return false;
}

bool Poller::allocate() noexcept {
  if (count_ <= few) return true;
  many_polled_.reset(new (std::nothrow) pollfd[count_ * places]);
  many_places_.reset(new (std::nothrow) Place[count_ * places]);
  many_idle_.reset(new (std::nothrow) Session*[count_]);
  polled_ = many_polled_.get();
  places_ = many_places_.get();
  idle_ = many_idle_.get();
  return polled_ != nullptr && places_ != nullptr && idle_ != nullptr;
}

int Poller::run(std::int64_t left_ns) noexcept {
  const int caller_errno = errno;
  if (!allocate()) {
    errno = ENOMEM;
    return -1;
  }
  may_sleep_ = left_ns != 0;
  const int ready_now = prepare();
  if (ready_now > 0) left_ns = 0;
  if (looks_again_) within_ns_ = 0;
  const int outcome = poll_for(left_ns < 0 ? within_ns_ : std::min(left_ns, within_ns_));
  const int reason = errno;
  end_idle_waits();
  errno = reason;
  if (outcome < 0 && ready_now == 0) return -1;
  const int ready = collect();
  errno = caller_errno;
  return ready > 0 || left_ns == 0 ? ready : slice_passed;
}

// Returns how many sessions are readable now.
int Poller::prepare() noexcept {
  int ready = 0;
  within_ns_ = slice_ns;
  polled_count_ = 0;
  for (nfds_t i = 0; i < count_; ++i) {
    fds_[i].revents = 0;
    if (const SessionReference session = session_of(fds_[i].fd)) {
      prepare_session(i, *session.get());
      if (fds_[i].revents != 0) ++ready;
    } else {
      add(i, fds_[i].fd, fds_[i].events);
    }
  }
  return ready;
}

void Poller::prepare_session(nfds_t i, Session& session) noexcept {
  const int fd = fds_[i].fd;
  const short events = fds_[i].events;
  const bool wants_read = (events & readable) != 0;
  const Session::Waits waits = session.waits(wants_read, (events & writable) != 0, false);
  if (waits.is_readable) fds_[i].revents = static_cast<short>(events & readable);
  if (!wants_read && waits.write_fd < 0) {
    add(i, fd, events);
    return;
  }
  add(i, waits.write_fd, static_cast<short>(events & writable));
  if (!wants_read || waits.is_readable) return;
  within_ns_ = std::min(within_ns_, waits.within_ns);
  if (waits.is_idle) {
    add(i, waits.read_fd, static_cast<short>(events & ~writable));
    if (may_sleep_) begin_idle_wait(i, session);
    // Now that who asks rings.
    looks_again_ = looks_again_ || (waits.is_silent && !session.is_idle());
  } else {
    add(i, waits.read_fd, POLLIN, true);
  }
}

void Poller::add(nfds_t i, int fd, short events, bool is_news) noexcept {
  if (fd < 0) return;
  polled_[polled_count_] = {fd, events, 0};
  places_[polled_count_++] = {static_cast<std::uint32_t>(i), is_news};
}

// It is kept: by the end of the wait its number may be another session's.
void Poller::begin_idle_wait(nfds_t i, Session& session) noexcept {
  if (!session.reference()) return;
  idle_[idle_count_++] = &session;
  add(i, session.begin_idle_wait(), POLLIN, true);
}

void Poller::end_idle_waits() noexcept {
  while (idle_count_ > 0) {
    Session* session = idle_[--idle_count_];
    session->end_idle_wait();
    session->release();
  }
}

// poll() in whole milliseconds, where that will do: it writes no time back. What is left of them is
// another slice.
int Poller::poll_for(std::int64_t ns) noexcept {
  if (signals_ == nullptr && (ns == 0 || ns >= shm_layout::ns_per_ms)) {
    return real::poll(polled_, polled_count_, static_cast<int>(ns / shm_layout::ns_per_ms));
  }
  const timespec time{ns / shm_layout::ns_per_second, ns % shm_layout::ns_per_second};
  return real::ppoll(polled_, polled_count_, &time, signals_);
}

// What the application is told of this round.
int Poller::collect() noexcept {
  for (nfds_t n = 0; n < polled_count_; ++n) {
    if (polled_[n].revents == 0) continue;
    pollfd& told = fds_[places_[n].of];
    if (!places_[n].is_news) {
      told.revents = static_cast<short>(told.revents | polled_[n].revents);
      continue;
    }
    const SessionReference session = session_of(told.fd);
    // A byte is not an answer yet: it may be half of one, or one that nobody is told.
    if (session && session->waits(true, false, true).is_readable) {
      told.revents = static_cast<short>(told.revents | (told.events & readable));
    }
  }
  return static_cast<int>(
      std::count_if(fds_, fds_ + count_, [](const pollfd& each) { return each.revents != 0; }));
}

int select_by_poll(int end, fd_set* to_read, fd_set* to_write, fd_set* other, std::int64_t left_ns,
                   const sigset_t* signals) noexcept {
  nfds_t count = 0;
  const auto size = static_cast<std::size_t>(std::max(end, 0));
  const std::unique_ptr<pollfd[]> fds(new (std::nothrow) pollfd[size + 1]);
  if (fds == nullptr) {
    errno = ENOMEM;
    return -1;
  }
  for (int fd = 0; fd < end; ++fd) {
    short events = 0;
    if (is_in(fd, to_read)) events |= POLLIN;
    if (is_in(fd, to_write)) events |= POLLOUT;
    if (is_in(fd, other)) events |= POLLPRI;
    if (events != 0) fds[count++] = {fd, events, 0};
  }
  Poller poller(fds.get(), count, signals);
  if (const int outcome = poller.run(left_ns); outcome < 0) return outcome;
  int ready = 0;
  const auto keep_if = [&](int fd, fd_set* set, int events, short revents) {
    if (!is_in(fd, set)) return;
    if ((revents & events) != 0) {
      ++ready;
    } else {
      take_out(fd, set);
    }
  };
  for (nfds_t i = 0; i < count; ++i) {
    if ((fds[i].revents & POLLNVAL) != 0) {
      errno = EBADF;
      return -1;
    }
    keep_if(fds[i].fd, to_read, POLLIN | POLLHUP | POLLERR, fds[i].revents);
    keep_if(fds[i].fd, to_write, POLLOUT | POLLERR, fds[i].revents);
    keep_if(fds[i].fd, other, POLLPRI, fds[i].revents);
  }
  return ready;
}

}  // namespace ringfence::shim::preload
