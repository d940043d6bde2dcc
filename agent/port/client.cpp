#include "agent/port/client.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/port/io_thread.hpp"
#include "agent/port/text_form.hpp"
#include "shim/binary/answer.hpp"

namespace ringfence::agent::port {

bool Client::open(int fd) {
  if (!watch_.open(thread_.loop(), fd, *this)) return false;
  last_progress_ms_ = thread_.now_ms();
  update_interest();
  return true;
}

void Client::on_socket(int events) {
  if ((events & UV_WRITABLE) != 0) {
    can_write_ = true;
    thread_.mark_dirty(*this);
  }
  if ((events & UV_READABLE) != 0) receive();
}

// Room behind what has arrived but is not a whole command yet. False: no memory for it.
bool Client::prepare_input() {
  const std::string_view waiting = input();
  if (waiting.empty()) return true;
  if (!input_.is_shared() && input_->capacity > input_end_) return true;
  std::size_t capacity = std::max(waiting.size() * 2, 2 * kib);
  const std::size_t wanted = is_binary() ? binary_.wanted_bytes() : text_.wanted_bytes();
  if (wanted > waiting.size() && wanted <= waiting.size() * 4) capacity = wanted + kib;
  if (capacity > held_value_bytes_max * 2 && thread_.input().bytes > input_budget_bytes) {
    return false;
  }
  ChunkRef larger = ChunkRef::make(capacity, thread_.input());
  std::memcpy(larger->data(), waiting.data(), waiting.size());
  input_begin_ = 0;
  input_end_ = static_cast<std::uint32_t>(waiting.size());
  larger->size = input_end_;
  input_ = std::move(larger);
  return true;
}

void Client::receive() {
  if (!wants_input()) {
    update_interest();  // a bound closed meanwhile; what opens it again asks for input again
    return;
  }
  if (!prepare_input()) {
    refuse_for_memory();
    return;
  }
  const bool is_partial = !input().empty();
  ChunkRef& target = is_partial ? input_ : thread_.room_for_input(upload != nullptr);
  const std::uint32_t begin = is_partial ? input_end_ : target->size;
  const ssize_t got =
      ::recv(watch_.fd(), target->data() + begin, target->capacity - begin, MSG_DONTWAIT);
  if (got > 0) {
    const std::uint32_t end = begin + static_cast<std::uint32_t>(got);
    target->size = end;
    if (!is_partial) {
      input_ = target;
      input_begin_ = begin;
    }
    input_end_ = end;
    take_received(static_cast<std::size_t>(got));
    return;
  }
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got < 0) {
    close();
    return;
  }
  is_input_ended_ = true;
  if (upload != nullptr) {
    close();  // the rest of the value will never come
    return;
  }
  thread_.mark_dirty(*this);
}

void Client::refuse_for_memory() {
  constexpr std::string_view line = "SERVER_ERROR out of memory reading request\r\n";
  ReplyText text;
  if (is_binary()) {
    shim::binary::add_line_answer(text, {}, 0, shim::binary::Status::out_of_memory, line);
  } else {
    text.add(line);
  }
  answer_locally(text.view());
  close_after_answers();
}

void Client::take_received(std::size_t bytes) {
  thread_.counters().bytes_read.add(bytes);
  run();
  keep_rest();
  thread_.mark_dirty(*this);
}

// A short rest may wait for long: it does not keep a whole chunk meanwhile.
void Client::keep_rest() {
  const std::string_view rest = input();
  if (rest.empty() || rest.size() >= share_bytes_min || input_->capacity < receive_chunk_bytes) {
    return;
  }
  ChunkRef own = ChunkRef::make(rest.size(), thread_.input());
  std::memcpy(own->data(), rest.data(), rest.size());
  own->size = static_cast<std::uint32_t>(rest.size());
  input_ = std::move(own);
  input_begin_ = 0;
  input_end_ = input_->size;
}

void Client::consume(std::size_t bytes) {
  input_begin_ += static_cast<std::uint32_t>(bytes);
  if (input_begin_ < input_end_) return;
  input_.reset();
  input_begin_ = input_end_ = 0;
}

bool Client::may_take() const noexcept {
  if (is_closed_ || is_closing_ || is_flushing || upload != nullptr) return false;
  if (outstanding_ >= window_ || output_.size_bytes() > client_unsent_bytes_pause) return false;
  if (held_bytes_ < client_input_bytes_free) return true;
  return held_bytes_ < client_input_bytes_max && thread_.input().bytes < input_budget_bytes;
}

Take Client::take_command() {
  if (protocol_ == Protocol::unknown && !input().empty()) {
    const bool is_magic = static_cast<std::uint8_t>(input().front()) == shim::binary::request_magic;
    protocol_ = is_magic ? Protocol::binary : Protocol::text;
  }
  return is_binary() ? binary_.next(*this) : text_.next(*this);
}

void Client::run() {
  Take take = Take::taken;
  while (take == Take::taken && may_take()) {
    take = take_command();
  }
  wants_to_run_ = take != Take::need_more;
  if (upload != nullptr) thread_.uploads().pump(*this);
  // It waits for input again. (One that was stopped by a bound goes on when that moves.)
  if (!wants_to_run_) thread_.mark_dirty(*this);
}

Request& Client::make_request(Verb verb, const ReplyForm& form) {
  Request* request = thread_.requests().take();
  request->client = this;
  request->form = &form;
  request->verb = verb;
  return *request;
}

void Client::queue(Request& request) {
  request.order = next_order_++;
  ++outstanding_;
  held_bytes_ += request.key.size() + request.value.size();
  if (request.is_noreply) {
    last_noreply_order_ = request.order;
  } else {
    order_.push(request);
  }
}

void Client::submit(Request& request) {
  Request* one = &request;
  submit({&one, 1});
}

void Client::submit(std::span<Request* const> requests) {
  for (Request* request : requests) {
    queue(*request);
    count_command(thread_.counters(), request->verb);
  }
  thread_.dispatcher().submit(requests);
}

void Client::answer_locally(std::string_view text) {
  if (order_.is_empty()) {
    output_.append(text, thread_.replies());
    buffered_bytes_ += text.size();
    thread_.mark_dirty(*this);
    return;
  }
  Request& request = make_request(Verb::version, text_form());
  queue(request);
  reply(request, text);
  answered(request);
}

void Client::close_after_answers() {
  is_closing_ = true;
  input_.reset();
  input_begin_ = input_end_ = 0;
  thread_.mark_dirty(*this);
}

// The place where the reply's bytes go now. Once it is a request's turn, what waited goes first.
Client::Sink Client::sink_of(Request& request) {
  if (order_.head() != &request) return {request.reply, thread_.waiting_replies()};
  if (!request.reply.is_empty()) output_.splice(request.reply, thread_.replies());
  request.is_partly_delivered = true;
  thread_.mark_dirty(*this);
  return {output_, thread_.replies()};
}

void Client::reply(Request& request, std::string_view bytes) {
  if (is_closed_ || request.is_noreply) return;
  buffered_bytes_ += bytes.size();
  const Sink sink = sink_of(request);
  sink.queue.append(bytes, sink.arena);
}

void Client::reply(Request& request, const ChunkRef& chunk, std::string_view slice) {
  if (is_closed_ || request.is_noreply) return;
  buffered_bytes_ += slice.size();
  const Sink sink = sink_of(request);
  sink.queue.append_slice(chunk, slice, sink.arena);
}

void Client::hold(Request& request, const ChunkRef& chunk, std::string_view slice) {
  if (is_closed_) return;
  buffered_bytes_ += slice.size();
  request.reply.append_slice(chunk, slice, thread_.waiting_replies());
}

void Client::hold(Request& request, std::string_view bytes) {
  if (is_closed_) return;
  buffered_bytes_ += bytes.size();
  request.reply.append(bytes, thread_.waiting_replies());
}

void Client::drop_reply(Request& request) {
  buffered_bytes_ -= std::min(buffered_bytes_, request.reply.size_bytes());
  request.reply.clear();
  request.holds_value = false;
}

void Client::answered(Request& request) {
  request.is_answered = true;
  if (request.is_upload) thread_.uploads().on_answered(*this);
  if (request.is_noreply) {
    release(request);
  } else {
    advance();
  }
  if (is_closed_) {
    if (outstanding_ == 0) thread_.bury(*this);
    return;
  }
  if (wants_to_run_) thread_.mark_runnable(*this);
  thread_.mark_dirty(*this);  // a bound may have moved, or it may be over
}

void Client::advance() {
  while (!order_.is_empty() && order_.head()->is_answered) {
    Request& first = *order_.pop();
    if (!first.reply.is_empty() && !is_closed_) {
      output_.splice(first.reply, thread_.replies());
      thread_.mark_dirty(*this);
    }
    end_reply(first);
    release(first);
  }
}

// The reply of many keys ends with its last one, be it answered first: an error of any of them
// takes END's place.
void Client::end_reply(Request& request) {
  if (!request.failure.empty()) failure_ = request.failure;
  if (!request.ends_reply || is_closed_) return;
  const std::string_view end = failure_.empty() ? "END\r\n" : std::exchange(failure_, {});
  buffered_bytes_ += end.size();
  output_.append(end, thread_.replies());
  thread_.mark_dirty(*this);
}

void Client::release(Request& request) {
  --outstanding_;
  held_bytes_ -= request.key.size() + request.value.size();
  thread_.requests().give_back(&request);
}

void Client::note_value(std::size_t bytes) noexcept {
  // The largest lately: it fades by a sixteenth with each value.
  recent_value_bytes_ = std::max(bytes, recent_value_bytes_ - recent_value_bytes_ / 16);
  const std::size_t fitting = window_bytes / std::max<std::size_t>(recent_value_bytes_, 1);
  window_ = static_cast<std::uint32_t>(std::clamp<std::size_t>(fitting, 1, window_max));
}

bool Client::is_over() const noexcept {
  if (outstanding_ != 0 || !output_.is_empty() || upload != nullptr) return false;
  if (is_closing_) return true;
  if (wants_to_run_) return false;  // commands, or keys of one, are still to be taken
  return is_input_ended_ || (thread_.is_draining() && input().empty());
}

void Client::flush() {
  if (is_closed_) return;
  if (!output_.is_empty() && can_write_) {
    const long sent = output_.write_to(watch_.fd());
    if (sent < 0) {
      close();
      return;
    }
    if (sent > 0) last_progress_ms_ = thread_.now_ms();
    buffered_bytes_ -= std::min(buffered_bytes_, static_cast<std::size_t>(sent));
    thread_.counters().bytes_written.add(static_cast<std::uint64_t>(sent));
    can_write_ = output_.is_empty();
  }
  if (blocks_link && buffered_bytes_ <= thread_.client_buffer_limit() / 2) {
    thread_.links().resume_for(*this);
  }
  if (is_over()) {
    close();
    return;
  }
  if (wants_to_run_ && may_take()) thread_.mark_runnable(*this);
  update_interest();
}

bool Client::wants_input() const noexcept {
  if (is_closed_ || is_input_ended_) return false;
  if (upload != nullptr) return input().empty();
  return !wants_to_run_ && may_take();
}

void Client::update_interest() {
  if (is_closed_) return;
  int events = output_.is_empty() ? 0 : UV_WRITABLE;
  if (wants_input()) events |= UV_READABLE;
  watch_.want(events);
}

void Client::close() {
  if (is_closed_) return;
  is_closed_ = true;
  watch_.close();
  input_.reset();
  input_begin_ = input_end_ = 0;
  output_.clear();
  buffered_bytes_ = 0;
  thread_.forget(*this);
  if (upload != nullptr) thread_.uploads().abandon(*this);
  thread_.flushes().forget(*this);
  thread_.dispatcher().forget(*this);
  if (blocks_link) thread_.links().resume_for(*this);
  if (outstanding_ == 0) thread_.bury(*this);
}

void Client::reset() {
  if (!is_closed_) watch_.reset();
  close();
}

}  // namespace ringfence::agent::port
