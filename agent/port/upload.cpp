// One value in transit; the list of them is uploads.cpp.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "agent/port/client.hpp"
#include "agent/port/io_thread.hpp"
#include "agent/port/limits.hpp"
#include "agent/port/uploads.hpp"
#include "agent/port/wire_form.hpp"
#include "shim/wire_key.hpp"

namespace ringfence::agent::port {
namespace {

std::string front_of(const Request& request, std::size_t value_bytes) {
  const shim::WireKey wire_key(request.key, request.ticket.pool_word, request.ticket.generation());
  std::string front;
  write_front([&](std::string_view piece) { front += piece; }, request, wire_key.view(),
              value_bytes);
  return front;
}

}  // namespace

Upload::Upload(IoThread& thread, Request& request, std::size_t stream_bytes)
    : thread_(thread),
      client_(request.client),
      request_(&request),
      left_bytes_(stream_bytes),
      progress_ms_(thread.now_ms()) {}

void Upload::connect(BackendLink& link) {
  request_->stream_begin = 0;  // on a connection of its own
  header_ = front_of(*request_, left_bytes_);
  progress_ms_ = thread_.now_ms();
  connection_ = thread_.uploads().take_idle(link);
  if (connection_ != nullptr) {
    connection_->user = this;
    begin_streaming();
    return;
  }
  connection_ = std::make_unique<UploadConnection>(thread_.uploads(), link);
  connection_->user = this;
  bool is_connected = false;
  const int fd = begin_connect(link.address(), is_connected);
  if (fd < 0 || !connection_->watch.open(thread_.loop(), fd, *connection_)) {
    lose(LossKind::unreachable);
    return;
  }
  state_ = State::connecting;
  if (is_connected) {
    begin_streaming();
  } else {
    connection_->watch.want(UV_WRITABLE);
  }
}

void Upload::begin_streaming() {
  state_ = State::streaming;
  is_backend_full_ = false;
  connection_->watch.want(UV_READABLE);
  pump();
}

// False: the connection ended.
bool Upload::send(std::string_view bytes, std::size_t& sent_bytes) {
  const ssize_t sent =
      ::send(connection_->watch.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  sent_bytes = sent > 0 ? static_cast<std::size_t>(sent) : 0;
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
  is_backend_full_ = sent_bytes < bytes.size();
  if (sent_bytes > 0) progress_ms_ = thread_.now_ms();
  return true;
}

void Upload::pump() {
  if (state_ == State::swallowing) {
    swallow();
    return;
  }
  if (state_ != State::streaming || is_backend_full_) return;
  std::size_t sent = 0;
  if (!header_.empty()) {
    if (!send(header_, sent)) {
      lose(LossKind::broken);
      return;
    }
    header_.erase(0, sent);
  }
  while (header_.empty() && left_bytes_ > 0 && !is_backend_full_ && !client_->input().empty()) {
    const std::string_view part = client_->input().substr(0, left_bytes_);
    if (!send(part, sent)) {
      receive();  // an early refusal may lie there
      if (request_ != nullptr) lose(LossKind::broken);
      return;
    }
    client_->consume(sent);
    left_bytes_ -= sent;
  }
  connection_->watch.want(UV_READABLE | (is_backend_full_ ? UV_WRITABLE : 0));
  thread_.mark_dirty(*client_);
}

void Upload::swallow() {
  const std::size_t part = std::min(left_bytes_, client_->input().size());
  if (part > 0) progress_ms_ = thread_.now_ms();
  client_->consume(part);
  left_bytes_ -= part;
}

void Upload::on_socket(int events) {
  if (state_ == State::connecting) {
    if (connect_outcome(connection_->watch.fd()) != 0) {
      lose(LossKind::unreachable);
    } else {
      begin_streaming();
    }
    return;
  }
  if ((events & UV_WRITABLE) != 0) {
    is_backend_full_ = false;
    pump();
  }
  if ((events & UV_READABLE) != 0 && state_ == State::streaming && request_ != nullptr) receive();
}

void Upload::receive() {
  std::array<char, 512> buffer;  // one line
  const ssize_t got = ::recv(connection_->watch.fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    lose(LossKind::broken);
    return;
  }
  reply_.append(buffer.data(), static_cast<std::size_t>(got));
  take_reply();
}

void Upload::take_reply() {
  using shim::text::ReplyEventKind;
  const shim::text::ReplyEvent event =
      request_->wire == Wire::binary ? shim::binary::ReplyParser{}.next(asked_of(*request_), reply_)
                                     : shim::text::ReplyParser{}.next(shape_of(*request_), reply_);
  if (event.kind == ReplyEventKind::need_more) return;
  const bool is_answer = event.kind == ReplyEventKind::line && !is_turned_away(event.bytes) &&
                         may_answer(*request_, event.bytes);
  if (!is_answer) {
    lose(LossKind::broken);
    return;
  }
  const bool is_clean = left_bytes_ == 0 && event.consumed_bytes == reply_.size();
  detach(!is_clean);
  thread_.dispatcher().on_line(*request_, event.bytes, shim::ArrivalCheck(thread_.segment()));
}

void Upload::detach(bool ends_connection) {
  state_ = State::waiting;
  if (connection_ == nullptr) return;
  connection_->user = nullptr;
  if (ends_connection) {
    connection_->watch.close();
    thread_.uploads().discard(std::move(connection_));
  } else {
    thread_.uploads().keep_idle(std::move(connection_));
  }
}

void Upload::lose(LossKind kind) {
  BackendLink* link = thread_.links().find(*request_);
  if (link != nullptr) link->note_trouble();
  detach(true);
  thread_.dispatcher().on_lost(*request_, kind);
}

// Whatever of the value has not come yet is read past.
void Upload::on_answered() {
  request_ = nullptr;
  detach(true);
  state_ = State::swallowing;
  progress_ms_ = thread_.now_ms();
  swallow();
}

void Upload::tick(std::uint64_t now_ms) {
  const std::uint64_t quiet_ms = now_ms - std::min(now_ms, progress_ms_);
  const bool has_moved = quiet_ms >= moved_patience_ms && request_ != nullptr &&
                         thread_.dispatcher().has_moved(*request_);
  if (state_ == State::connecting) {
    if (quiet_ms >= thread_.connect_timeout_ms()) {
      lose(LossKind::unreachable);
    } else if (has_moved) {
      lose(LossKind::not_sent);
    }
    return;
  }
  const bool waits_for_client =
      state_ == State::swallowing ||
      (state_ == State::streaming && left_bytes_ > 0 && !is_backend_full_);
  if (waits_for_client) {
    if (quiet_ms >= upload_idle_ms) client_->reset();
    return;
  }
  if (state_ != State::streaming) return;
  if (quiet_ms >= thread_.request_timeout_ms()) {
    lose(LossKind::silent);
  } else if (has_moved) {
    lose(LossKind::moved);
  }
}

}  // namespace ringfence::agent::port
