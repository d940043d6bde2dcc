// Decimal numbers; see number.hpp. Pure; any thread.
#include "shim/text/number.hpp"

#include <algorithm>
#include <limits>

namespace ringfence::shim::text {

namespace {

constexpr std::uint64_t unsigned_max = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t signed_max = std::numeric_limits<std::int64_t>::max();

// False when `value * 10 + digit` leaves 64 bits; then `value` is left as it was.
bool append_digit(std::uint64_t& value, char digit) noexcept {
  const auto units = static_cast<std::uint64_t>(digit - '0');
  if (value > (unsigned_max - units) / 10) return false;
  value = value * 10 + units;
  return true;
}

}  // namespace

std::optional<CNumber> scan_c_number(std::string_view word) noexcept {
  std::size_t at = 0;
  while (at < word.size() && is_c_space(word[at])) ++at;
  const std::size_t begin = at;

  CNumber number;
  if (at < word.size() && (word[at] == '-' || word[at] == '+')) {
    number.is_negative = word[at] == '-';
    ++at;
  }
  const std::size_t first_digit = at;
  for (; at < word.size() && is_digit(word[at]); ++at) {
    if (!number.is_overflow && !append_digit(number.magnitude, word[at])) {
      number.is_overflow = true;
    }
  }
  if (at == first_digit) return std::nullopt;
  if (at < word.size() && !is_c_space(word[at])) return std::nullopt;
  number.digits = word.substr(begin, at - begin);
  return number;
}

bool read_signed_32(std::string_view word, std::int32_t& value, std::string_view& digits) noexcept {
  const auto number = scan_c_number(word);
  if (!number || number->is_overflow) return false;
  const std::uint64_t limit = number->is_negative ? signed_max + 1 : signed_max;
  if (number->magnitude > limit) return false;
  const std::uint64_t bits = number->is_negative ? 0 - number->magnitude : number->magnitude;
  value = static_cast<std::int32_t>(static_cast<std::uint32_t>(bits));
  digits = number->digits;
  return true;
}

bool read_unsigned_64(std::string_view word, std::uint64_t& value,
                      std::string_view& digits) noexcept {
  const auto number = scan_c_number(word);
  if (!number || number->is_overflow) return false;
  const std::uint64_t bits = number->is_negative ? 0 - number->magnitude : number->magnitude;
  // memcached looks for the sign in the whole word, and only when the top bit is set.
  if (bits > signed_max && word.find('-') != std::string_view::npos) return false;
  value = bits;
  digits = number->digits;
  return true;
}

std::optional<std::uint64_t> read_plain(std::string_view word, std::uint64_t max) noexcept {
  constexpr std::size_t safe_digits = 19;  // that many never leave 64 bits
  std::uint64_t value = 0;
  for (const char c : word.substr(0, safe_digits)) {
    const unsigned digit = static_cast<unsigned char>(c) - unsigned{'0'};
    if (digit > 9) return std::nullopt;
    value = value * 10 + digit;
  }
  for (const char c : word.substr(std::min(word.size(), safe_digits))) {
    if (!is_digit(c) || !append_digit(value, c)) return std::nullopt;
  }
  if (word.empty() || value > max) return std::nullopt;
  return value;
}

}  // namespace ringfence::shim::text
