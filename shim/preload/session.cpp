// The life of a session; see session.hpp.
#include "shim/preload/session.hpp"

#include <cerrno>

#include "shim/preload/forked_mutex.hpp"
#include "shim/preload/kept_errno.hpp"
#include "shim/preload/process.hpp"
#include "shim/preload/real.hpp"

namespace ringfence::shim::preload {

namespace {

// How long writes without an answer are waited for when their connection is closed.
constexpr int write_slices = 5;
constexpr int write_slice_ms = 10;

// What no other socket has; 0: it is none.
std::uint64_t cookie_of(int fd) noexcept {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

}  // namespace

bool Session::is_replaced() const noexcept {
  return cookie_of(fd_) != cookie_;
}

bool Session::adopt(int fd, Overlay& overlay, bool is_nonblocking) noexcept {
  agent_.reset(new (std::nothrow) Link(fd));
  if (agent_ == nullptr || !fifo_.prepare()) return false;
  fd_ = fd;
  life_.store(life() + 1, std::memory_order_relaxed);
  cookie_ = cookie_of(fd);
  overlay_ = &overlay;
  attachment_ = overlay.attachment();
  is_nonblocking_ = is_nonblocking;
  receive_timeout_ns_ = 0;
  send_timeout_ns_ = 0;
  // Release; pairs with the acquire in reference().
  references_.store(1, std::memory_order_release);
  return true;
}

// Under the receiving lock, or before anybody else knows the session.
bool Session::stand_in() noexcept {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return false;
  const int flags = real::fcntl(fd_, F_GETFL);
  const int closes = real::fcntl(fd_, F_GETFD) & FD_CLOEXEC;
  const std::lock_guard lock(watching_);
  const bool is_done = real::dup3(pair[0], fd_, closes != 0 ? O_CLOEXEC : 0) == fd_;
  real::close(pair[0]);
  quiet_peer_.close();
  if (!is_done || !quiet_peer_.adopt(pair[1])) return false;
  cookie_ = cookie_of(fd_);
  real::fcntl(fd_, F_SETFL, flags);
  // The old file took its place in the application's sets with it.
  for (const Watches::Watch& watch : watches_.all()) {
    epoll_event event{};
    event.events = watch.events;
    event.data = watch.data;
    real::epoll_ctl(watch.epoll_fd, EPOLL_CTL_ADD, fd_, &event);
  }
  // Release; pairs with the acquire in has_agent(): the sending side's link to the agent is its
  // own.
  has_stood_in_.store(true, std::memory_order_release);
  preload::count(Way::standins);
  return true;
}

bool Session::reference() noexcept {
  std::uint32_t seen = references_.load(std::memory_order_relaxed);
  do {
    if (seen == 0) return false;
    // Acquire; pairs with the release in adopt().
  } while (!references_.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire,
                                              std::memory_order_relaxed));
  return true;
}

void Session::release() noexcept {
  // Both: who frees it sees all that others did with it.
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) end(false);
}

// Other calls may be under way: what they were told of, and what they wait for, goes now.
void Session::detach() noexcept {
  is_detached_ = true;
  unwatch_all();
  if (idle_readers_.load() > 0) {
    // Tried: a signal's handler may close what its thread waits for.
    const std::unique_lock lock(watching_, std::try_to_lock);
    if (lock.owns_lock()) bell_.ring_now();
  }
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) end(true);  // as in release()
}

// A connection that is closed with bytes unread is reset, and what was written by it may be lost: a
// moment for the answers to writes that nobody waited for.
void Session::await_writes() noexcept {
  const auto is_write = [](const Entry& entry) {
    return !entry.keys.empty() && !text::is_retrieval(entry.verb);
  };
  for (int i = 0; i < write_slices && !is_broken_ && !is_shut_ && !is_raw(); ++i) {
    if (!fifo_.any_waiting(is_write)) return;
    ready_.clear();
    ready_begin_ = 0;
    (void)fill_ready(true);
    pollfd waited{head_fd(), POLLIN, 0};
    if (!fifo_.is_empty()) real::poll(&waited, 1, write_slice_ms);
  }
}

// Nobody else is here any more. Without the file: its number may be somebody else's by now.
void Session::end(bool has_file) noexcept {
  is_detached_ = false;
  if (has_file) await_writes();
  for (Link* link : links_) {
    if (link == nullptr) continue;
    unwatch_link(*link);
    overlay_->give_back(link);
  }
  for (Link* link : retired_) delete link;
  links_.clear();
  retired_.clear();
  dirty_.clear();
  while (fifo_.head() != nullptr) fifo_.pop();
  bell_.close();
  quiet_peer_.close();
  watches_.clear();
  next_dial_ns_ = 0;
  agent_.reset();
  // Relaxed: the next one to see this session gets it through a lock.
  for (auto& count : agent_slots_) count.store(0, std::memory_order_relaxed);
  is_raw_.store(false, std::memory_order_relaxed);
  is_left_.store(false, std::memory_order_relaxed);
  has_stood_in_.store(false, std::memory_order_relaxed);
  for (Relaxed<bool>* flag :
       {&is_broken_, &is_shut_, &is_ending_, &is_holding_, &is_detached_, &is_watched_}) {
    *flag = false;
  }
  reader_.clear();
  begun_.clear();
  held_.clear();
  owed_bytes_ = body_left_bytes_ = 0;
  body_link_ = blocked_ = nullptr;
  is_barrier_ = wants_raw_ = false;
  ready_.clear();
  ready_begin_ = 0;
  wait_end_ns_ = 0;
  fd_ = -1;
  idle_readers_.store(0, std::memory_order_relaxed);
  process().recycle(this);
}

// This thread was in there, and a handler has jumped out: what it was at is not known. The session
// and its connections are lost until the process ends, which is what keeping its lock comes to.
bool Session::is_left_behind(const Caller& caller) noexcept {
  if (!caller.is_this_thread()) return false;
  is_broken_ = true;
  errno = ECONNRESET;
  return true;
}

void Session::shut_down(int how) noexcept {
  const KeptErrno kept;
  if (how == SHUT_WR) {
    is_ending_ = true;
    return;
  }
  is_shut_ = true;
  const std::unique_lock lock(sending_, std::try_to_lock);
  if (!lock.owns_lock()) return;
  for (const Link* link : links_) {
    const bool is_awaited =
        link != nullptr && link->has_entries();  // others are for who comes next
    if (is_awaited && link->fd() >= 0) real::shutdown(link->fd(), SHUT_RDWR);
  }
}

// The thread that forked is the only one here. Connections to backends are the parent's; what was
// under way by them is answered to the parent. A lock that another thread held guards what is half
// changed: it is left as it is.
void Session::after_fork_in_child() noexcept {
  const bool has_sent = take_over(sending_);
  const bool has_received = take_over(receiving_);
  const bool is_whole = take_over(watching_) && has_sent && has_received;
  bell_.forget();
  quiet_peer_.forget();
  if (!agent_->is_borrowed()) agent_->forget_file();
  const bool is_idle = is_whole && fifo_.is_empty() && begun_.empty() && body_left_bytes_ == 0 &&
                       held_.empty() && !has_ready();
  if (!is_idle) is_broken_ = !is_raw();
  if (is_whole) {
    for (Link* link : links_) {
      if (link == nullptr) continue;
      link->forget_file();
      if (!link->has_entries()) delete link;
    }
    for (Link* link : retired_) link->forget_file();
    // Those with something under way are lost with the session: its entries name them.
  }
  new (&links_) std::vector<Link*>;  // what a vanished thread was changing is nobody's
  new (&retired_) std::vector<Link*>;
  new (&dirty_) std::vector<Link*>;
  body_link_ = nullptr;
  watches_.clear();  // a set is the parent's until the application puts the file into its own
  is_watched_ = false;
  blocked_ = nullptr;
  // Relaxed: there is no other thread.
  idle_readers_.store(0, std::memory_order_relaxed);
  references_.store(1, std::memory_order_relaxed);
  new (&sender_) Caller;
  new (&receiver_) Caller;
}

}  // namespace ringfence::shim::preload
