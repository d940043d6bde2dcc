#include "shim/client/exchange.hpp"

#include <poll.h>

#include <cstring>

namespace ringfence::shim::client {

namespace {

constexpr char crlf[] = "\r\n";

Exchanged ended(Ending ending) noexcept {
  return {ending, RINGFENCE_BACKEND_LOST, 0, true};
}

iovec piece_of(std::string_view bytes) noexcept {
  return {const_cast<char*>(bytes.data()), bytes.size()};
}

}  // namespace

Exchanged Exchange::run(std::string_view wire_key) noexcept {
  const Ending ending = send(wire_key);
  if (ending != Ending::answered) return ended(ending);
  return text::is_retrieval(operation_.verb) ? read_value(wire_key) : read_line();
}

Ending Exchange::send(std::string_view wire_key) noexcept {
  std::array<char, command_line_bytes> line;
  const std::size_t line_bytes = write_line(operation_, wire_key, line.data());
  std::array<iovec, 3> pieces = {piece_of({line.data(), line_bytes}), piece_of(operation_.data),
                                 piece_of({crlf, 2})};
  Output output({pieces.data(), text::is_storage(operation_.verb) ? pieces.size() : 1});
  for (;;) {
    const bool may_sleep = deadline_.has_slice();
    const Io io = connection_.send(output, may_sleep);
    if (output.is_empty()) return Ending::answered;
    if (io == Io::closed) return output.has_begun() ? Ending::lost : Ending::unsent;
    const Wait wait = look_around();
    if (wait != Wait::go_on) {
      if (!output.has_begun()) return wait == Wait::moved ? Ending::unsent : Ending::timed_out;
      return wait == Wait::moved ? Ending::moved : Ending::timed_out;
    }
    if (io == Io::idle && !may_sleep) (void)connection_.poll_for(POLLOUT, deadline_.left_ns());
  }
}

Exchange::Wait Exchange::look_around() noexcept {
  deadline_.read_clock();
  if (deadline_.is_over()) return Wait::timed_out;
  return watch_.has_moved() ? Wait::moved : Wait::go_on;
}

// One system call, as a rule. A backend that answers byte by byte is held to the deadline too.
Exchange::Wait Exchange::receive() noexcept {
  if (has_received_) deadline_.read_clock();
  for (;;) {
    const bool may_sleep = deadline_.has_slice();
    if (!may_sleep && deadline_.left_ns() > 0) {
      (void)connection_.poll_for(POLLIN, deadline_.left_ns());
    }
    const Io io = connection_.receive(may_sleep);
    if (io == Io::closed) return Wait::closed;
    if (io == Io::some) {
      has_received_ = true;
      return !may_sleep && deadline_.is_over() ? Wait::timed_out : Wait::go_on;
    }
    const Wait wait = look_around();
    if (wait != Wait::go_on) return wait;
  }
}

namespace {

Ending ending_of(bool is_closed, bool is_timed_out) noexcept {
  if (is_closed) return Ending::lost;
  return is_timed_out ? Ending::timed_out : Ending::moved;
}

}  // namespace

Exchanged Exchange::read_value(std::string_view wire_key) noexcept {
  ReplyStream& replies = connection_.replies();
  bool is_hit = false;
  for (;;) {
    if (!is_hit && replies.take_value_of(wire_key)) {  // as a rule: whole, by one receive
      if (!take_header()) return ended(Ending::no_memory);
      is_hit = true;
      take_value();
      if (replies.take_end()) return {Ending::answered, RINGFENCE_OK, 0, false};
    }
    switch (replies.next(text::ReplyShape::values)) {
      case ReplyPart::need_more: {
        const Wait wait = receive();
        if (wait == Wait::go_on) break;
        return ended(ending_of(wait == Wait::closed, wait == Wait::timed_out));
      }
      case ReplyPart::header:
        // A second value, or another key's: not the answer to this request.
        if (is_hit || replies.header().key != wire_key) return ended(Ending::lost);
        if (!take_header()) return ended(Ending::no_memory);
        break;
      case ReplyPart::value:
        is_hit = true;
        take_value();
        break;
      case ReplyPart::end:
        return {Ending::answered, is_hit ? RINGFENCE_OK : RINGFENCE_MISS, 0, false};
      case ReplyPart::line: {
        const Answer answer = understand(replies.line());
        if (is_hit || answer.is_violation) return ended(Ending::lost);
        return {Ending::answered, answer.status, 0, false};
      }
      case ReplyPart::violation:
        return ended(Ending::lost);
    }
  }
}

bool Exchange::take_header() noexcept {
  ReplyStream& replies = connection_.replies();
  if (!make_room(*operation_.value, replies.header().bytes)) return false;
  if (replies.needs_place()) replies.gather_into(operation_.value->data);
  return true;
}

void Exchange::take_value() noexcept {
  const ReplyStream& replies = connection_.replies();
  ringfence_value& value = *operation_.value;
  const std::string_view bytes = replies.value();
  if (bytes.data() != value.data && !bytes.empty()) {
    std::memcpy(value.data, bytes.data(), bytes.size());
  }
  set_value(value, bytes.size(), replies.header().flags, replies.header().cas);
}

Exchanged Exchange::read_line() noexcept {
  ReplyStream& replies = connection_.replies();
  for (;;) {
    const ReplyPart part = replies.next(text::ReplyShape::line);
    if (part == ReplyPart::need_more) {
      const Wait wait = receive();
      if (wait == Wait::go_on) continue;
      return ended(ending_of(wait == Wait::closed, wait == Wait::timed_out));
    }
    if (part != ReplyPart::line) return ended(Ending::lost);
    const Answer answer = understand(replies.line());
    if (answer.is_violation) return ended(Ending::lost);
    return {Ending::answered, answer.status, answer.number, answer.is_out_of_step};
  }
}

Answer Exchange::understand(std::string_view line) const noexcept {
  return is_port_ ? answer_of_port(operation_.verb, line) : answer_of(operation_.verb, line);
}

}  // namespace ringfence::shim::client
