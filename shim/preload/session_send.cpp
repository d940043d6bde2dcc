// What the application sends: cut into commands, passed on, and pushed back on when it does not go.
//
// Nothing is taken that could not be passed on: what a command's rewritten form still lacks in its
// connection is kept, and the command's last byte is left to the application to send again. So
// back-pressure is the kernel's own, and nobody but the application has to try again.
#include <algorithm>
#include <cerrno>

#include "shim/preload/interruption.hpp"
#include "shim/preload/kept_errno.hpp"
#include "shim/preload/real.hpp"
#include "shim/preload/session.hpp"

namespace ringfence::shim::preload {

namespace {

// Pieces that are joined before they are read, so that a command is whole at once.
constexpr std::size_t joined_bytes_max = std::size_t{8} * 1024;
// Behind a barrier: what an application may send before it is made to wait.
constexpr std::size_t held_bytes_max = std::size_t{1024} * 1024;
// A value up to here is copied behind its line; one that is larger is sent from where it lies.
constexpr std::size_t copied_body_bytes_max = std::size_t{16} * 1024;
// What is gathered of pipelined commands before it is sent.
constexpr std::size_t gathered_bytes_max = std::size_t{64} * 1024;
// How long a sender that may wait sleeps before it looks at everything again.
constexpr int wait_slice_ms = 20;
// How many of them a barrier is worth.
constexpr int barrier_slices = 5;

}  // namespace

ssize_t Session::send(const iovec* pieces, std::size_t count, int flags) noexcept {
  const bool may_wait = (flags & MSG_DONTWAIT) == 0 && !is_nonblocking_;
  if (is_left_behind(sender_)) return -1;
  const std::lock_guard lock(sending_);
  const Caller::Here here(sender_);
  try {
    if (count == 1) {
      return send_bytes({static_cast<const char*>(pieces[0].iov_base), pieces[0].iov_len},
                        may_wait);
    }
    std::size_t total = 0;
    for (std::size_t i = 0; i < count; ++i) total += pieces[i].iov_len;
    if (total <= joined_bytes_max) {
      joined_.clear();
      for (std::size_t i = 0; i < count; ++i) {
        joined_.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
      }
      return send_bytes(joined_, may_wait);
    }
    ssize_t sent = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const ssize_t part =
          send_bytes({static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len}, may_wait);
      if (part < 0) return sent > 0 ? sent : part;
      sent += part;
      if (static_cast<std::size_t>(part) < pieces[i].iov_len) break;
    }
    return sent;
  } catch (...) {  // no memory: nothing can be told of what became of the command
    is_broken_ = true;
    errno = ENOMEM;
    return -1;
  }
}

ssize_t Session::send_bytes(std::string_view bytes, bool may_wait) {
  if (is_broken_) {
    errno = ECONNRESET;
    return -1;
  }
  const std::int64_t timeout_ns = send_timeout_ns_;
  const std::int64_t end_ns = timeout_ns > 0 ? shm_layout::boottime_ns() + timeout_ns : 0;
  std::size_t sent = 0;
  for (;;) {
    sent += take(bytes.substr(sent));
    if (sent == bytes.size() && dirty_.empty()) break;
    if (is_detached_) {  // the number may be somebody else's
      errno = EBADF;
      return -1;
    }
    if (!may_wait || !wait_to_send(end_ns)) {
      const int reason = may_wait ? errno : EAGAIN;
      if (sent > 0 && !dirty_.empty()) {
        --sent;
        ++owed_bytes_;
      }
      note_blocked(dirty_.empty() ? nullptr : dirty_.front());
      errno = reason;
      return sent > 0 ? static_cast<ssize_t>(sent) : -1;
    }
  }
  if (blocked_ != nullptr) note_blocked(nullptr);
  if (may_wait && is_holding_) hasten_barrier();
  if (is_watched_) {
    if (!fifo_.is_empty() || is_holding_) wake_watchers(has_answered_here_ ? 0 : tick_ns());
    if (is_raw() && is_holding_) wake_watchers(view_tick_ns);
  }
  has_answered_here_ = false;
  // Changed, not read, as by the reader in begin_idle_wait(): of two changes the later one sees
  // what was done before the earlier one. Either we see the reader, or it sees what was pushed.
  if (idle_readers_.fetch_add(0, std::memory_order_seq_cst) > 0) wake_idle_reader();
  return static_cast<ssize_t>(sent);
}

// How much of `bytes` went its way. All commands whose connections are still in `dirty_` were taken
// but did not go whole.
std::size_t Session::take(std::string_view bytes) {
  if (!flush()) return 0;
  const std::size_t again = std::min(owed_bytes_, bytes.size());
  owed_bytes_ -= again;
  bytes.remove_prefix(again);
  const std::size_t taken = held_.empty() ? take_now(bytes) : take_held(bytes);
  if (is_raw() && !held_.empty()) (void)take_held({});
  (void)flush();
  return again + taken;
}

// What was held back goes first.
std::size_t Session::take_held(std::string_view bytes) {
  if (!is_behind_barrier()) {
    std::string held;
    held.swap(held_);
    const std::size_t taken = take_now(held);
    if (!held_.empty()) {
      // Another barrier: what follows it was held again.
    } else if (taken < held.size()) {
      held_.assign(held, taken);
    }
    is_holding_ = !held_.empty() || is_barrier_;
    if (held_.empty()) return take_now(bytes);
  }
  return hold(bytes);
}

std::size_t Session::hold(std::string_view bytes) {
  const std::size_t room = held_bytes_max - std::min(held_bytes_max, held_.size());
  const std::size_t count = std::min(room, bytes.size());
  held_.append(bytes.substr(0, count));
  is_holding_ = true;
  return count;
}

std::size_t Session::take_now(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    const std::string_view rest = bytes.substr(taken);
    if (is_raw()) return taken + (held_.empty() ? pass_raw(rest) : take_held(rest));
    if (body_left_bytes_ > 0) {
      const std::size_t passed = pass_body(rest);
      taken += passed;
      if (body_left_bytes_ > 0 && passed < rest.size()) return taken;
      continue;
    }
    if (is_behind_barrier()) return taken + hold(rest);
    if (is_raw()) continue;                    // from here on
    if (!take_command(rest, taken)) continue;  // a barrier has come up
    std::size_t gathered = 0;
    for (const Link* link : dirty_) gathered += link->output.size();
    if (gathered > gathered_bytes_max && !flush()) return taken;
  }
  return taken;
}

// One command from the front of `bytes`, or the beginning of one. False: it has to wait.
bool Session::take_command(std::string_view bytes, std::size_t& taken) {
  if (begun_.empty()) {
    const Command command = reader_.next(bytes);
    if (command.taken == Taken::need_more) {
      begun_.assign(bytes);
      taken += bytes.size();
      return true;
    }
    if (!begin_command(command, bytes)) return false;
    taken += command.front_bytes;
    return true;
  }
  const std::size_t wanted = reader_.wanted(begun_, bytes);
  begun_.append(bytes.substr(0, wanted));
  taken += wanted;
  const Command command = reader_.next(begun_);
  if (command.taken == Taken::need_more) return true;
  const bool is_begun = begin_command(command, begun_);
  if (!is_begun || is_raw()) held_ += begun_;  // goes first, when it may
  begun_.clear();
  is_holding_ = !held_.empty();
  return is_begun;
}

// False: a barrier; nothing was taken.
bool Session::begin_command(const Command& command, std::string_view bytes) {
  const bool is_last = command.taken == Taken::over || command.taken == Taken::closing;
  const bool is_alone = is_last || command.taken == Taken::flush;
  if (is_alone && !fifo_.is_empty()) {
    is_barrier_ = true;
    is_holding_ = true;
    return false;
  }
  switch (command.taken) {
    case Taken::local:
      body_link_ = nullptr;
      body_left_bytes_ = command.body_bytes;
      if (!command.answer.empty()) submit_local(command.answer);
      break;
    case Taken::keyless:
    case Taken::flush:
      submit_keyless(command, bytes.substr(0, command.front_bytes));
      is_barrier_ = is_barrier_ || command.taken == Taken::flush;
      is_holding_ = is_barrier_;
      break;
    case Taken::keyed:
      submit(command);
      break;
    case Taken::over:
      if (!is_raw()) preload::count(Way::over);
      // Without an agent at the application's file: what quit means.
      if (!has_agent() || !agent_->is_borrowed()) real::shutdown(fd_, SHUT_RDWR);
      become_raw();
      break;
    case Taken::closing:
      if (!command.answer.empty()) submit_local(command.answer);
      // The application's own file tells of the end, to whoever waits there.
      real::shutdown(fd_, SHUT_RDWR);
      become_raw();
      break;
    case Taken::need_more:
      break;
  }
  return true;
}

bool Session::is_behind_barrier() noexcept {
  if (!is_barrier_) return false;
  if (!fifo_.is_empty() || body_left_bytes_ > 0) return true;
  is_barrier_ = false;
  if (wants_raw_) {
    preload::count(raw_reason_);
    held_.insert(0, begun_);
    begun_.clear();
    become_raw();
  }
  is_holding_ = !held_.empty();
  return false;
}

std::size_t Session::pass_body(std::string_view bytes) {
  const std::string_view body = bytes.substr(0, body_left_bytes_);
  std::size_t passed = body.size();
  const bool is_to_nobody = body_link_ == nullptr || body_link_->is_broken();
  const bool is_whole_and_small =
      body.size() == body_left_bytes_ && body.size() <= copied_body_bytes_max;
  if (!is_to_nobody && is_whole_and_small) {
    body_link_->output.append(body);
    mark_dirty(*body_link_);
  } else if (!is_to_nobody) {
    mark_dirty(*body_link_);
    // A connection that breaks has nobody for the rest.
    if (!body_link_->send(body, passed)) passed = body.size();
  }
  body_left_bytes_ -= passed;
  if (!is_to_nobody && passed > 0) body_link_->fed_ns = shm_layout::coarse_ns();
  if (!is_to_nobody) body_link_->is_fed = body_left_bytes_ > 0 && passed == body.size();
  return passed;
}

// The kernel's to take, and the kernel's to refuse.
std::size_t Session::pass_raw(std::string_view bytes) noexcept {
  const ssize_t sent = real::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return bytes.size();  // its end shows there
  return sent > 0 ? static_cast<std::size_t>(sent) : 0;
}

// Sends what was gathered; false when some of it did not go.
bool Session::flush() noexcept {
  std::size_t kept = 0;
  for (Link* link : dirty_) {
    std::size_t unused = 0;
    if (link->has_output()) (void)link->send({}, unused);
    if (link->has_output()) {
      dirty_[kept++] = link;
    } else {
      link->is_dirty = false;
    }
  }
  dirty_.resize(kept);
  return kept == 0;
}

void Session::mark_dirty(Link& link) {
  if (link.is_dirty) return;
  link.is_dirty = true;
  dirty_.push_back(&link);
}

// A moment, or until there is room. Meanwhile what was answered is taken in, so that a backend that
// waits for us to read reads on. False: the time is up, or a signal came.
bool Session::wait_to_send(std::int64_t end_ns) noexcept {
  if (end_ns != 0 && shm_layout::boottime_ns() >= end_ns) {
    errno = EAGAIN;
    return false;
  }
  pollfd waited[2] = {{-1, POLLOUT, 0}, {drain(), POLLIN, 0}};
  if (!dirty_.empty()) {
    waited[0].fd = dirty_.front()->fd();
  } else if (body_left_bytes_ > 0 && body_link_ != nullptr) {
    waited[0].fd = body_link_->fd();
  } else if (is_raw()) {
    waited[0].fd = fd_;
  }
  return real::poll(waited, 2, wait_slice_ms) >= 0 || (end_ns == 0 && would_restart());
}

// By the sending side: answers that lie in the kernel's buffers are read into ours. Returns the
// file that the next one comes from.
int Session::drain() noexcept {
  const std::unique_lock lock(receiving_, std::try_to_lock);
  if (!lock.owns_lock() || ready_.size() - ready_begin_ >= held_bytes_max) return -1;
  (void)fill_ready(true);
  return head_fd();
}

// What stands behind a barrier waits for answers that the application may not be waiting for: a
// moment for them, in which they mostly come.
void Session::hasten_barrier() {
  for (int i = 0; i < barrier_slices && is_holding_; ++i) {
    pollfd waited{drain(), POLLIN, 0};
    (void)take({});
    if (is_holding_ && real::poll(&waited, 1, wait_slice_ms) < 0) return;
  }
}

// By the receiving side, when nothing is under way any more.
void Session::continue_held() noexcept {
  const std::unique_lock lock(sending_, std::try_to_lock);
  if (!lock.owns_lock()) return;
  try {
    (void)is_behind_barrier();
    (void)take({});
  } catch (...) {
    is_broken_ = true;
  }
}

void Session::leave_to_agent(Way why) noexcept {
  const KeptErrno kept;
  if (is_left_behind(sender_)) return;
  const std::lock_guard lock(sending_);
  if (is_raw() || wants_raw_) return;
  wants_raw_ = true;
  raw_reason_ = why;
  is_barrier_ = true;
  is_holding_ = true;
  try {
    if (!is_behind_barrier()) (void)take({});
  } catch (...) {
    is_broken_ = true;
  }
  const std::unique_lock receiving(receiving_, std::try_to_lock);
  if (receiving.owns_lock() && is_raw() && !is_holding_ && !has_ready()) {
    // Release; pairs with the acquire in is_left_to_agent().
    is_left_.store(true, std::memory_order_release);
  }
}

}  // namespace ringfence::shim::preload
