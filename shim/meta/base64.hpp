// Base64 as memcached's meta commands write and read keys (RFC 4648 section 4, with padding).
// Pure; any thread; no allocation. The input is a client's: nothing is read or written outside.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "shim/wire_key.hpp"

namespace ringfence::shim::meta {

[[nodiscard]] constexpr std::size_t base64_bytes(std::size_t plain_bytes) noexcept {
  return (plain_bytes + 2) / 3 * 4;
}

// A key of at most key_bytes_max bytes, encoded.
class Base64Key {
 public:
  explicit Base64Key(std::string_view key) noexcept;
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), size_}; }

 private:
  std::array<char, base64_bytes(key_bytes_max)> bytes_;
  std::size_t size_;
};

// What a key word of at most key_bytes_max characters decodes to, at most.
inline constexpr std::size_t decoded_key_bytes_max = key_bytes_max / 4 * 3;
using DecodedKey = std::array<char, decoded_key_bytes_max>;

// As memcached 1.6.18 decodes: other characters are passed over, padding ends the word whatever
// follows, and bits that padding leaves over are dropped. `word` holds at most key_bytes_max
// characters. Returns the bytes written to `out`; 0: it is not base64.
[[nodiscard]] std::size_t decode_base64(std::string_view word, DecodedKey& out) noexcept;

}  // namespace ringfence::shim::meta
