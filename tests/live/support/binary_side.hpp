// Commands of the binary protocol, put together byte by byte, and one side of a comparison in it: a
// connection whose answers are read whole, a line a packet. One thread uses it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shim/binary/packet.hpp"
#include "tests/live/support/text_client.hpp"

namespace ringfence::live {

using shim::binary::Opcode;

// What a test sends; the opaque follows from opcode and key, so that answers tell what they answer.
struct BinaryCommand {
  Opcode opcode{};
  std::string key{};
  std::string value{};
  std::string extras{};
  std::uint64_t cas = 0;
};
[[nodiscard]] std::string bytes_of(const BinaryCommand& command);
[[nodiscard]] std::string store(Opcode opcode, const std::string& key, const std::string& value,
                                std::uint64_t cas = 0, std::uint32_t flags = 7,
                                std::uint32_t exptime = 0);
// Without extras: get, delete, stat, noop; append and prepend with their value.
[[nodiscard]] std::string plain(Opcode opcode, const std::string& key = {},
                                const std::string& value = {}, std::uint64_t cas = 0);
inline constexpr std::uint32_t never_create = 0xffffffff;  // in place of a time: incr and decr
[[nodiscard]] std::string count(Opcode opcode, const std::string& key, std::uint64_t delta,
                                std::uint64_t initial = 0, std::uint32_t exptime = never_create,
                                std::uint64_t cas = 0);
[[nodiscard]] std::string timed(Opcode opcode, const std::string& key, std::uint32_t exptime);

class BinarySide {
 public:
  explicit BinarySide(TextClient client) : client_(std::move(client)) {}

  void send(std::string_view bytes) { client_.send(bytes); }
  // Every packet before the answer to a noop that is asked here, each as "<opcode> <status> opaque
  // <opaque>[ #][ key <key>][ <extras>][ =<value or text>]\n", numbers in hexadecimal; # stands for
  // a cas that is not 0.
  [[nodiscard]] std::string finish();
  [[nodiscard]] std::string answer(std::string_view bytes);
  // Every packet until the other side closes.
  [[nodiscard]] std::string last_answer(std::string_view bytes);
  [[nodiscard]] std::string read_packet();  // the next one alone
  // The item's cas unique; 0 when there is none.
  [[nodiscard]] std::uint64_t cas_of(const std::string& key);

 private:
  struct Packet {
    shim::binary::Header header;
    std::string body;
  };
  [[nodiscard]] Packet read();
  [[nodiscard]] static std::string shown(const Packet& packet);

  TextClient client_;
};

}  // namespace ringfence::live
