// memcached's classic text protocol, the side that writes commands: kinds of verbs, and a command's
// words in their order. Pure; any thread; no allocation of its own.
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/text/request.hpp"

namespace ringfence::shim::text {

[[nodiscard]] constexpr bool is_retrieval(Verb verb) noexcept {
  return verb <= Verb::gats;
}
[[nodiscard]] constexpr bool is_plain_get(Verb verb) noexcept {
  return verb == Verb::get || verb == Verb::gets;
}
[[nodiscard]] constexpr bool is_get_and_touch(Verb verb) noexcept {
  return verb == Verb::gat || verb == Verb::gats;
}
[[nodiscard]] constexpr bool is_storage(Verb verb) noexcept {
  return verb >= Verb::set && verb <= Verb::cas;
}
[[nodiscard]] constexpr bool has_one_key(Verb verb) noexcept {
  return verb >= Verb::set && verb <= Verb::delete_key;
}
[[nodiscard]] std::string_view name_of(Verb verb) noexcept;

// Keys of one `get` command and the bytes of its line: 1.6.18 answers a whole command with one send
// (single gets cost it one each), and a larger group only delays its first answer.
inline constexpr std::uint32_t group_keys_max = 250;
inline constexpr std::size_t group_bytes_max = std::size_t{8} * 1024;

// A number's decimal digits.
class Digits {
 public:
  explicit Digits(std::integral auto number) noexcept {
    end_ = std::to_chars(bytes_.data(), bytes_.data() + bytes_.size(), number).ptr;
  }
  Digits(const Digits&) = delete;
  Digits& operator=(const Digits&) = delete;
  [[nodiscard]] std::string_view view() const noexcept {
    return {bytes_.data(), static_cast<std::size_t>(end_ - bytes_.data())};
  }

 private:
  std::array<char, 20> bytes_;  // a 64-bit number's most, with a sign
  char* end_ = nullptr;
};

// The words of a command on one key; empty where the verb has none.
struct CommandWords {
  Verb verb{};
  std::string_view wire_key;
  std::string_view client_flags;  // storage
  std::string_view exptime;       // storage, touch, gat
  std::string_view number;        // cas: the unique; incr, decr: the delta
  std::size_t value_bytes = 0;    // storage; the value and its CRLF follow the line
};

// What begins a retrieval: its keys follow, a blank before each, and CRLF.
template <typename Out>
void write_retrieval_head(Out&& out, Verb verb, std::string_view exptime) {
  out(name_of(verb));
  if (!is_get_and_touch(verb)) return;
  out(" ");
  out(exptime);
}

// A whole command line, in pieces: `out` takes one std::string_view after the other.
template <typename Out>
void write_command(Out&& out, const CommandWords& words) {
  const auto add_word = [&out](std::string_view word) {
    if (word.empty()) return;
    out(" ");
    out(word);
  };
  if (is_retrieval(words.verb)) {
    write_retrieval_head(out, words.verb, words.exptime);
    add_word(words.wire_key);
  } else if (is_storage(words.verb)) {
    out(name_of(words.verb));
    add_word(words.wire_key);
    add_word(words.client_flags);
    add_word(words.exptime);
    add_word(Digits(words.value_bytes).view());
    add_word(words.number);
  } else {
    out(name_of(words.verb));
    add_word(words.wire_key);
    add_word(words.verb == Verb::touch ? words.exptime : words.number);
  }
  out("\r\n");
}

}  // namespace ringfence::shim::text
