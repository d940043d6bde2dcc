// Sending to all, and reading what comes; see fan_out.hpp.
#include <algorithm>

#include "shim/client/fan_out.hpp"

namespace ringfence::shim::client {

void FanOut::transfer() {
  for (Lane& lane : lanes_) {
    if (lane.state == Lane::State::active) send(lane);
  }
  while (has_unsent()) poll_turn();
  read_in_turn();
  while (is_under_way()) poll_turn();
}

void FanOut::send(Lane& lane) {
  lane.buffer = lane.connection->send_buffer();
  while (lane.has_output()) {
    if (lane.output.is_empty()) {
      lane.fill_head = lane.to_encode;
      lane.sent_ns = deadline_.now_ns();
      job_.encode(*this, lane);
    }
    const Io io = lane.connection->send(lane.output, false);
    if (io == Io::idle) return;
    if (io == Io::some) continue;
    // What was answered before the connection ended still counts.
    while (lane.state == Lane::State::active && receive(lane, false) == Io::some) continue;
    if (lane.state == Lane::State::active) end(lane, Fate::lost);
    return;
  }
}

bool FanOut::has_unsent() const noexcept {
  return std::any_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) {
    return lane.state == Lane::State::opening ||
           (lane.state == Lane::State::active && lane.has_output());
  });
}

bool FanOut::is_under_way() const noexcept {
  return std::any_of(lanes_.begin(), lanes_.end(),
                     [](const Lane& lane) { return lane.is_under_way(); });
}

// All is sent: one lane after the other, asleep in its receive, until one has nothing to say for a
// slice.
void FanOut::read_in_turn() {
  for (Lane& lane : lanes_) {
    while (lane.state == Lane::State::active) {
      if (!deadline_.has_slice() || receive(lane, true) == Io::idle) return;
    }
  }
}

void FanOut::poll_turn() {
  if (is_in_child()) {  // a callback forked, and the connections are the parent's
    for (Lane& lane : lanes_) {
      if (lane.is_under_way()) end(lane, Fate::lost);
    }
    return;
  }
  pollers_.clear();
  for (const Lane& lane : lanes_) {
    pollfd poller{-1, POLLIN, 0};  // -1: not asked
    if (lane.is_under_way()) poller.fd = lane.connection->fd();
    if (lane.state == Lane::State::opening) poller.events = lane.connection->poll_events();
    if (lane.state == Lane::State::active && lane.has_output()) poller.events |= POLLOUT;
    pollers_.push_back(poller);
  }
  const std::int64_t timeout_ns = std::clamp<std::int64_t>(deadline_.left_ns(), 0, slice_ns);
  const timespec timeout{0, timeout_ns};
  const int ready_count = ::ppoll(pollers_.data(), pollers_.size(), &timeout, nullptr);
  deadline_.read_clock();
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    Lane& lane = lanes_[i];
    if (lane.state == Lane::State::opening) {
      advance(lane);
      if (lane.state == Lane::State::active) send(lane);
    } else if (lane.state == Lane::State::active && pollers_[i].revents != 0) {
      serve(lane, pollers_[i].revents);
    }
  }
  if (ready_count <= 0) give_up_hopeless();
  if (deadline_.is_over()) drain_and_end();
}

void FanOut::serve(Lane& lane, short events) {
  if ((events & POLLOUT) != 0 && lane.has_output()) send(lane);
  // Also for POLLERR and POLLHUP: the receive says what they mean.
  if (lane.state == Lane::State::active && events != POLLOUT) (void)receive(lane, false);
}

// Nothing came for a slice.
void FanOut::give_up_hopeless() {
  for (Lane& lane : lanes_) {
    if (lane.is_under_way() && is_hopeless(lane)) end(lane, Fate::moved);
  }
}

// Everything that it still waits for moved away: its backend was lost, most likely.
bool FanOut::is_hopeless(const Lane& lane) const noexcept {
  if (lane.is_port) return false;
  for (std::uint32_t at = lane.pending; at != no_item; at = items_[at].next) {
    if (!has_moved(items_[at])) return false;
  }
  return true;
}

// The time is up. What has arrived is still taken.
void FanOut::drain_and_end() {
  for (Lane& lane : lanes_) {
    while (lane.state == Lane::State::active && receive(lane, false) == Io::some) continue;
    if (lane.state != Lane::State::ended) end(lane, Fate::timed_out);
  }
}

Io FanOut::receive(Lane& lane, bool may_wait) {
  const Io io = lane.connection->receive(may_wait);
  if (io == Io::closed) {
    end(lane, Fate::lost);
  } else if (io == Io::some) {
    take_answers(lane);
  } else {
    deadline_.read_clock();
  }
  return io;
}

// One clock read judges all that this receive brought.
void FanOut::take_answers(Lane& lane) {
  check_.emplace(attachment_->segment.reader());
  deadline_.set_now(check_->now_ns());
  ReplyStream& replies = lane.connection->replies();
  for (;;) {
    job_.take_usual(*this, lane);
    const ReplyPart part = replies.next(job_.shape());
    if (part == ReplyPart::need_more) return;
    const FanJob::Reading reading =
        part == ReplyPart::violation ? FanJob::Reading::violation : job_.take(*this, lane, part);
    switch (reading) {
      case FanJob::Reading::go_on:
        break;
      case FanJob::Reading::done:
        client_.pool().give_back(*lane.connection);
        lane.connection = nullptr;
        lane.state = Lane::State::ended;
        return;
      case FanJob::Reading::violation:
        end(lane, Fate::lost);
        return;
      case FanJob::Reading::no_memory:
        end(lane, Fate::failed);
        return;
    }
  }
}

}  // namespace ringfence::shim::client
