#include "shim/preload/commands.hpp"

#include <algorithm>

#include "shim/binary/answer.hpp"
#include "shim/binary/policy.hpp"
#include "shim/meta/policy.hpp"

namespace ringfence::shim::preload {
namespace {

Command local(std::string_view answer, std::size_t front_bytes, std::size_t swallow_bytes = 0) {
  Command command;
  command.taken = Taken::local;
  command.answer = answer;
  command.front_bytes = front_bytes;
  command.body_bytes = swallow_bytes;
  return command;
}

Command over() {
  Command command;
  command.taken = Taken::over;
  return command;
}

Command closing(std::string_view answer) {
  Command command;
  command.taken = Taken::closing;
  command.answer = answer;
  return command;
}

// What both line protocols say of a line that is no request.
Command unread(const text::ParseResult& result) {
  switch (result.status) {
    case text::ParseStatus::refused:
      return local(result.error_line, result.consumed_bytes, result.swallow_bytes);
    case text::ParseStatus::fatal:
      return closing(result.error_line);
    case text::ParseStatus::need_more:
    case text::ParseStatus::request:
      break;
  }
  return {};
}

}  // namespace

std::size_t CommandReader::wanted(std::string_view begun, std::string_view bytes) const noexcept {
  if (!is_binary()) {
    const std::size_t end = bytes.find('\n');
    return end == std::string_view::npos ? bytes.size() : end + 1;
  }
  std::size_t whole = binary::header_bytes;
  if (begun.size() >= whole) {
    const binary::Header header = binary::load_header(begun);
    whole += std::size_t{header.extras_bytes} + header.key_bytes;
  }
  return std::min(bytes.size(), whole > begun.size() ? whole - begun.size() : 1);
}

Command CommandReader::next(std::string_view bytes) {
  if (stream_ == Stream::unknown) {
    const bool is_magic = static_cast<unsigned char>(bytes.front()) == binary::request_magic;
    stream_ = is_magic ? Stream::binary : Stream::text;
  }
  if (is_binary()) return next_binary(bytes);
  return meta::begins_request(bytes) ? next_meta(bytes) : next_text(bytes);
}

Command CommandReader::next_text(std::string_view bytes) {
  const text::ParseResult result = text::parse_request(bytes, text_);
  if (result.status != text::ParseStatus::request) return unread(result);
  Command command = of_text();
  if (command.taken != Taken::over) command.front_bytes = result.consumed_bytes;
  return command;
}

Command CommandReader::of_text() const noexcept {
  Command command;
  command.verb = text_.verb;
  command.text = &text_;
  command.is_noreply = text_.is_noreply;
  switch (text_.verb) {
    case text::Verb::quit:
      return over();
    case text::Verb::flush_all:
      command.taken = Taken::flush;
      command.kind = Kind::line;
      break;
    case text::Verb::version:
    case text::Verb::verbosity:
      command.taken = Taken::keyless;
      command.kind = Kind::line;
      break;
    case text::Verb::stats:
      command.taken = Taken::keyless;
      command.kind = Kind::stats;
      break;
    default:
      command.taken = Taken::keyed;
      command.kind = text::is_retrieval(text_.verb) ? Kind::retrieval : Kind::single;
      if (text::is_storage(text_.verb)) command.body_bytes = std::size_t{text_.value_bytes} + 2;
      break;
  }
  return command;
}

Command CommandReader::next_meta(std::string_view bytes) {
  const text::ParseResult result = meta::parse_request(bytes, meta_);
  if (result.status != text::ParseStatus::request) return unread(result);
  // Every command before it is answered, quiet or not, when its turn comes.
  if (meta_.command.verb == meta::Verb::noop) return local("MN\r\n", result.consumed_bytes);
  Command command;
  command.taken = Taken::keyed;
  command.protocol = Protocol::meta;
  command.verb = meta::policy_of(meta_);
  command.meta = &meta_;
  command.front_bytes = result.consumed_bytes;
  if (meta_.command.verb == meta::Verb::set) {
    command.body_bytes = std::size_t{meta_.value_bytes} + 2;
  }
  return command;
}

Command CommandReader::next_binary(std::string_view bytes) {
  const binary::ParseResult result = binary::parse_request(bytes, binary_);
  switch (result.status) {
    case binary::ParseStatus::need_more:
      return {};
    case binary::ParseStatus::fatal:
      refuse_binary(result.error);
      return closing(answer_.view());
    case binary::ParseStatus::refused:
      refuse_binary(result.error);
      return local(answer_.view(), result.consumed_bytes, result.swallow_bytes);
    case binary::ParseStatus::request:
      break;
  }
  Command command = of_binary();
  if (command.taken != Taken::over) command.front_bytes = result.consumed_bytes;
  return command;
}

void CommandReader::refuse_binary(binary::Status error) noexcept {
  answer_.clear();
  const binary::Header& header = binary_.header;
  if (error == binary::Status::success) return;
  binary::add_answer(answer_, header.opcode, header.opaque, error);
}

Command CommandReader::of_binary() noexcept {
  using binary::Opcode;
  const binary::Header& header = binary_.header;
  Command command;
  command.protocol = Protocol::binary;
  command.binary = &binary_;
  switch (binary::loud_form(header.opcode)) {
    case Opcode::quit:
      return over();
    case Opcode::noop:
      answer_.clear();
      binary::add_answer(answer_, header.opcode, header.opaque, binary::Status::success);
      return local(answer_.view(), 0);
    case Opcode::flush:
      command.taken = Taken::flush;
      command.kind = Kind::line;
      command.verb = text::Verb::flush_all;
      return command;
    case Opcode::version:
      command.taken = Taken::keyless;
      command.kind = Kind::line;
      command.verb = text::Verb::version;
      return command;
    case Opcode::stat:
      command.taken = Taken::keyless;
      command.kind = Kind::stats;
      command.verb = text::Verb::stats;
      return command;
    default:
      break;
  }
  command.taken = Taken::keyed;
  command.verb = binary::policy_of(header);
  if (binary::is_storage(header.opcode)) command.body_bytes = binary_.value_bytes;
  return command;
}

}  // namespace ringfence::shim::preload
