// Base64 of keys; see base64.hpp. Pure; any thread.
#include "shim/meta/base64.hpp"

#include <algorithm>
#include <cstdint>

namespace ringfence::shim::meta {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char padding = '=';
constexpr std::uint8_t not_base64 = 0xff;

constexpr std::array<std::uint8_t, 256> make_values() noexcept {
  std::array<std::uint8_t, 256> values{};
  for (std::uint8_t& value : values) value = not_base64;
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  }
  values[static_cast<unsigned char>(padding)] = 0;  // counts as a character, without bits
  return values;
}
constexpr std::array<std::uint8_t, 256> values = make_values();

std::uint8_t value_of(char c) noexcept {
  return values[static_cast<unsigned char>(c)];
}

// Three bytes of four characters.
void write_bytes(char* out, std::uint32_t bits) noexcept {
  for (int shift = 16; shift >= 0; shift -= 8) *out++ = static_cast<char>(bits >> shift & 0xff);
}

}  // namespace

Base64Key::Base64Key(std::string_view key) noexcept {
  key = key.substr(0, key_bytes_max);
  char* out = bytes_.data();
  for (std::size_t at = 0; at < key.size(); at += 3) {
    const std::string_view group = key.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      *out++ = i <= group.size() ? alphabet[bits >> (18 - 6 * i) & 63] : padding;
    }
  }
  size_ = static_cast<std::size_t>(out - bytes_.data());
}

std::size_t decode_base64(std::string_view word, DecodedKey& out) noexcept {
  const auto count =
      std::count_if(word.begin(), word.end(), [](char c) { return value_of(c) != not_base64; });
  if (count == 0 || count % 4 != 0 || word.size() > key_bytes_max) return 0;
  std::size_t size = 0;
  std::size_t padding_count = 0;
  std::size_t digit_count = 0;
  std::uint32_t bits = 0;
  for (const char c : word) {
    const std::uint8_t value = value_of(c);
    if (value == not_base64) continue;
    if (c == padding) ++padding_count;
    bits = bits << 6 | value;
    if (++digit_count % 4 != 0) continue;
    write_bytes(out.data() + size, bits);
    size += 3;
    bits = 0;
    if (padding_count > 2) return 0;
    if (padding_count > 0) return size - padding_count;
  }
  return size;
}

}  // namespace ringfence::shim::meta
