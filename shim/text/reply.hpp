// memcached's text protocols, classic and meta, the side that reads replies.
// Incremental: feed it the bytes that have arrived; it says what they begin with. Values are never
// copied: they come as spans of the caller's buffer as they arrive.
// Pure; one parser a backend connection; no allocation. A backend is hostile input: every number is
// bounded, and what does not parse is `violation` (close the connection).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/text/limits.hpp"
#include "shim/text/request.hpp"

namespace ringfence::shim::text {

// What the request at the head of the connection's queue expects.
enum class ReplyShape : std::uint8_t {
  line,    // STORED, DELETED, 42, OK, ERROR...
  values,  // VALUE blocks, then END
  stats,   // STAT lines, then END (or RESET / OK / an error line)
  meta,    // VA and its value, or one line: HD, EN, NS, EX, NF, ME...
};

enum class ReplyEventKind : std::uint8_t {
  need_more,
  value_header,  // key, client_flags, value_bytes, cas (has_cas): a value of that size follows;
                 // meta: value_bytes, and the flags as bytes
  value_bytes,   // bytes: some of the value; the closing CRLF is checked and left out
  value_done,    // the value and its CRLF are whole
  stat,          // bytes: "name value" of one STAT line
  end,           // END of values or stats: the reply is whole
  line,          // bytes: the reply's only line without CRLF (an error line too): whole
  violation,     // not memcached's protocol
};

struct ReplyEvent {
  ReplyEventKind kind = ReplyEventKind::need_more;
  std::size_t consumed_bytes = 0;  // from the front of what was given
  std::string_view key;            // as on the wire
  std::string_view client_flags;
  std::uint32_t value_bytes = 0;
  bool has_cas = false;
  std::string_view cas_unique;
  std::uint64_t flags_number = 0;  // the same two as numbers; 0 without a cas unique
  std::uint64_t cas_number = 0;
  std::string_view bytes;
};

inline constexpr std::size_t reply_line_bytes_max = 2048;

// Whether it says that a command was refused or failed, whichever command.
[[nodiscard]] bool is_error_line(std::string_view line) noexcept;
// Whether a backend may answer a command with one key and one answer with this line, which
// ReplyParser let through. If not, answers and commands are out of step: what comes next may be
// another key's.
[[nodiscard]] bool may_answer(Verb verb, std::string_view line) noexcept;

class ReplyParser {
 public:
  // The next event at the front of `bytes`. Call again with the rest until need_more. A line may be
  // at most reply_line_bytes_max long with its CRLF. After a violation the parser is of no more
  // use.
  [[nodiscard]] ReplyEvent next(ReplyShape shape, std::string_view bytes) noexcept;
  [[nodiscard]] bool is_inside_value() const noexcept { return is_inside_value_; }
  // Of the value that is being read.
  [[nodiscard]] std::size_t value_left_bytes() const noexcept { return value_left_bytes_; }
  // After value_header, when `bytes` holds the whole value and its CRLF: leaves them behind, as
  // value_bytes and value_done together would. False when there is no CRLF: a violation.
  [[nodiscard]] bool skip_whole_value(std::string_view bytes) noexcept {
    if (bytes[value_left_bytes_] != '\r' || bytes[value_left_bytes_ + 1] != '\n') return false;
    is_inside_value_ = false;
    return true;
  }

 private:
  [[nodiscard]] ReplyEvent next_of_value(std::string_view bytes) noexcept;

  std::uint32_t value_left_bytes_ = 0;  // inside a value and 0: its CRLF comes next
  bool is_inside_value_ = false;
};

}  // namespace ringfence::shim::text
