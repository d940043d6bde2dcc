// The connection itself and what is written to it; replies are read in backend_link_replies.cpp.
#include "agent/port/backend_link.hpp"

#include <algorithm>

#include "agent/port/client.hpp"
#include "agent/port/io_thread.hpp"
#include "agent/port/limits.hpp"
#include "agent/port/wire_form.hpp"
#include "shim/wire_key.hpp"

namespace ringfence::agent::port {

BackendLink::BackendLink(IoThread& thread, std::uint16_t index, Wire wire,
                         const shm_layout::BackendInfo& info)
    : thread_(thread),
      text_(info.text),
      incarnation_(info.incarnation),
      index_(index),
      wire_(wire) {
  auto address = address_of(info);
  if (address) address_ = address.value();
}

bool BackendLink::serves(const shm_layout::BackendInfo& info) const noexcept {
  const auto address = address_of(info);
  return address.is_ok() && incarnation_ == info.incarnation && address.value() == address_;
}

bool BackendLink::is_reachable() const noexcept {
  return state_ != State::backing_off || thread_.now_ms() >= retry_at_ms_;
}

void BackendLink::send(Request& request) {
  const shim::WireKey wire_key(request.key, request.ticket.pool_word, request.ticket.generation());
  const std::size_t before = output_.size_bytes();
  request.stream_begin = staged_bytes_;
  request.enqueued_ms = thread_.now_ms();
  if (is_gathered(request)) {
    add_retrieval(request, wire_key.view());
  } else {
    close_group();
    add_command(request, wire_key.view());
    request.ends_command = true;
  }
  waiting_.push(request);
  staged_bytes_ += output_.size_bytes() - before;
  thread_.counters().backends[index_].requests.add();
  thread_.mark_dirty(*this);
  thread_.need_tick();
}

bool BackendLink::joins_group(const Request& request) const noexcept {
  const bool has_time = is_get_and_touch(request.verb);
  return group_.keys > 0 && !waiting_.is_empty() && group_.keys < shim::text::group_keys_max &&
         group_.verb == request.verb &&
         group_.bytes <
             (has_time ? group_bytes_max_gat - shim::key_bytes_max : shim::text::group_bytes_max) &&
         (!has_time || group_.exptime == request.exptime);
}

void BackendLink::add_retrieval(Request& request, std::string_view wire_key) {
  Account& account = thread_.output();
  if (joins_group(request)) {
    waiting_.tail()->ends_command = false;
  } else {
    close_group();
    group_.keys = 0;
    group_.bytes = 0;
    group_.verb = request.verb;
    group_.exptime = request.exptime;
    shim::text::write_retrieval_head([&](std::string_view word) { output_.append(word, account); },
                                     request.verb, request.exptime);
  }
  output_.append(" ", account);
  output_.append(wire_key, account);
  ++group_.keys;
  group_.bytes += wire_key.size() + 1;
  request.ends_command = true;
}

void BackendLink::close_group() {
  if (group_.keys == 0) return;
  output_.append("\r\n", thread_.output());
  group_.keys = 0;
}

// noreply is never passed on: each command's answer keeps the shared connection in step.
void BackendLink::add_command(Request& request, std::string_view wire_key) {
  Account& account = thread_.output();
  const auto append = [&](std::string_view piece) { output_.append(piece, account); };
  write_front(append, request, wire_key, request.value.size());
  if (is_storage(request.verb)) output_.append_slice(request.bytes, request.value, account);
}

void BackendLink::flush() {
  if (group_.keys > 0) {
    close_group();
    staged_bytes_ += 2;
  }
  if (waiting_.is_empty() && output_.is_empty()) return;
  if (state_ == State::idle || (state_ == State::backing_off && is_reachable())) connect();
  if (state_ == State::up) write();
}

void BackendLink::connect() {
  bool is_connected = false;
  const int fd = begin_connect(address_, is_connected);
  state_ = State::connecting;
  state_since_ms_ = thread_.now_ms();
  can_write_ = true;
  if (fd < 0 || !watch_.open(thread_.loop(), fd, *this)) {
    break_off(LossKind::unreachable);
    return;
  }
  if (is_connected) {
    on_connected();
  } else {
    watch_.want(UV_WRITABLE);
  }
}

void BackendLink::on_connected() {
  state_ = State::up;
  state_since_ms_ = thread_.now_ms();
  update_interest();
}

void BackendLink::write() {
  // Until the socket is full or nothing is left: one call, unless more than its pieces wait.
  while (!output_.is_empty() && can_write_) {
    const long sent = output_.write_to(watch_.fd());
    if (sent < 0) {
      receive();  // what was answered before the connection ended still counts
      if (state_ == State::up) break_off(LossKind::broken);
      return;
    }
    can_write_ = sent > 0;
  }
  update_interest();
}

void BackendLink::update_interest() {
  const int reading = blocker_ == nullptr ? UV_READABLE : 0;
  watch_.want(reading | (output_.is_empty() ? 0 : UV_WRITABLE));
}

void BackendLink::on_socket(int events) {
  if (state_ == State::connecting) {
    if (connect_outcome(watch_.fd()) != 0) {
      break_off(LossKind::unreachable);
      return;
    }
    on_connected();
    thread_.mark_dirty(*this);
    return;
  }
  if ((events & UV_WRITABLE) != 0) {
    can_write_ = true;
    thread_.mark_dirty(*this);
  }
  if ((events & UV_READABLE) != 0 && blocker_ == nullptr) receive();
}

void BackendLink::note_trouble() {
  thread_.counters().backend_errors.add();
  thread_.counters().backends[index_].errors.add();
  thread_.shared().events.on_backend_trouble(thread_.settings().pool, text_);
}

void BackendLink::break_off(LossKind kind) {
  const std::uint64_t written = written_bytes();
  const bool is_first_failure = backoff_ms_ == 0;
  // A connection that had worked is opened anew at once; after that, ever more slowly.
  const bool may_retry_now = kind == LossKind::broken && is_first_failure;
  backoff_ms_ = is_first_failure ? backoff_ms_min : std::min(backoff_ms_ * 2, backoff_ms_max);
  retry_at_ms_ = thread_.now_ms() + (may_retry_now ? 0 : backoff_ms_);
  state_ = State::backing_off;
  watch_.close();
  output_.clear();
  staged_bytes_ = 0;
  group_.keys = 0;
  parser_ = {};
  packets_ = {};
  leftover_.clear();
  value_ = nullptr;
  expects_end_ = false;
  if (blocker_ != nullptr) unblock();
  note_trouble();
  LinkFifo lost = waiting_;
  waiting_ = {};
  while (!lost.is_empty()) {
    Request& request = *lost.pop();
    const bool is_unsent = request.stream_begin >= written;
    thread_.dispatcher().on_lost(request,
                                 is_unsent && kind == LossKind::broken ? LossKind::not_sent : kind);
  }
}

void BackendLink::close() {
  watch_.close();
  state_ = State::idle;
  // Their clients are gone: only the memory is left to be given back.
  while (!waiting_.is_empty()) {
    Request& request = *waiting_.pop();
    request.client->answered(request);
  }
}

bool BackendLink::tick(std::uint64_t now_ms) {
  if (state_ == State::connecting) {
    if (now_ms - state_since_ms_ >= thread_.connect_timeout_ms()) {
      break_off(LossKind::unreachable);
    }
    return true;
  }
  if (blocker_ != nullptr) return tick_blocked(now_ms);
  if (waiting_.is_empty()) return false;
  // A long value that keeps arriving does not count against those behind it.
  const std::uint64_t since = std::max(
      {waiting_.head()->enqueued_ms, last_value_ms_, state_ == State::up ? state_since_ms_ : 0});
  if (now_ms >= since + thread_.request_timeout_ms()) break_off(LossKind::silent);
  return true;
}

}  // namespace ringfence::agent::port
