// What the port itself tells clients, in memcached's words where it has some, and the head line
// of a value. Any thread.
#pragma once

#include <array>
#include <cstring>
#include <string_view>

#include "shim/text/port_answers.hpp"
#include "shim/text/reply.hpp"
#include "shim/wire_key.hpp"

namespace ringfence::agent::port::answers {

using namespace shim::text::port_answers;

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
