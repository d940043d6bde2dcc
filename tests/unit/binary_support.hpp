// Packets of the binary protocol, put together byte by byte without the code under test.
#pragma once

#include <cstdint>
#include <string>

namespace ringfence::shim::binary {

inline std::string big_endian(std::uint64_t number, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    text += static_cast<char>(number >> shift & 0xff);
  }
  return text;
}

struct Packet {
  unsigned magic = 0x80;
  unsigned opcode = 0;
  std::string extras{};
  std::string key{};
  std::string value{};
  std::uint32_t opaque = 0;
  std::uint64_t cas = 0;
  unsigned status = 0;

  [[nodiscard]] std::string body() const { return extras + key + value; }
  // With a length of the body that need not be the true one.
  [[nodiscard]] std::string bytes_claiming(std::uint64_t body_bytes) const {
    return big_endian(magic, 1) + big_endian(opcode, 1) + big_endian(key.size(), 2) +
           big_endian(extras.size(), 1) + big_endian(0, 1) + big_endian(status, 2) +
           big_endian(body_bytes, 4) + big_endian(opaque, 4) + big_endian(cas, 8) + body();
  }
  [[nodiscard]] std::string bytes() const { return bytes_claiming(body().size()); }
};

}  // namespace ringfence::shim::binary
