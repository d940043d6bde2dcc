// The connection itself and what is written to it; replies are read in backend_link_replies.cpp.
#include "agent/port/backend_link.hpp"

#include <algorithm>

#include "agent/port/client.hpp"
#include "agent/port/io_thread.hpp"
#include "agent/port/limits.hpp"
#include "agent/port/wire_form.hpp"
#include "shim/wire_key.hpp"

namespace ringfence::agent::port {
namespace {

shim::WireKey wire_key_of(const Request& request) noexcept {
  return {request.key, request.ticket.pool_word, request.ticket.generation()};
}

}  // namespace

BackendLink::BackendLink(IoThread& thread, std::uint16_t index, Wire wire,
                         const shm_layout::BackendInfo& info)
    : thread_(thread),
      text_(info.text),
      incarnation_(info.incarnation),
      index_(index),
      wire_(wire),
      arena_(link_chunk_bytes, thread.output()) {
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
  request.enqueued_ms = thread_.now_ms();
  if (is_gathered(request)) {
    add_to_group(request);
  } else {
    add_command(request);
  }
  thread_.counters().backends[index_].requests.add();
  thread_.mark_dirty(*this);
  thread_.need_tick();
}

bool BackendLink::joins_group(const Request& request) const noexcept {
  if (group_.keys == 0) return true;
  const Request& first = *group_.requests.head();
  const bool has_time = is_get_and_touch(request.verb);
  const std::size_t bytes_max =
      has_time ? group_bytes_max_gat - shim::key_bytes_max : shim::text::group_bytes_max;
  return group_.keys < shim::text::group_keys_max && group_.bytes < bytes_max &&
         first.verb == request.verb && (!has_time || first.exptime == request.exptime);
}

void BackendLink::add_to_group(Request& request) {
  if (!joins_group(request)) close_group();
  group_.requests.push(request);
  ++group_.keys;
  group_.bytes += std::min(request.key.size() + shim::tag_bytes_max, shim::key_bytes_max) + 1;
}

void BackendLink::close_group() {
  if (group_.keys == 0) return;
  const std::size_t before = output_.size_bytes();
  const auto append = [&](std::string_view piece) { output_.append(piece, arena_); };
  Request* request = group_.requests.head();
  shim::text::write_retrieval_head(append, request->verb, request->exptime);
  while (!group_.requests.is_empty()) {
    request = group_.requests.pop();
    request->stream_begin = staged_bytes_;
    request->ends_command = group_.requests.is_empty();
    waiting_.push(*request);
    append(" ");
    append(wire_key_of(*request).view());
  }
  append("\r\n");
  staged_bytes_ += output_.size_bytes() - before;
  group_ = {};
}

// noreply is never passed on: each command's answer keeps the shared connection in step.
void BackendLink::add_command(Request& request) {
  // Only a client's own commands have an order: its gets that wait in the group go first.
  if (!request.client->has_one_request()) close_group();
  const std::size_t before = output_.size_bytes();
  const auto append = [&](std::string_view piece) { output_.append(piece, arena_); };
  request.stream_begin = staged_bytes_;
  request.ends_command = true;
  waiting_.push(request);
  write_front(append, request, wire_key_of(request).view(), request.value.size());
  if (is_storage(request.verb)) output_.append_slice(request.bytes, request.value, arena_);
  staged_bytes_ += output_.size_bytes() - before;
}

void BackendLink::flush() {
  close_group();
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
  close_group();
  const std::uint64_t written = written_bytes();
  const bool is_first_failure = backoff_ms_ == 0;
  // A connection that had worked is opened anew at once; after that, ever more slowly.
  const bool ended = kind == LossKind::broken || kind == LossKind::moved;
  const bool may_retry_now = ended && is_first_failure;
  backoff_ms_ = is_first_failure ? backoff_ms_min : std::min(backoff_ms_ * 2, backoff_ms_max);
  retry_at_ms_ = thread_.now_ms() + (may_retry_now ? 0 : backoff_ms_);
  state_ = State::backing_off;
  watch_.close();
  output_.clear();
  staged_bytes_ = 0;
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
    thread_.dispatcher().on_lost(request, is_unsent && ended ? LossKind::not_sent : kind);
  }
}

void BackendLink::close() {
  close_group();
  watch_.close();
  state_ = State::idle;
  // Their clients are gone: only the memory is left to be given back.
  while (!waiting_.is_empty()) {
    Request& request = *waiting_.pop();
    request.client->answered(request);
  }
}

// No reply that can still come would be believed. (One that is half delivered would.)
bool BackendLink::has_only_moved() const noexcept {
  for (const Request* request = waiting_.head(); request != nullptr;
       request = request->next_of_link) {
    if (request->is_partly_delivered || !thread_.dispatcher().has_moved(*request)) return false;
  }
  return true;
}

bool BackendLink::tick(std::uint64_t now_ms) {
  if (state_ == State::connecting) {
    const std::uint64_t waited_ms = now_ms - state_since_ms_;
    if (waited_ms >= thread_.connect_timeout_ms()) {
      break_off(LossKind::unreachable);
    } else if (waited_ms >= moved_patience_ms && has_only_moved()) {
      break_off(LossKind::moved);
    }
    return true;
  }
  if (blocker_ != nullptr) return tick_blocked(now_ms);
  if (waiting_.is_empty()) return false;
  // A long value that keeps arriving does not count against those behind it.
  const std::uint64_t since = std::max(
      {waiting_.head()->enqueued_ms, last_value_ms_, state_ == State::up ? state_since_ms_ : 0});
  if (now_ms >= since + thread_.request_timeout_ms()) {
    break_off(LossKind::silent);
  } else if (now_ms >= since + moved_patience_ms && has_only_moved()) {
    break_off(LossKind::moved);
  }
  return true;
}

}  // namespace ringfence::agent::port
