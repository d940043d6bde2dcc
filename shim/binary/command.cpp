#include "shim/binary/command.hpp"

namespace ringfence::shim::binary {

CommandFront::CommandFront(const Command& command) noexcept {
  const std::string_view extras = command.extras.substr(0, extras_bytes_max);
  const std::string_view key = command.wire_key.substr(0, key_bytes_max);
  Header header;
  header.magic = request_magic;
  header.opcode = backend_form(command.opcode);
  header.key_bytes = static_cast<std::uint16_t>(key.size());
  header.extras_bytes = static_cast<std::uint8_t>(extras.size());
  header.body_bytes = static_cast<std::uint32_t>(extras.size() + key.size()) + command.value_bytes;
  header.opaque = command.opaque;
  header.cas = command.cas;
  store_header(bytes_.data(), header);
  // Not memcpy, to which an empty view's null pointer may not be given.
  extras.copy(bytes_.data() + header_bytes, extras.size());
  key.copy(bytes_.data() + header_bytes + extras.size(), key.size());
  size_ = static_cast<std::uint16_t>(header_bytes + extras.size() + key.size());
}

}  // namespace ringfence::shim::binary
