// The quick way through a get's reply, for who knows which key comes next: finds one whole value in
// one pass. It finds nothing that ReplyParser would not read the same way, and what it does not
// find is ReplyParser's to read. Pure; any thread; no allocation. A backend is hostile input.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace ringfence::shim::text {

struct ExpectedValue {
  std::string_view value;
  std::uint64_t cas = 0;
  std::uint32_t flags = 0;
  std::size_t consumed_bytes = 0;  // with the CRLF behind the value; 0: not found
};

// Reads front to back; whatever is not there makes it fail, and it stays so.
class ExpectedBytes {
 public:
  explicit ExpectedBytes(std::string_view bytes) noexcept
      : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  [[nodiscard]] bool skip(std::string_view expected) noexcept {
    if (left() < expected.size()) return false;
    if (std::memcmp(at_, expected.data(), expected.size()) != 0) return false;
    at_ += expected.size();
    return true;
  }
  // Digits, as many as no 64-bit number can overflow by; what follows them is the caller's to see.
  [[nodiscard]] bool read(std::uint64_t& number) noexcept {
    constexpr std::size_t digits_max = 19;
    const char* begin = at_;
    const char* end = at_ + std::min(left(), digits_max);
    for (; at_ != end; ++at_) {
      const unsigned digit = static_cast<unsigned char>(*at_) - unsigned{'0'};
      if (digit > 9) break;
      number = number * 10 + digit;
    }
    return at_ != begin;
  }
  [[nodiscard]] std::string_view take(std::size_t size) noexcept {
    const std::string_view taken(at_, size);
    at_ += size;
    return taken;
  }
  [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }

 private:
  const char* at_;
  const char* end_;
};

// The value of `key`, when `bytes` begin with it:
// VALUE <key> <flags> <bytes>[ <cas>]CRLF<value>CRLF
[[nodiscard]] inline ExpectedValue find_expected_value(std::string_view bytes,
                                                       std::string_view key) noexcept {
  ExpectedBytes from(bytes);
  std::uint64_t flags = 0, size = 0, cas = 0;
  const bool is_there = from.skip("VALUE ") && from.skip(key) && from.skip(" ") &&
                        from.read(flags) && from.skip(" ") && from.read(size) &&
                        (!from.skip(" ") || from.read(cas)) && from.skip("\r\n");
  if (!is_there || from.left() < 2 || size > from.left() - 2) return {};
  ExpectedValue found;
  found.value = from.take(size);
  if (!from.skip("\r\n")) return {};
  found.cas = cas;
  found.flags = static_cast<std::uint32_t>(flags);  // memcached keeps 32 bits
  found.consumed_bytes = bytes.size() - from.left();
  return found;
}

}  // namespace ringfence::shim::text
