// The reading half of a link: replies come in the order of the commands, and each value is matched
// to the request whose wire key it carries. A reply that fits nothing ends the connection.
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "agent/port/backend_link.hpp"
#include "agent/port/client.hpp"
#include "agent/port/io_thread.hpp"
#include "agent/port/limits.hpp"
#include "agent/port/wire_form.hpp"
#include "shim/meta/show.hpp"
#include "shim/wire_key.hpp"

namespace ringfence::agent::port {

using shim::text::ReplyEvent;
using shim::text::ReplyEventKind;
using shim::text::ReplyShape;

void BackendLink::receive() {
  const ChunkRef chunk = thread_.room_for_answers(is_inside_large_value());
  char* const room = chunk->data() + chunk->size;
  std::memcpy(room, leftover_.data(), leftover_.size());
  const std::size_t begin = leftover_.size();
  const ssize_t got = ::recv(watch_.fd(), room + begin, chunk.room() - begin, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    break_off(LossKind::broken);
    return;
  }
  std::string_view bytes{room, begin + static_cast<std::size_t>(got)};
  chunk->size += static_cast<std::uint32_t>(bytes.size());
  const Arrival arrival{chunk, shim::ArrivalCheck(thread_.segment())};
  if (take_replies(arrival, bytes) == Taken::violation) {
    break_off(LossKind::broken);
    return;
  }
  leftover_.assign(bytes);
  if (blocker_ != nullptr) update_interest();
}

bool BackendLink::is_inside_large_value() const noexcept {
  const std::size_t left_bytes =
      wire_ == Wire::binary ? packets_.value_left_bytes() : parser_.value_left_bytes();
  return left_bytes > receive_chunk_bytes;
}

BackendLink::Taken BackendLink::take_replies(const Arrival& arrival, std::string_view& bytes) {
  // The end of a value takes no byte in the binary protocol.
  while (!bytes.empty() || packets_.is_value_whole()) {
    // Nobody asked, or nothing of the question has left this host.
    const bool is_asked =
        expects_end_ || (!waiting_.is_empty() && waiting_.head()->stream_begin < written_bytes());
    if (!is_asked) return Taken::violation;
    const ReplyEvent event = next_event(bytes);
    if (event.kind == ReplyEventKind::need_more) return Taken::all;
    if (!take_event(event, arrival)) return Taken::violation;
    bytes.remove_prefix(event.consumed_bytes);
  }
  return Taken::all;
}

ReplyEvent BackendLink::next_event(std::string_view bytes) {
  if (wire_ == Wire::binary) return packets_.next(asked_of(*waiting_.head()), bytes);
  return parser_.next(expects_end_ ? ReplyShape::values : shape_of(*waiting_.head()), bytes);
}

bool BackendLink::take_event(const ReplyEvent& event, const Arrival& arrival) {
  switch (event.kind) {
    case ReplyEventKind::value_header:
      return take_header(event, arrival);
    case ReplyEventKind::value_bytes:
      last_value_ms_ = thread_.now_ms();
      thread_.dispatcher().on_value_bytes(*value_, fate_, arrival.chunk, event.bytes);
      block_on_client();
      return true;
    case ReplyEventKind::value_done:
      take_value_done();
      return true;
    case ReplyEventKind::end:
      take_end();
      return true;
    case ReplyEventKind::line:
      return take_line(event.bytes, arrival);
    case ReplyEventKind::need_more:
    case ReplyEventKind::stat:
    case ReplyEventKind::violation:
      return false;
  }
  return false;
}

// memcached answers the keys it found, in the order of the command; those before are misses.
bool BackendLink::take_header(const ReplyEvent& event, const Arrival& arrival) {
  if (!expects_end_ && !is_gathered(*waiting_.head())) return take_own_header(event, arrival);
  while (!expects_end_ && !waiting_.is_empty()) {
    Request& first = *waiting_.head();
    const shim::WireKey wire_key(first.key, first.ticket.pool_word, first.ticket.generation());
    if (wire_key.view() == event.key) {
      value_ = &first;
      fate_ = thread_.dispatcher().on_value(first, event, arrival.check);
      return true;
    }
    if (first.ends_command) return false;
    waiting_.pop();
    thread_.dispatcher().on_miss(first);
  }
  return false;
}

// A value without a key belongs to the command whose turn it is.
bool BackendLink::take_own_header(const ReplyEvent& event, const Arrival& arrival) {
  value_ = waiting_.head();
  if (value_->is_meta && !shim::meta::may_answer_value(meta_command_of(*value_), event.bytes)) {
    return false;
  }
  fate_ = thread_.dispatcher().on_value(*value_, event, arrival.check);
  return true;
}

void BackendLink::take_value_done() {
  backoff_ms_ = 0;
  Request& request = *value_;
  value_ = nullptr;
  waiting_.pop();
  expects_end_ = request.ends_command && is_gathered(request);
  thread_.dispatcher().on_value_done(request, fate_);
}

void BackendLink::take_end() {
  backoff_ms_ = 0;
  if (expects_end_) {
    expects_end_ = false;
    return;
  }
  bool is_last = false;
  while (!is_last) {
    Request& request = *waiting_.pop();
    is_last = request.ends_command;
    thread_.dispatcher().on_miss(request);
  }
}

// An error instead of values: what was not found by now has failed.
void BackendLink::take_error() {
  backoff_ms_ = 0;
  if (expects_end_) {
    take_end();
    return;
  }
  bool is_last = false;
  while (!is_last) {
    Request& request = *waiting_.pop();
    is_last = request.ends_command;
    thread_.dispatcher().on_refused(request);
  }
}

bool BackendLink::take_line(std::string_view line, const Arrival& arrival) {
  if (is_turned_away(line)) return false;
  if (expects_end_ || is_gathered(*waiting_.head())) {
    take_error();
    return true;
  }
  if (!may_answer(*waiting_.head(), line)) return false;
  backoff_ms_ = 0;
  Request& request = *waiting_.pop();
  if (request.is_meta && shim::meta::is_miss(line)) {
    thread_.dispatcher().on_miss(request);
  } else {
    thread_.dispatcher().on_line(request, line, arrival.check);
  }
  return true;
}

// The client of the arriving value holds too much: read on when it has taken some.
void BackendLink::block_on_client() {
  Client& client = *value_->client;
  if (fate_ > ValueFate::hold || client.is_closed() || blocker_ != nullptr) return;
  if (client.buffered_bytes() <= thread_.client_buffer_limit()) return;
  blocker_ = &client;
  client.blocks_link = true;
  blocked_since_ms_ = thread_.now_ms();
  thread_.need_tick();
}

void BackendLink::unblock() {
  blocker_ = nullptr;
  last_value_ms_ = thread_.now_ms();  // the wait was ours, not the backend's
  if (watch_.is_open()) update_interest();
}

bool BackendLink::tick_blocked(std::uint64_t now_ms) {
  Client& client = *blocker_;
  const std::uint64_t since = std::max(client.last_progress_ms(), blocked_since_ms_);
  // A client that takes its replies, but slowly, delays the others for so long at most.
  const bool is_over_time = now_ms >= blocked_since_ms_ + thread_.request_timeout_ms();
  if (now_ms < since + slow_client_ms && !is_over_time) return true;
  if (client.has_output()) {
    thread_.counters().closed_slow_clients.add();
    client.reset();  // unblocks
    return true;
  }
  // It would read, but an earlier key of it waits for another backend: this one becomes a miss.
  if (value_ != nullptr && value_->client == &client && !value_->is_partly_delivered) {
    client.drop_reply(*value_);
    fate_ = ValueFate::discard_as_miss;
  }
  unblock();
  return true;
}

}  // namespace ringfence::agent::port
