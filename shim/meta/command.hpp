// A meta command, as much of it as is needed to ask a backend and to show its answer. The same
// words on the way in and out: the client's flags as it sent them, its key decoded.
// Pure; any thread; no allocation. Views point into the caller's bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/meta/base64.hpp"
#include "shim/text/command.hpp"
#include "shim/text/line.hpp"
#include "shim/text/number.hpp"
#include "shim/wire_key.hpp"

namespace ringfence::shim::meta {

enum class Verb : std::uint8_t {
  get,         // mg
  set,         // ms: a value follows
  delete_key,  // md
  arithmetic,  // ma
  show,        // me: one line about an item, for people
  noop,        // mn: answered when all before it is
};
[[nodiscard]] constexpr char letter_of(Verb verb) noexcept {
  constexpr std::string_view letters = "gsdaen";
  return letters[static_cast<std::size_t>(verb)];
}

struct Command {
  Verb verb{};
  bool is_base64 = false;  // the client's key came encoded (b), and is shown so
  bool is_quiet = false;   // q
  std::string_view key;    // decoded
  std::string_view flags;  // the words behind the key, or behind ms's length, as sent
  // On a connection that many share, the command carries an opaque of its own in place of the
  // client's: an answer that is out of step does not pass for another's.
  bool is_marked = false;
  std::uint32_t mark = 0;
};

// Whether memcached reads a number behind the letter.
[[nodiscard]] constexpr bool has_number(char flag) noexcept {
  constexpr std::string_view letters = "NTRFCJD";
  return letters.find(flag) != std::string_view::npos;
}
// What a backend need not see: q, because every command on a shared connection is answered; k, the
// key is shown by us; b, which follows from the wire key; P and L, which memcached passes over.
[[nodiscard]] constexpr bool is_kept_back(char flag) noexcept {
  constexpr std::string_view letters = "qkbPL";
  return letters.find(flag) != std::string_view::npos;
}

// One flag as a backend gets it: without whatever memcached does not read, so that the line stays
// as short as it can be.
[[nodiscard]] inline std::string_view forwarded(std::string_view word) noexcept {
  const char flag = word.front();
  if (flag == 'O' || flag == 'M') return word;
  if (!has_number(flag)) return word.substr(0, 1);
  const auto number = text::scan_c_number(word.substr(1));
  // Blanks before the digits are memcached's to skip; what follows them it does not read.
  if (!number) return word;
  const auto end = static_cast<std::size_t>(number->digits.data() - word.data());
  return word.substr(0, end + number->digits.size());
}

// Whether a counter's new value may come back: whatever q hides need not.
[[nodiscard]] constexpr bool asks_for_number(const Command& command) noexcept {
  return command.verb == Verb::arithmetic && !command.is_quiet;
}

// The line that goes to a backend, in pieces: `out` takes one std::string_view after the other.
// A set's value and its CRLF follow it.
template <typename Out>
void write_command(Out&& out, const Command& command, std::string_view wire_key,
                   std::size_t value_bytes) {
  const char name[] = {'m', letter_of(command.verb), ' '};
  out(std::string_view(name, sizeof name));
  const bool is_encoded = !is_text_word(wire_key);
  if (is_encoded) {
    out(Base64Key(wire_key).view());
  } else {
    out(wire_key);
  }
  if (command.verb == Verb::set) {
    out(" ");
    out(text::Digits(value_bytes).view());
  }
  if (is_encoded) out(" b");
  bool needs_mark = command.is_marked && command.verb != Verb::show;
  const auto write_mark = [&] {
    out(" O");
    out(text::Digits(command.mark).view());
    needs_mark = false;
  };
  text::Words words(command.flags);
  for (auto word = words.next(); !word.empty(); word = words.next()) {
    if (is_kept_back(word.front())) continue;
    const bool is_arithmetic = command.verb == Verb::arithmetic;
    if (word.front() == 'v' && is_arithmetic && !asks_for_number(command)) continue;
    if (word.front() == 'O' && needs_mark) {
      write_mark();
      continue;
    }
    out(" ");
    out(forwarded(word));
  }
  if (needs_mark) write_mark();
  out("\r\n");
}

}  // namespace ringfence::shim::meta
