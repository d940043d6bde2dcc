// Reads a backend's replies. It owns the framing and nothing else; it never trusts a number.
// Pure; one parser a backend connection, on the thread of that connection.
#include "shim/text/reply.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "shim/text/command.hpp"
#include "shim/text/line.hpp"
#include "shim/text/number.hpp"
#include "shim/wire_key.hpp"

namespace ringfence::shim::text {

bool is_error_line(std::string_view line) noexcept {
  return line == "ERROR" || line.starts_with("ERROR ") || line.starts_with("CLIENT_ERROR") ||
         line.starts_with("SERVER_ERROR");
}

bool may_answer(Verb verb, std::string_view line) noexcept {
  if (is_error_line(line)) return true;
  if (is_storage(verb)) {
    const bool is_cas = verb == Verb::cas;
    return line == "STORED" || line == "NOT_STORED" ||
           (is_cas && (line == "EXISTS" || line == "NOT_FOUND"));
  }
  if (line == "NOT_FOUND") return true;
  if (verb == Verb::incr || verb == Verb::decr) {
    const std::string_view number =
        line.substr(0, line.find_last_not_of(' ') + 1);  // may be padded
    return std::all_of(number.begin(), number.end(), is_digit);
  }
  return line == (verb == Verb::touch ? "TOUCHED" : "DELETED");
}

namespace {

constexpr std::uint64_t number_max = std::numeric_limits<std::uint64_t>::max();

ReplyEvent violation() noexcept {
  ReplyEvent event;
  event.kind = ReplyEventKind::violation;
  return event;
}

// VALUE <key> <flags> <bytes> [<cas>], single spaces as memcached writes them.
ReplyEvent read_value_header(std::string_view line) noexcept {
  Words words(line.substr(6));
  ReplyEvent event;
  event.key = words.next();
  event.client_flags = words.next();
  const std::string_view length_digits = words.next();
  event.cas_unique = words.next();
  if (event.key.empty() || event.key.size() > key_bytes_max || !words.rest().empty()) {
    return violation();
  }
  const auto length = read_plain(length_digits, value_bytes_max);
  const auto flags = read_plain(event.client_flags, number_max);
  if (!flags || !length) return violation();
  event.flags_number = *flags;
  event.has_cas = !event.cas_unique.empty();
  if (event.has_cas) {
    const auto cas = read_plain(event.cas_unique, number_max);
    if (!cas) return violation();
    event.cas_number = *cas;
  }
  event.kind = ReplyEventKind::value_header;
  event.value_bytes = static_cast<std::uint32_t>(*length);
  return event;
}

ReplyEvent whole_line(ReplyEventKind kind, std::string_view line) noexcept {
  ReplyEvent event;
  event.kind = kind;
  event.bytes = line;
  return event;
}

ReplyEvent read_values_line(std::string_view line) noexcept {
  if (line.starts_with("VALUE ")) return read_value_header(line);
  if (line == "END") return whole_line(ReplyEventKind::end, line);
  if (is_error_line(line)) return whole_line(ReplyEventKind::line, line);
  return violation();
}

ReplyEvent read_stats_line(std::string_view line) noexcept {
  if (line.starts_with("STAT ")) return whole_line(ReplyEventKind::stat, line.substr(5));
  if (line == "END") return whole_line(ReplyEventKind::end, line);
  if (line == "RESET" || line == "OK" || is_error_line(line)) {
    return whole_line(ReplyEventKind::line, line);
  }
  return violation();
}

// A line that belongs to another shape means that replies and requests are out of step: whatever
// comes next would be taken for the answer to another request.
ReplyEvent read_single_line(std::string_view line) noexcept {
  if (line.empty() || line == "END" || line.starts_with("VALUE ") || line.starts_with("STAT ")) {
    return violation();
  }
  const bool is_number = is_digit(line.front());  // incr and decr
  const bool is_word = line.front() >= 'A' && line.front() <= 'Z';
  return is_number || is_word ? whole_line(ReplyEventKind::line, line) : violation();
}

// VA <bytes>[ <flags>]
ReplyEvent read_meta_value(std::string_view line) noexcept {
  Words words(line.substr(3));
  const auto length = read_plain(words.next(), value_bytes_max);
  if (!length) return violation();
  ReplyEvent event;
  event.kind = ReplyEventKind::value_header;
  event.value_bytes = static_cast<std::uint32_t>(*length);
  event.bytes = words.rest();
  return event;
}

ReplyEvent read_meta_line(std::string_view line) noexcept {
  if (line.starts_with("VA ")) return read_meta_value(line);
  const std::string_view name = line.substr(0, line.find(' '));
  const bool is_known = name == "HD" || name == "EN" || name == "NS" || name == "EX" ||
                        name == "NF" || name == "ME" || is_error_line(line);
  return is_known ? whole_line(ReplyEventKind::line, line) : violation();
}

ReplyEvent read_line(ReplyShape shape, std::string_view line) noexcept {
  switch (shape) {
    case ReplyShape::line:
      return read_single_line(line);
    case ReplyShape::values:
      return read_values_line(line);
    case ReplyShape::stats:
      return read_stats_line(line);
    case ReplyShape::meta:
      return read_meta_line(line);
  }
  return violation();
}

// The line at the front of `bytes` without its CRLF; nothing while it is not whole. `is_broken`: it
// is too long, or its LF stands without CR.
std::optional<std::string_view> whole_reply_line(std::string_view bytes, bool& is_broken) noexcept {
  const std::size_t end = bytes.substr(0, reply_line_bytes_max).find('\n');
  if (end == std::string_view::npos) {
    is_broken = bytes.size() >= reply_line_bytes_max;
    return std::nullopt;
  }
  is_broken = end == 0 || bytes[end - 1] != '\r';
  if (is_broken) return std::nullopt;
  return bytes.substr(0, end - 1);
}

}  // namespace

ReplyEvent ReplyParser::next(ReplyShape shape, std::string_view bytes) noexcept {
  if (is_inside_value_) return next_of_value(bytes);
  bool is_broken = false;
  const auto line = whole_reply_line(bytes, is_broken);
  if (is_broken) return violation();
  if (!line) return {};
  ReplyEvent event = read_line(shape, *line);
  if (event.kind == ReplyEventKind::violation) return event;
  event.consumed_bytes = line->size() + 2;
  if (event.kind == ReplyEventKind::value_header) {
    is_inside_value_ = true;
    value_left_bytes_ = event.value_bytes;
  }
  return event;
}

ReplyEvent ReplyParser::next_of_value(std::string_view bytes) noexcept {
  ReplyEvent event;
  if (bytes.empty()) return event;
  if (value_left_bytes_ > 0) {
    event.kind = ReplyEventKind::value_bytes;
    event.bytes = bytes.substr(0, value_left_bytes_);
    event.consumed_bytes = event.bytes.size();
    value_left_bytes_ -= static_cast<std::uint32_t>(event.bytes.size());
    return event;
  }
  if (bytes[0] != '\r' || (bytes.size() > 1 && bytes[1] != '\n')) return violation();
  if (bytes.size() < 2) return event;
  is_inside_value_ = false;
  event.kind = ReplyEventKind::value_done;
  event.consumed_bytes = 2;
  return event;
}

}  // namespace ringfence::shim::text
