// What a client is shown of a backend's answer to its meta command, and what it is told when no
// backend answered: with its own key and opaque, in the order in which it asked for them.
// Pure; any thread; no allocation: `out` takes one std::string_view after the other.
#pragma once

#include <cstdint>
#include <string_view>

#include "shim/meta/command.hpp"

namespace ringfence::shim::meta {

// Whether q hides an answer that begins so, by memcached 1.6.18's rules: a get's miss, and what was
// done as asked. All else is shown. (memcached shows the HD of a counter that ma made anew; a
// backend that is not told of q does not say which HD that is, so it is hidden too.)
[[nodiscard]] bool is_hidden(const Command& command, std::string_view line) noexcept;

// Whether a line is a status with flags (HD, EN, NS, EX, NF), into which the key goes.
[[nodiscard]] bool is_status(std::string_view line) noexcept;
// Where in the client's flags one begins with `letter`; past all of them when none does.
[[nodiscard]] std::size_t place_of(std::string_view flags, char letter) noexcept;
// The first word that begins with `letter`; empty when none does.
[[nodiscard]] std::string_view word_of(std::string_view flags, char letter) noexcept;
// Whether a backend answers with a value, if the item is there.
[[nodiscard]] bool expects_value(const Command& command) noexcept;
// Whether a backend may answer the command with this line, which text::ReplyParser let through. If
// not, answers and commands are out of step: what comes next may be another key's.
[[nodiscard]] bool may_answer(const Command& command, std::string_view line) noexcept;
// The same of a value with these flags.
[[nodiscard]] bool may_answer_value(const Command& command, std::string_view flags) noexcept;
// Whether the answer of a get, or of me, says that there is no such item.
[[nodiscard]] bool is_miss(std::string_view line) noexcept;
// Whether the flags of an answer belong to this very command, as far as its mark says so. One that
// answers without a value may leave the mark out: old servers do.
[[nodiscard]] bool is_in_step(const Command& command, std::string_view flags,
                              bool has_value) noexcept;
// What me says of an item, behind its key; empty when it is not that.
[[nodiscard]] std::string_view item_of(std::string_view line) noexcept;

// The key as the client sent it: " k<key>", or encoded and with its b.
template <typename Out>
void show_key(Out& out, const Command& command) {
  out(" k");
  if (!command.is_base64) {
    out(command.key);
    return;
  }
  out(Base64Key(command.key).view());
  out(" b");
}

// A backend's flags with the client's key and opaque at their places among them, and CRLF.
template <typename Out>
void show_flags(Out& out, const Command& command, std::string_view flags) {
  const std::size_t key_place = place_of(command.flags, 'k');
  bool wants_key = key_place != std::string_view::npos;
  text::Words words(flags);
  for (auto word = words.next(); !word.empty(); word = words.next()) {
    if (command.is_marked && word.front() == 'O') {
      word = word_of(command.flags, 'O');
      if (word.empty()) continue;
    }
    // W, X and Z have no place: they stand behind all that was asked for.
    if (wants_key && place_of(command.flags, word.front()) > key_place) {
      show_key(out, command);
      wants_key = false;
    }
    out(" ");
    out(word);
  }
  if (wants_key) show_key(out, command);
  out("\r\n");
}

// "VA <size> <flags>"; the value and its CRLF follow.
template <typename Out>
void show_value_head(Out&& out, const Command& command, std::uint32_t value_bytes,
                     std::string_view flags) {
  out("VA ");
  out(text::Digits(value_bytes).view());
  show_flags(out, command, flags);
}

// A backend's line, whole.
template <typename Out>
void show_line(Out&& out, const Command& command, std::string_view line) {
  if (command.verb == Verb::show) {
    const std::string_view item = item_of(line);
    if (!item.empty()) {
      out("ME ");
      if (command.is_base64) {
        out(Base64Key(command.key).view());
      } else {
        out(command.key);
      }
      line = item;
    }
  } else if (is_status(line)) {
    out(line.substr(0, 2));
    show_flags(out, command, line.substr(2));
    return;
  }
  out(line);
  out("\r\n");
}

// A status that no backend sent, as memcached would: opaque and key, and a set's cas as 0.
template <typename Out>
void show_status(Out&& out, const Command& command, std::string_view status) {
  out(status);
  text::Words words(command.flags);
  for (auto word = words.next(); !word.empty(); word = words.next()) {
    if (word.front() == 'O') {
      out(" ");
      out(word);
    } else if (word.front() == 'k') {
      show_key(out, command);
    } else if (word.front() == 'c' && command.verb == Verb::set) {
      out(" c0");
    }
  }
  out("\r\n");
}

}  // namespace ringfence::shim::meta
