#include "agent/port/wire_form.hpp"

#include <algorithm>

#include "shim/meta/show.hpp"
#include "shim/text/number.hpp"

namespace ringfence::agent::port {

shim::binary::Command binary_command_of(const Request& request, std::string_view wire_key,
                                        std::size_t value_bytes) noexcept {
  shim::binary::Command command;
  command.opcode = request.binary.opcode;
  command.wire_key = wire_key;
  command.extras = request.client_flags;
  command.cas = request.binary.cas;
  command.opaque = asked_of(request).opaque;
  command.value_bytes = static_cast<std::uint32_t>(value_bytes);
  return command;
}

namespace {

bool may_answer_classic(Verb verb, std::string_view line) noexcept {
  if (is_storage(verb)) {
    const bool is_cas = verb == Verb::cas;
    return line == "STORED" || line == "NOT_STORED" ||
           (is_cas && (line == "EXISTS" || line == "NOT_FOUND"));
  }
  if (line == "NOT_FOUND") return true;
  if (verb == Verb::incr || verb == Verb::decr) {
    const std::string_view number =
        line.substr(0, line.find_last_not_of(' ') + 1);  // may be padded
    return std::all_of(number.begin(), number.end(), shim::text::is_digit);
  }
  return line == (verb == Verb::touch ? "TOUCHED" : "DELETED");
}

}  // namespace

bool may_answer(const Request& request, std::string_view line) noexcept {
  if (request.wire == Wire::binary) return true;
  if (request.is_meta) return shim::meta::may_answer(meta_command_of(request), line);
  return may_answer_classic(request.verb, line) || shim::text::is_error_line(line);
}

}  // namespace ringfence::agent::port
