#include "shim/preload/poller.hpp"

#include <algorithm>
#include <cerrno>
#include <new>

#include "shim/preload/cancelled_later.hpp"
#include "shim/preload/process.hpp"
#include "shim/preload/real.hpp"

namespace ringfence::shim::preload {

namespace {

constexpr short readable = POLLIN | POLLRDNORM;
constexpr short writable = POLLOUT | POLLWRNORM;
// Until somebody looks at the view again, for those who wait for it.
constexpr std::int64_t view_slice_ns = shm_layout::ns_per_ms;

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

int Poller::run(std::int64_t timeout_ns) noexcept {
  const CancelledLater cancelled_later;
  if (count_ > few) {
    many_.reset(new (std::nothrow) pollfd[count_ * places]);
    if (many_ == nullptr) {
      errno = ENOMEM;
      return -1;
    }
    set_ = many_.get();
  }
  const std::int64_t end_ns = timeout_ns > 0 ? shm_layout::boottime_ns() + timeout_ns : 0;
  std::int64_t left_ns = timeout_ns;
  has_news_ = false;
  for (;;) {
    may_sleep_ = left_ns != 0;
    const int ready_now = prepare();
    if (ready_now > 0) left_ns = 0;
    const std::int64_t slice = waits_for_view_ ? view_slice_ns : slice_ns;
    const int outcome = poll_for(left_ns < 0 ? slice : std::min(left_ns, slice));
    const int reason = errno;
    end_idle_waits();
    if (outcome < 0 && ready_now == 0) {
      errno = reason;
      return -1;
    }
    const int ready = collect();
    if (ready > 0 || left_ns == 0) return ready;
    if (end_ns != 0) left_ns = std::max<std::int64_t>(0, end_ns - shm_layout::boottime_ns());
  }
}

// Returns how many sessions are readable now.
int Poller::prepare() noexcept {
  int ready = 0;
  waits_for_view_ = false;
  for (nfds_t i = 0; i < count_; ++i) {
    fds_[i].revents = 0;
    place(i, 1) = place(i, 2) = {-1, POLLIN, 0};
    place(i, 0) = {fds_[i].fd, fds_[i].events, 0};
    const SessionReference session = session_of(fds_[i].fd);
    if (!session || session->is_left_to_agent()) continue;
    prepare_session(i, *session.get());
    if (fds_[i].revents != 0) ++ready;
  }
  return ready;
}

void Poller::prepare_session(nfds_t i, Session& session) noexcept {
  const short events = fds_[i].events;
  const Session::Waits waits =
      session.waits((events & readable) != 0, (events & writable) != 0, false);
  if (waits.is_readable) fds_[i].revents = static_cast<short>(events & readable);
  place(i, 0) = {waits.write_fd, static_cast<short>(events & writable), 0};
  if ((events & readable) == 0) {
    if (waits.write_fd < 0) place(i, 0) = {fds_[i].fd, events, 0};
    return;
  }
  if (waits.is_readable) return;
  place(i, 1) = {waits.read_fd, static_cast<short>(waits.is_idle ? events & ~writable : POLLIN), 0};
  waits_for_view_ = waits_for_view_ || waits.read_fd < 0 || waits.is_holding;
  if (waits.is_idle && may_sleep_) place(i, 2).fd = session.begin_idle_wait();
}

int Poller::poll_for(std::int64_t ns) noexcept {
  const timespec time{ns / shm_layout::ns_per_second, ns % shm_layout::ns_per_second};
  return real::ppoll(set_, count_ * places, &time, signals_);
}

void Poller::end_idle_waits() noexcept {
  for (nfds_t i = 0; i < count_; ++i) {
    if (place(i, 2).fd < 0) continue;
    place(i, 2).fd = -1;
    if (const SessionReference session = session_of(fds_[i].fd)) session->end_idle_wait();
  }
}

// What the application is told of this round.
int Poller::collect() noexcept {
  int ready = 0;
  for (nfds_t i = 0; i < count_; ++i) {
    fds_[i].revents = static_cast<short>(fds_[i].revents | place(i, 0).revents);
    const short news = place(i, 1).revents;
    if (news != 0 && place(i, 1).fd == fds_[i].fd) {
      fds_[i].revents = static_cast<short>(fds_[i].revents | news);
    } else if (news != 0) {
      const SessionReference session = session_of(fds_[i].fd);
      // A byte is not an answer yet: it may be half of one, or one that nobody is told.
      if (session && session->waits(true, false, true).is_readable) {
        fds_[i].revents = static_cast<short>(fds_[i].revents | (fds_[i].events & readable));
      }
    }
    if (fds_[i].revents != 0) ++ready;
  }
  return ready;
}

int select_by_poll(int end, fd_set* to_read, fd_set* to_write, fd_set* other,
                   std::int64_t timeout_ns, const sigset_t* signals) noexcept {
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
  if (poller.run(timeout_ns) < 0) return -1;
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
