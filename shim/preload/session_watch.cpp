// Who waits for a session: by poll() and select(), which are asked through us, and by epoll, which
// is not: there the files that may make it readable stand beside the application's own, and a bell
// rings for what no file tells.
#include <algorithm>
#include <cerrno>

#include "shim/preload/descriptors.hpp"
#include "shim/preload/kept_errno.hpp"
#include "shim/preload/real.hpp"
#include "shim/preload/session.hpp"

namespace ringfence::shim::preload {

namespace {

// While something is under way: how long nobody looks whether its slot has moved.
constexpr std::int64_t tick_ns_max = 200 * shm_layout::ns_per_ms;

}  // namespace

// After a send: nobody need look sooner. The sending side's.
std::int64_t Session::tick_ns() const noexcept {
  const shm_layout::AnswerWord answers =
      attachment_ == nullptr ? shm_layout::AnswerWord{} : attachment_->segment.reader().answers();
  return std::min(tick_ns_max, answers.request_timeout_ms() * shm_layout::ns_per_ms);
}

// When the answer to the head is to be looked for again, whatever its file says. The receiving
// side's.
std::int64_t Session::look_within_ns(const Entry& head) noexcept {
  const Link* link = head_link();
  return link == nullptr ? view_tick_ns : look_within_ns(*link, patience_ns(head, *link));
}

std::int64_t Session::look_within_ns(const Link& link, std::int64_t patience_ns) noexcept {
  return link.is_agent() ? tick_ns_max : std::clamp(patience_ns, view_tick_ns, tick_ns_max);
}

// By the receiving side: whether it is worth a look.
bool Session::may_have_answer(bool has_news) const noexcept {
  const Entry* head = fifo_.head();
  return head != nullptr && (has_news || !head->awaits_bytes());
}

Session::Waits Session::waits(bool wants_read, bool wants_write, bool has_news) noexcept {
  Waits waits;
  if (wants_write) {
    const std::lock_guard lock(watching_);
    waits.write_fd = blocked_ != nullptr ? blocked_->fd() : fd_;
  }
  if (!wants_read) return waits;
  if (is_left_behind(receiver_)) {
    waits.is_readable = true;
    return waits;
  }
  const std::unique_lock lock(receiving_, std::try_to_lock);
  if (lock.owns_lock()) {
    const bool is_told = has_ready() || is_broken_ || is_shut_;
    waits.is_readable = is_told || (may_have_answer(has_news) && fill_ready(has_news));
    if (waits.is_readable) return waits;
    if (fifo_.is_empty() && is_holding_) continue_held();
    const Entry* entry = fifo_.head();
    if (entry != nullptr) {
      waits.within_ns = view_tick_ns;
      Link* link = head_link();
      if (link == nullptr) return waits;
      waits.read_fd = link->fd();
      const std::int64_t patience = patience_ns(*entry, *link);
      if (give_up(*entry, *link, patience)) {
        waits.is_readable = fill_ready(false);  // it is somebody else's turn, or the view's
      } else {
        waits.within_ns = std::min(slice_ns, look_within_ns(*link, patience));
      }
      return waits;
    }
  }
  waits.read_fd = fd_;
  waits.is_idle = true;
  waits.is_silent = lock.owns_lock();
  if (is_raw() && is_holding_) waits.within_ns = view_tick_ns;  // it goes when it is asked again
  return waits;
}

int Session::begin_idle_wait() noexcept {
  const std::lock_guard lock(watching_);
  // With send_bytes(): either it sees us, or we see what it pushed.
  idle_readers_.fetch_add(1, std::memory_order_seq_cst);
  return bell_.fd();
}

void Session::end_idle_wait() noexcept {
  const std::lock_guard lock(watching_);
  idle_readers_.fetch_sub(1, std::memory_order_seq_cst);
  if (!is_watched_) bell_.silence();
}

void Session::watch_link(Link& link) noexcept {
  if (!is_watched_) return;
  const std::lock_guard lock(watching_);
  watches_.add_file(link.fd(), false);
}

void Session::unwatch_link(Link& link) noexcept {
  const std::lock_guard lock(watching_);
  if (blocked_ == &link) blocked_ = nullptr;
  if (link.fd() >= 0) watches_.remove_file(link.fd());
}

// After a send or a receive of a session that is watched by epoll. 0: now.
void Session::wake_watchers(std::int64_t within_ns) noexcept {
  const std::lock_guard lock(watching_);
  if (watches_.is_empty()) return;
  const bool had_file = bell_.is_made();
  if (within_ns == 0) {
    bell_.ring_now();
  } else {
    bell_.ring_within(within_ns);
  }
  if (!had_file && bell_.is_made()) watches_.add_file(bell_.fd(), false);
}

void Session::wake_idle_reader() noexcept {
  const std::lock_guard lock(watching_);
  bell_.ring_now();
}

// The application is to wait until `link` takes more; null: until it need not.
void Session::note_blocked(Link* link) noexcept {
  const std::lock_guard lock(watching_);
  if (blocked_ == link) return;
  if (blocked_ != nullptr && !blocked_->is_agent()) watches_.add_file(blocked_->fd(), false);
  blocked_ = link;
  if (watches_.is_empty()) return;
  const bool is_elsewhere = link != nullptr && !link->is_agent();
  watches_.set_own(fd_, !is_elsewhere);
  if (is_elsewhere) watches_.add_file(link->fd(), true);
}

int Session::watch(int epoll_fd, int operation, epoll_event* event) noexcept {
  const bool is_change = operation == EPOLL_CTL_ADD || operation == EPOLL_CTL_MOD;
  if (is_change && event != nullptr && (event->events & (EPOLLONESHOT | EPOLLEXCLUSIVE)) != 0) {
    leave_to_agent(Way::oneshot);
  }
  const int outcome = real::epoll_ctl(epoll_fd, operation, fd_, event);
  if (outcome != 0 || is_left_to_agent()) return outcome;
  const KeptErrno kept;
  if (is_left_behind(sender_)) return outcome;
  const std::lock_guard sending(sending_);
  const std::lock_guard lock(watching_);
  const auto each_file = [&](auto function) {
    for (const Link* link : links_) {
      if (link != nullptr && link->state() == LinkState::up) function(link->fd());
    }
    if (!agent_->is_borrowed() && agent_->state() == LinkState::up) function(agent_->fd());
    if (bell_.is_made()) function(bell_.fd());
  };
  if (!is_change) {
    watches_.remove(epoll_fd);
    epoll_event unused{};
    each_file([&](int fd) { real::epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, &unused); });
    is_watched_ = !watches_.is_empty();
    return outcome;
  }
  try {
    watches_.set(epoll_fd, *event);
  } catch (...) {
    return outcome;
  }
  if (Descriptors::is_in_table(epoll_fd)) descriptors.put_epoll(epoll_fd);
  is_watched_ = true;
  const Watches::Watch watch{epoll_fd, event->events, event->data};
  each_file([&](int fd) { Watches::set_file(watch, fd, false); });
  if (blocked_ != nullptr && !blocked_->is_agent()) {
    watches_.set_own(fd_, false);
    watches_.add_file(blocked_->fd(), true);
  }
  // What lies in memory already is told by no file, nor what another thread is receiving now.
  const std::unique_lock receiving(receiving_, std::try_to_lock);
  if (!receiving.owns_lock() || !fifo_.is_empty() || has_ready()) {
    const bool had_file = bell_.is_made();
    bell_.ring_now();
    if (!had_file && bell_.is_made()) watches_.add_file(bell_.fd(), false);
  }
  return outcome;
}

// The file is going: whoever reads the sets is told nothing more under its name.
void Session::unwatch_all() noexcept {
  if (!is_watched_) return;
  const std::unique_lock sending(sending_, std::try_to_lock);
  const std::lock_guard lock(watching_);
  if (watches_.is_empty()) return;
  if (sending.owns_lock()) {
    for (const Link* link : links_) {
      if (link != nullptr && link->fd() >= 0) watches_.remove_file(link->fd());
    }
    if (!agent_->is_borrowed() && agent_->fd() >= 0) watches_.remove_file(agent_->fd());
  }
  if (bell_.is_made()) watches_.remove_file(bell_.fd());
  watches_.clear();
  is_watched_ = false;
}

void Session::forget_epoll(int epoll_fd) noexcept {
  const std::lock_guard lock(watching_);
  watches_.remove(epoll_fd);
  is_watched_ = !watches_.is_empty();
}

}  // namespace ringfence::shim::preload
