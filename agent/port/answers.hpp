// What the port itself tells clients, in memcached's words where it has some. Constants, and the
// head line of a value. Any thread.
#pragma once

#include <array>
#include <cstring>
#include <string_view>

#include "shim/text/reply.hpp"
#include "shim/wire_key.hpp"

namespace ringfence::agent::port::answers {

inline constexpr std::string_view not_stored = "NOT_STORED\r\n";
inline constexpr std::string_view no_backend =
    "SERVER_ERROR ringfence: no backend serves this key; nothing was done\r\n";
inline constexpr std::string_view no_lease =
    "SERVER_ERROR ringfence: this host has no lease to route by; it is not known to be done\r\n";
inline constexpr std::string_view no_new_view =
    "SERVER_ERROR ringfence: a change of the view did not end in time; it is not known to be "
    "done\r\n";
inline constexpr std::string_view view_changed =
    "SERVER_ERROR ringfence: the view changed meanwhile; it is not known to be done\r\n";
inline constexpr std::string_view unreachable =
    "SERVER_ERROR ringfence: the key's backend is unreachable; nothing was done\r\n";
inline constexpr std::string_view unknown_outcome =
    "SERVER_ERROR ringfence: the key's backend did not answer; it is not known to be done\r\n";

// "VALUE <key> <flags> <bytes>[ <cas>]\r\n" with the client's own key.
class ValueLine {
 public:
  ValueLine(std::string_view key, const shim::text::ReplyEvent& header) noexcept {
    add("VALUE ");
    add(key);
    add(" ");
    add(header.client_flags);
    add(" ");
    add_number(header.value_bytes);
    if (header.has_cas) {
      add(" ");
      add(header.cas_unique);
    }
    add("\r\n");
  }
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }

 private:
  void add(std::string_view part) noexcept {
    std::memcpy(text_.data() + size_, part.data(), part.size());
    size_ += part.size();
  }
  void add_number(std::uint32_t number) noexcept {
    std::array<char, 10> digits{};
    std::size_t at = digits.size();
    do {
      digits[--at] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    add({digits.data() + at, digits.size() - at});
  }

  // Keys and the parser's bounds on the other parts (a reply line holds at most 2,048 bytes).
  std::array<char, shim::text::reply_line_bytes_max + shim::key_bytes_max + 32> text_;
  std::size_t size_ = 0;
};

}  // namespace ringfence::agent::port::answers
