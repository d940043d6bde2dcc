// memcached's binary protocol, the side that writes commands to a backend. Every one is written in
// its loud form, so that each is answered and replies stay in step on a shared connection.
// Pure; any thread; no allocation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/binary/packet.hpp"
#include "shim/wire_key.hpp"

namespace ringfence::shim::binary {

struct Command {
  Opcode opcode{};  // as the client sent it
  std::string_view wire_key;
  std::string_view extras;  // as the client sent them
  std::uint64_t cas = 0;
  std::uint32_t opaque = 0;       // comes back with the reply; ours, to see that it belongs to it
  std::uint32_t value_bytes = 0;  // the value follows
};

// Header, extras and key of a command.
class CommandFront {
 public:
  explicit CommandFront(const Command& command) noexcept;
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), size_}; }

 private:
  std::array<char, header_bytes + extras_bytes_max + key_bytes_max> bytes_;
  std::uint16_t size_ = 0;
};

}  // namespace ringfence::shim::binary
