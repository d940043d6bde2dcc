// How a request goes to a backend, and which reply belongs to it, whatever its protocol.
// Stateless; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/port/meta_form.hpp"
#include "agent/port/request.hpp"
#include "shim/binary/command.hpp"
#include "shim/binary/reply.hpp"
#include "shim/text/reply.hpp"

namespace ringfence::agent::port {

// Whether it may share one command with other keys: only the classic protocol's gets do. Any other
// request is a command of its own, whose reply carries no key.
[[nodiscard]] inline bool is_gathered(const Request& request) noexcept {
  return is_retrieval(request.verb) && !request.is_meta && request.wire == Wire::text;
}

// What a reply on a text link looks like.
[[nodiscard]] inline shim::text::ReplyShape shape_of(const Request& request) noexcept {
  using shim::text::ReplyShape;
  if (request.is_meta) return ReplyShape::meta;
  return is_gathered(request) ? ReplyShape::values : ReplyShape::line;
}

// A full server says this to a new connection, before it has read anything, and closes.
[[nodiscard]] inline bool is_turned_away(std::string_view line) noexcept {
  return line.starts_with("ERROR Too many open connections");
}

// Whether a backend's line may be the answer to it; if not, the two are out of step. (A packet's
// opcode and opaque have said so already.)
[[nodiscard]] bool may_answer(const Request& request, std::string_view line) noexcept;

// What a reply on a binary link says of its command. The opaque is the command's place in the
// link's stream: a reply that is out of step does not pass for another's.
[[nodiscard]] inline shim::binary::Asked asked_of(const Request& request) noexcept {
  return {request.binary.opcode, static_cast<std::uint32_t>(request.stream_begin)};
}

[[nodiscard]] shim::binary::Command binary_command_of(const Request& request,
                                                      std::string_view wire_key,
                                                      std::size_t value_bytes) noexcept;

// A whole command but for its value, in pieces. `value_bytes` follow; in text with a CRLF.
template <typename Out>
void write_front(Out&& out, const Request& request, std::string_view wire_key,
                 std::size_t value_bytes) {
  if (request.wire == Wire::binary) {
    out(shim::binary::CommandFront(binary_command_of(request, wire_key, value_bytes)).view());
    return;
  }
  const std::size_t text_bytes = is_storage(request.verb) ? value_bytes - 2 : 0;
  if (request.is_meta) {
    write_meta_command(out, request, wire_key, text_bytes);
  } else {
    shim::text::write_command(out, words_of(request, wire_key, text_bytes));
  }
}

}  // namespace ringfence::agent::port
