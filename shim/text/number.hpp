// Decimal numbers as memcached reads them: the C library's strtol family and its quirks, so that
// the port says yes and no where memcached does, plus the strict form that replies use. Pure; any
// thread; no allocation. Never reads outside the given view.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ringfence::shim::text {

// What isspace() of the C locale accepts.
[[nodiscard]] constexpr bool is_c_space(char c) noexcept {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
[[nodiscard]] constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

// A number at the front of a word: leading C blanks, a sign, digits, then the word's end or a blank
// (what follows the blank is ignored).
struct CNumber {
  std::string_view digits;      // sign and digits; what is forwarded
  std::uint64_t magnitude = 0;  // saturated at the top when is_overflow
  bool is_negative = false;
  bool is_overflow = false;  // above 2^64 - 1
};
[[nodiscard]] std::optional<CNumber> scan_c_number(std::string_view word) noexcept;

// memcached 1.6.18's safe_strtol: any long; the caller keeps the low 32 bits.
[[nodiscard]] bool read_signed_32(std::string_view word, std::int32_t& value,
                                  std::string_view& digits) noexcept;
// Its safe_strtoul and safe_strtoull: any unsigned 64-bit number. A negated one is taken too when
// its two's complement has the top bit clear (-18446744073709551615 is 1).
[[nodiscard]] bool read_unsigned_64(std::string_view word, std::uint64_t& value,
                                    std::string_view& digits) noexcept;

// Digits only, at least one, at most `max`.
[[nodiscard]] std::optional<std::uint64_t> read_plain(std::string_view word,
                                                      std::uint64_t max) noexcept;

}  // namespace ringfence::shim::text
