#include "agent/port/wire_form.hpp"

#include "shim/meta/show.hpp"

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

bool may_answer(const Request& request, std::string_view line) noexcept {
  if (request.wire == Wire::binary) return true;
  if (request.is_meta) return shim::meta::may_answer(meta_command_of(request), line);
  return shim::text::may_answer(request.verb, line);
}

}  // namespace ringfence::agent::port
