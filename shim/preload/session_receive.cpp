// What the application receives: the answers, in the order of its commands, read from one
// connection at a time, the one whose turn it is. One system call for an answer that has arrived.
#include <algorithm>
#include <cerrno>
#include <ctime>

#include "shim/preload/interruption.hpp"
#include "shim/preload/kept_errno.hpp"
#include "shim/preload/real.hpp"
#include "shim/preload/session.hpp"

namespace ringfence::shim::preload {

namespace {

// From this size on what is left of a value is received where the application wants it.
constexpr std::size_t direct_bytes_min = 4096;
// What poll() takes in to see whether an answer is there, and what a peek may look ahead.
constexpr std::size_t look_bytes = 4096;
// How long a backend may say nothing at most when the application sends no more, as those do that
// gave up.
constexpr std::int64_t ending_silence_ns = 200 * shm_layout::ns_per_ms;
// Between two looks at the view by a thread that may sleep.
constexpr std::int64_t pause_ns = shm_layout::ns_per_ms;

// False: a signal came.
bool pause() noexcept {
  const timespec time{0, pause_ns};
  return nanosleep(&time, nullptr) == 0;
}

}  // namespace

ssize_t Session::receive(char* to, std::size_t room, int flags, std::int64_t& end_ns) noexcept {
  const bool may_wait = (flags & MSG_DONTWAIT) == 0 && !is_nonblocking_;
  if (room == 0) return 0;
  if (is_left_behind(receiver_)) return -1;
  const std::lock_guard lock(receiving_);
  const Caller::Here here(receiver_);
  if (is_raw() && !is_holding_ && fifo_.is_empty() && !has_ready()) {
    // Release; pairs with the acquire in is_left_to_agent().
    is_left_.store(true, std::memory_order_release);
    return ask_libc;
  }
  std::int64_t* const wait = may_wait ? &end_ns : nullptr;
  ssize_t got = 0;
  if ((flags & MSG_PEEK) != 0) {
    got = peek(to, room, wait);
  } else if ((flags & MSG_WAITALL) != 0 && may_wait) {
    std::size_t whole = 0;
    while (whole < room) {
      got = receive_now(to + whole, room - whole, wait);
      if (got == slice_passed && whole > 0) continue;
      if (got <= 0) break;
      whole += static_cast<std::size_t>(got);
    }
    if (whole > 0) got = static_cast<ssize_t>(whole);
  } else {
    got = receive_now(to, room, wait);
  }
  if (is_watched_) {
    const int reason = errno;
    const Entry* head = fifo_.head();
    if (has_ready() || (got > 0 && static_cast<std::size_t>(got) == room)) {
      wake_watchers(0);
    } else if (head != nullptr) {
      wake_watchers(look_within_ns(*head));
    } else if (is_raw() && is_holding_) {
      wake_watchers(view_tick_ns);
    }
    errno = reason;
  }
  return got;
}

// `end_ns` null: it may not wait.
ssize_t Session::receive_now(char* to, std::size_t room, std::int64_t* end_ns) noexcept {
  try {
    return pull(to, room, end_ns, true);
  } catch (...) {
    is_broken_ = true;
    errno = ENOMEM;
    return -1;
  }
}

std::size_t Session::take_ready(char* to, std::size_t room) noexcept {
  const std::size_t count = std::min(room, ready_.size() - ready_begin_);
  std::memcpy(to, ready_.data() + ready_begin_, count);
  ready_begin_ += count;
  if (!has_ready()) {
    ready_.clear();
    ready_begin_ = 0;
  }
  return count;
}

// What may be waited for: without a timeout, as long as it takes.
std::int64_t Session::left_ns(std::int64_t* end_ns) const noexcept {
  if (end_ns == nullptr) return 0;
  const std::int64_t timeout_ns = receive_timeout_ns_;
  if (timeout_ns == 0) return slice_ns;
  const std::int64_t now_ns = shm_layout::boottime_ns();
  if (*end_ns == 0) *end_ns = now_ns + timeout_ns;
  return std::max<std::int64_t>(0, *end_ns - now_ns);
}

ssize_t Session::pull(char* to, std::size_t room, std::int64_t* end_ns, bool may_receive) {
  std::size_t early = 0;
  if (has_ready()) {
    early = take_ready(to, room);
    if (has_ready() || early == room) return static_cast<ssize_t>(early);
  }
  Sink sink(to + early, room - early, ready_);
  const auto ended = [&](int reason) {
    const std::size_t count = early + sink.size();
    if (count > 0) return static_cast<ssize_t>(count);
    errno = reason;
    return ssize_t{-1};
  };
  for (;;) {
    const bool has_some = early + sink.size() > 0;
    if (is_broken_) return ended(ECONNRESET);
    // By another thread: of what follows some may come by a number that is somebody else's.
    if (is_detached_) return ended(EBADF);
    if (is_shut_) {
      return has_some ? ended(0) : 0;
    }
    Entry* entry = fifo_.head();
    if (entry == nullptr) {
      if (is_holding_) {
        continue_held();
        if (fifo_.head() != nullptr) continue;
      }
      if (has_some || !may_receive) return ended(EAGAIN);
      const ssize_t got = receive_idle(sink.at(), sink.room(), end_ns);
      if (got >= 0 || fifo_.head() == nullptr) return got;
      continue;  // another thread has sent something
    }
    Tally tally;
    Answering answering(*entry, sink, tally, wait_end_ns_);
    const Stepped stepped = step(*entry, answering, tally);
    switch (stepped.step) {
      case Step::done:
        pop(*entry);
        // A sleep is nobody's wish once something is there; what lies in memory goes along.
        if (sink.room() == 0) return ended(0);
        break;
      case Step::full:
        return ended(0);
      case Step::broken:
        preload::count(Way::broken);
        is_broken_ = true;
        break;
      case Step::waiting:
        if (early + sink.size() > 0 || left_ns(end_ns) == 0) return ended(EAGAIN);
        if (!pause() && !goes_on()) return ended(EINTR);
        overlay_->refresh(shm_layout::boottime_ns());
        break;
      case Step::need_bytes: {
        const bool has_any = early + sink.size() > 0;
        if (!may_receive) return ended(EAGAIN);
        if (has_any && !is_watched_) return ended(0);
        Link& link = *static_cast<Link*>(stepped.inbox);
        std::int64_t wait_ns = has_any ? 0 : left_ns(end_ns);
        if (wait_ns > 0) wait_ns = std::min(wait_ns, sleep_ns(*entry, link));
        switch (fill_inbox(*entry, link, sink, answering, wait_ns)) {
          case Filled::some:
            break;
          case Filled::interrupted:
            return ended(EINTR);
          case Filled::none:
            if (give_up(*entry, link, patience_ns(*entry, link))) break;
            return has_any || left_ns(end_ns) == 0 ? ended(EAGAIN) : slice_passed;
        }
        break;
      }
    }
  }
}

// As far as the head's answer comes with what has arrived.
Stepped Session::step(const Entry& entry, Answering& answering, const Tally& tally) {
  if (entry.awaits_bytes()) return {Step::need_bytes, entry.parts.front().inbox};
  const Stepped stepped = answering.run();
  note(tally);
  end_broken(entry);
  return stepped;
}

// A signal came: whether the application's receive goes on.
bool Session::goes_on() const noexcept {
  return receive_timeout_ns_ == 0 && would_restart();
}

// By the socket's own timeout, a slice; by poll() where less is left.
ssize_t Session::receive_from(const Link& link, char* to, std::size_t room,
                              std::int64_t wait_ns) noexcept {
  if (wait_ns == 0) return real::recv(link.fd(), to, room, MSG_DONTWAIT);
  if (wait_ns >= slice_ns) return real::recv(link.fd(), to, room, 0);
  pollfd waited{link.fd(), POLLIN, 0};
  const timespec time{0, wait_ns};
  if (real::ppoll(&waited, 1, &time, nullptr) < 0) return -1;
  return real::recv(link.fd(), to, room, MSG_DONTWAIT);
}

// One receive from the connection whose turn it is.
Session::Filled Session::fill_inbox(Entry& entry, Link& link, Sink& sink, Answering& answering,
                                    std::int64_t wait_ns) noexcept {
  const bool is_direct = entry.is_inside_value && entry.is_delivering && !entry.is_noreply &&
                         link.is_empty() && entry.value_left_bytes >= direct_bytes_min &&
                         sink.room() >= direct_bytes_min;
  ssize_t got = 0;
  if (is_direct) {
    got = receive_from(link, sink.at(), std::min(sink.room(), entry.value_left_bytes), wait_ns);
    if (got > 0) {
      link.arrived_ns = shm_layout::coarse_ns();
      answering.received_value(static_cast<std::size_t>(got));
      return Filled::some;
    }
  } else {
    if (!link.prepare()) {  // an answer that fits in no inbox is none
      link.is_ended = true;
      return Filled::some;
    }
    got = receive_from(link, link.free_begin(), link.free_bytes(), wait_ns);
    if (got > 0) {
      link.arrived_ns = shm_layout::coarse_ns();
      link.received(static_cast<std::size_t>(got));
      return Filled::some;
    }
  }
  if (got < 0 && errno == EAGAIN) return Filled::none;
  if (got < 0 && errno == EINTR) return goes_on() ? Filled::none : Filled::interrupted;
  link.is_ended = true;
  link.set_broken();
  if (!link.is_agent()) overlay_->on_trouble(link.index());
  return Filled::some;
}

// For how long from now on the backend whose turn it is may say nothing: the pool's
// request_timeout, from when it was asked or last gave something, or took some of this very
// command's value. 0 or less: no longer.
std::int64_t Session::patience_ns(const Entry& entry, const Link& link) const noexcept {
  const bool is_last = link.has_one_entry();
  if (is_last && link.is_fed) return slice_ns;
  std::int64_t silence_ns = answers_of(entry).request_timeout_ms() * shm_layout::ns_per_ms;
  if (is_ending_ && !entry.is_inside_value) silence_ns = std::min(silence_ns, ending_silence_ns);
  const std::int64_t fed_ns = is_last ? std::int64_t{link.fed_ns} : 0;
  const std::int64_t since_ns = std::max({entry.asked_ns, link.arrived_ns, fed_ns});
  return since_ns + silence_ns - shm_layout::coarse_ns();
}

// How long to sleep for the connection before its silence is looked at.
std::int64_t Session::sleep_ns(const Entry& entry, const Link& link) const noexcept {
  if (link.is_agent()) return slice_ns;
  return std::clamp<std::int64_t>(patience_ns(entry, link), 0, slice_ns);
}

// Nothing has come. Once the slot belongs to somebody else, what may still come is of no use to
// anybody; and whoever says nothing for long is not waited for.
bool Session::give_up(const Entry& entry, Link& link, std::int64_t patience_ns) noexcept {
  if (link.is_agent() || entry.segment == nullptr) return false;
  const std::size_t at = std::min(entry.at, entry.keys.size() - 1);
  const Ticket& ticket = entry.keys[at].ticket;
  const bool has_moved = entry.segment->slot(ticket.slot).unfenced() != ticket.slot_word.unfenced();
  const bool is_silent = patience_ns <= 0;
  if (!is_silent && (!has_moved || entry.is_inside_value)) return false;
  link.is_ended = true;
  link.set_broken();
  real::shutdown(link.fd(), SHUT_RDWR);
  overlay_->on_trouble(link.index());
  return true;
}

// A backend whose replies fit no command has no more say.
void Session::end_broken(const Entry& entry) noexcept {
  for (const Part& part : entry.parts) {
    Link& link = *static_cast<Link*>(part.inbox);
    if (!link.is_ended || link.is_broken()) continue;
    link.set_broken();
    if (link.is_agent()) continue;
    real::shutdown(link.fd(), SHUT_RDWR);
    overlay_->on_trouble(link.index());
  }
}

void Session::pop(Entry& entry) noexcept {
  for (const Key& key : entry.keys) {
    if (entry.parts[key.part].is_agent) note_agent_slot(key.ticket.slot, -1);
  }
  if (entry.sent_ns != 0 && !entry.parts.empty()) {
    const Link& link = *static_cast<const Link*>(entry.parts.front().inbox);
    if (!link.is_agent()) {
      overlay_->counters().add_latency(link.index(), shm_layout::boottime_ns() - entry.sent_ns);
    }
  }
  // From here on the connections may go.
  for (const Part& part : entry.parts) static_cast<Link*>(part.inbox)->remove_entry();
  fifo_.pop();
}

void Session::note(const Tally& tally) noexcept {
  counters::ShimCounters& counters = overlay_->counters();
  if (tally.hits > 0) counters.add_hit(tally.hits);
  if (tally.misses > 0) counters.add_miss(tally.misses);
  if (tally.refused_by_lease > 0) counters.add_refused_by_lease(tally.refused_by_lease);
  if (tally.refused_by_fence > 0) counters.add_refused_by_fence(tally.refused_by_fence);
  if (tally.timed_out > 0) counters.add_timed_out(tally.timed_out);
}

// Nothing is under way: only the agent can speak, or another thread can ask something.
ssize_t Session::receive_idle(char* to, std::size_t room, std::int64_t* end_ns) noexcept {
  const ssize_t got = real::recv(fd_, to, room, MSG_DONTWAIT);
  const bool has_ended = got == 0 || (got < 0 && (errno == ECONNRESET || errno == EPIPE));
  const bool is_wanted = !is_raw() && !is_ending_ && overlay_->has_lease();
  if (has_ended && is_wanted && stand_in()) {
    errno = EAGAIN;
  } else if (got >= 0 || errno != EAGAIN) {
    return got;
  }
  const std::int64_t wait_ns = left_ns(end_ns);
  if (wait_ns == 0) return -1;
  if (!wait_idle(std::min(wait_ns, slice_ns)) && !goes_on()) return -1;
  if (is_shut_) return 0;
  return slice_passed;
}

// Until something comes or is asked. False: a signal came.
bool Session::wait_idle(std::int64_t ns) noexcept {
  if (is_holding_) continue_held();
  const bool has_more = is_raw() && is_holding_;  // than the agent took
  const short events = has_more ? POLLIN | POLLOUT : POLLIN;
  pollfd waited[2] = {{fd_, events, 0}, {begin_idle_wait(), POLLIN, 0}};
  const timespec time{0, ns};
  const int outcome = fifo_.is_empty() ? real::ppoll(waited, 2, &time, nullptr) : 0;
  const int reason = errno;
  end_idle_wait();
  if (is_holding_) continue_held();
  errno = reason;
  return outcome >= 0;
}

// The connection whose turn it is; null: none's.
Link* Session::head_link() noexcept {
  const Entry* entry = fifo_.head();
  if (entry == nullptr || entry->is_waiting || entry->parts.empty()) return nullptr;
  const std::size_t part = entry->at < entry->keys.size() ? entry->keys[entry->at].part : 0;
  return static_cast<Link*>(entry->parts[part].inbox);
}

int Session::head_fd() noexcept {
  const Link* link = head_link();
  return link == nullptr ? -1 : link->fd();
}

bool Session::may_look() noexcept {
  if (looked_ == nullptr) looked_.reset(new (std::nothrow) char[look_bytes]);
  if (looked_ == nullptr) is_broken_ = true;
  return looked_ != nullptr;
}

// Takes an answer in, if there is one; true when the application has something to receive.
bool Session::fill_ready(bool may_receive) noexcept {
  if (!may_look()) return true;
  std::string earlier;
  try {
    if (has_ready()) {
      earlier.assign(ready_, ready_begin_);
      ready_.clear();
      ready_begin_ = 0;
    }
    const ssize_t got = pull(looked_.get(), look_bytes, nullptr, may_receive);
    if (got > 0) ready_.insert(0, looked_.get(), static_cast<std::size_t>(got));
    if (!earlier.empty()) ready_.insert(0, earlier);
    return has_ready() || got == 0;
  } catch (...) {
    is_broken_ = true;
    return true;
  }
}

ssize_t Session::peek(char* to, std::size_t room, std::int64_t* end_ns) noexcept {
  while (!has_ready()) {
    if (!may_look()) {
      errno = ENOMEM;
      return -1;
    }
    const ssize_t got = receive_now(looked_.get(), std::min(room, look_bytes), end_ns);
    if (got <= 0) return got;
    try {
      ready_.insert(0, looked_.get(), static_cast<std::size_t>(got));
    } catch (...) {
      is_broken_ = true;
      errno = ENOMEM;
      return -1;
    }
  }
  const std::size_t count = std::min(room, ready_.size() - ready_begin_);
  std::memcpy(to, ready_.data() + ready_begin_, count);
  return static_cast<ssize_t>(count);
}

std::size_t Session::readable_bytes() noexcept {
  const KeptErrno kept;
  const std::unique_lock lock(receiving_, std::try_to_lock);
  if (!lock.owns_lock()) return 0;
  if (!has_ready() && !fifo_.is_empty()) (void)fill_ready(true);
  return ready_.size() - ready_begin_;
}

}  // namespace ringfence::shim::preload
