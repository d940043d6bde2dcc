// Reads one meta command line. It owns the error lines; it never touches the value that follows.
// Pure; any thread. Behaviour is that of memcached 1.6.18, odd corners included;
// tests/live/meta_live_test.cpp puts the same lines to a real one.
#include "shim/meta/request.hpp"

#include <bitset>
#include <limits>
#include <optional>

#include "shim/text/limits.hpp"

namespace ringfence::shim::meta {
namespace {

using text::ParseResult;
using text::ParseStatus;

constexpr std::string_view error_unknown = "ERROR\r\n";
constexpr std::string_view error_format = "CLIENT_ERROR bad command line format\r\n";
constexpr std::string_view error_word = "CLIENT_ERROR bad token in command line format\r\n";
constexpr std::string_view error_count = "CLIENT_ERROR options flags too long\r\n";
constexpr std::string_view error_count_get = "CLIENT_ERROR options flags are too long\r\n";
constexpr std::string_view error_duplicate = "CLIENT_ERROR duplicate flag\r\n";
constexpr std::string_view error_flag = "CLIENT_ERROR invalid flag\r\n";
constexpr std::string_view error_any_flag = "CLIENT_ERROR invalid or duplicate flag\r\n";
constexpr std::string_view error_key = "CLIENT_ERROR error decoding key\r\n";
constexpr std::string_view error_mode_length = "CLIENT_ERROR incorrect length for M token\r\n";
constexpr std::string_view error_set_mode = "CLIENT_ERROR invalid mode for ms M token\r\n";
constexpr std::string_view error_count_mode = "CLIENT_ERROR invalid mode for ma M token\r\n";
constexpr std::string_view error_initial = "CLIENT_ERROR invalid numeric initial value\r\n";
constexpr std::string_view error_delta = "CLIENT_ERROR invalid numeric delta value\r\n";
constexpr std::string_view error_opaque = "CLIENT_ERROR opaque token too long\r\n";
constexpr std::string_view error_too_large = "SERVER_ERROR object too large for cache\r\n";
constexpr std::string_view error_line_end =
    "CLIENT_ERROR me does not take a key that holds a line's end\r\n";

constexpr std::size_t word_count_max = 19;    // of a line, name and key among them
constexpr std::size_t opaque_bytes_max = 32;  // with its O
constexpr std::size_t first_letter_limit = 127;

ParseResult understood() noexcept {
  return {ParseStatus::request, 0, 0, {}};
}
ParseResult refuse(std::string_view error_line, std::size_t swallow_bytes = 0) noexcept {
  return {ParseStatus::refused, 0, swallow_bytes, error_line};
}

std::size_t count_words(text::Words words) noexcept {
  std::size_t count = 0;
  while (!words.next().empty()) ++count;
  return count;
}

// Flags as memcached reads them before it does anything: all of them, and the last error counts,
// but for a flag that is unknown or comes twice, which ends the reading.
class FlagReader {
 public:
  explicit FlagReader(Request& request) noexcept : request_(request) {}

  // The error line; empty when all is well.
  [[nodiscard]] std::string_view read() noexcept {
    text::Words words(request_.command.flags);
    for (auto word = words.next(); !word.empty(); word = words.next()) {
      const auto letter = static_cast<unsigned char>(word.front());
      if (letter >= first_letter_limit || seen_[letter]) return error_duplicate;
      seen_[letter] = true;
      if (!read_flag(word)) return error_flag;
    }
    if (!has_error_) return {};
    return error_.empty() ? error_format : error_;
  }
  [[nodiscard]] char mode() const noexcept { return mode_; }
  [[nodiscard]] bool has_long_opaque() const noexcept { return has_long_opaque_; }

 private:
  // False: unknown.
  [[nodiscard]] bool read_flag(std::string_view word) noexcept {
    switch (word.front()) {
      case 'b':
        decode_key();
        return true;
      case 'q':
        request_.command.is_quiet = true;
        return true;
      case 'M':
        read_mode(word);
        return true;
      case 'O':
        has_long_opaque_ = word.size() > opaque_bytes_max;
        return true;
      case 'c':
      case 'f':
      case 'h':
      case 'k':
      case 'l':
      case 's':
      case 't':
      case 'u':
      case 'v':
      case 'I':
      case 'L':
      case 'P':
        return true;
      default:
        return read_number(word);
    }
  }

  [[nodiscard]] bool read_number(std::string_view word) noexcept {
    const std::string_view number = word.substr(1);
    switch (word.front()) {
      case 'T':
        request_.changes_time = true;
        return expect(is_time(number), error_word);
      case 'N':
        request_.may_create = true;
        return expect(is_time(number), error_word);
      case 'R':
        request_.may_win = true;
        return expect(is_time(number), error_word);
      case 'C':
        request_.has_cas = true;
        return expect(is_unsigned(number), error_word);
      case 'F':
        return expect(is_unsigned(number), error_);  // says what the flag before it said
      case 'J':
        return expect(is_unsigned(number), error_initial);
      case 'D':
        return expect(is_unsigned(number), error_delta);
      default:
        return false;
    }
  }

  [[nodiscard]] static bool is_time(std::string_view number) noexcept {
    std::int32_t time = 0;
    std::string_view digits;
    return text::read_signed_32(number, time, digits);
  }
  [[nodiscard]] static bool is_unsigned(std::string_view number) noexcept {
    std::uint64_t value = 0;
    std::string_view digits;
    return text::read_unsigned_64(number, value, digits);
  }
  // Always true: the flag is known, whether or not it is well formed.
  bool expect(bool is_well_formed, std::string_view error) noexcept {
    if (is_well_formed) return true;
    has_error_ = true;
    error_ = error;
    return true;
  }
  void decode_key() noexcept {
    const std::size_t size = decode_base64(request_.key_word, request_.decoded);
    request_.command.is_base64 = true;
    request_.command.key = {request_.decoded.data(), size};
    (void)expect(size > 0, error_key);
  }
  void read_mode(std::string_view word) noexcept {
    const bool has_letter = word.size() == 2;
    (void)expect(has_letter, error_mode_length);
    if (has_letter) mode_ = word[1];
  }

  Request& request_;
  std::bitset<first_letter_limit> seen_;
  std::string_view error_;
  char mode_ = '\0';
  bool has_error_ = false;
  bool has_long_opaque_ = false;
};

// Name and key; `words` stands behind them. The error line, or empty.
std::string_view read_key(Request& request, text::Words& words) noexcept {
  request.key_word = words.next();
  if (request.key_word.empty()) return error_unknown;
  if (request.key_word.size() > key_bytes_max) return error_format;
  request.command.key = request.key_word;
  return {};
}

ParseResult parse_get(Request& request, text::Words words) noexcept {
  if (const auto error = read_key(request, words); !error.empty()) return refuse(error);
  if (count_words(words) + 2 > word_count_max) return refuse(error_count_get);
  request.command.flags = words.rest();
  FlagReader flags(request);
  if (const auto error = flags.read(); !error.empty()) return refuse(error);
  return flags.has_long_opaque() ? refuse(error_opaque) : understood();
}

// md and ma: whatever is wrong with a flag is told by one line.
ParseResult parse_change(Request& request, text::Words words) noexcept {
  if (const auto error = read_key(request, words); !error.empty()) return refuse(error);
  if (count_words(words) + 2 > word_count_max) return refuse(error_count);
  request.command.flags = words.rest();
  FlagReader flags(request);
  if (!flags.read().empty()) return refuse(error_any_flag);
  if (request.command.verb == Verb::arithmetic) {
    constexpr std::string_view modes("\0I+D-", 5);
    const std::size_t mode = modes.find(flags.mode());
    if (mode == std::string_view::npos) return refuse(error_count_mode);
    request.is_decrement = mode >= 3;
  }
  return flags.has_long_opaque() ? refuse(error_opaque) : understood();
}

std::optional<Mode> set_mode_of(char letter) noexcept {
  switch (letter) {
    case '\0':
    case 'S':
      return Mode::set;
    case 'E':
      return Mode::add;
    case 'A':
      return Mode::append;
    case 'P':
      return Mode::prepend;
    case 'R':
      return Mode::replace;
    default:
      return std::nullopt;
  }
}

ParseResult parse_set(Request& request, text::Words words) noexcept {
  if (const auto error = read_key(request, words); !error.empty()) return refuse(error);
  const std::size_t word_count = count_words(words) + 2;
  if (word_count < 3) return refuse(error_format);
  if (word_count > word_count_max) return refuse(error_count);
  std::int32_t value_bytes = 0;
  std::string_view digits;
  constexpr std::int32_t protocol_bytes_max = std::numeric_limits<std::int32_t>::max() - 2;
  if (!text::read_signed_32(words.next(), value_bytes, digits) || value_bytes < 0 ||
      value_bytes > protocol_bytes_max) {
    return refuse(error_format);
  }
  // From here on the value is known to follow, and is read past with a refused command.
  request.value_bytes = static_cast<std::uint32_t>(value_bytes);
  const std::size_t whole_bytes = std::size_t{request.value_bytes} + 2;
  request.command.flags = words.rest();
  FlagReader flags(request);
  if (const auto error = flags.read(); !error.empty()) return refuse(error, whole_bytes);
  const auto mode = set_mode_of(flags.mode());
  if (!mode) return refuse(error_set_mode, whole_bytes);
  request.mode = *mode;
  if (flags.has_long_opaque()) return refuse(error_opaque, whole_bytes);
  if (request.value_bytes > text::value_bytes_max) return refuse(error_too_large, whole_bytes);
  return understood();
}

// me reads nothing behind the key but b, and only there.
ParseResult parse_show(Request& request, text::Words words) noexcept {
  if (!read_key(request, words).empty()) return refuse(error_format);
  if (words.next() == "b") {
    const std::size_t size = decode_base64(request.key_word, request.decoded);
    if (size == 0) return refuse(error_format);
    request.command.is_base64 = true;
    request.command.key = {request.decoded.data(), size};
  }
  const bool has_line_end = request.command.key.find('\n') != std::string_view::npos;
  return has_line_end ? refuse(error_line_end) : understood();
}

void clear(Request& request) noexcept {
  request.command = {};
  request.key_word = {};
  request.value_bytes = 0;
  request.mode = {};
  request.is_decrement = request.has_cas = false;
  request.changes_time = request.may_create = request.may_win = false;
}

std::optional<Verb> verb_of(char letter) noexcept {
  switch (letter) {
    case 'g':
      return Verb::get;
    case 's':
      return Verb::set;
    case 'd':
      return Verb::delete_key;
    case 'a':
      return Verb::arithmetic;
    case 'e':
      return Verb::show;
    case 'n':
      return Verb::noop;
    default:
      return std::nullopt;
  }
}

ParseResult parse_line(std::string_view line, Request& request) noexcept {
  text::Words words(line);
  const std::string_view name = words.next();
  const auto verb = name.size() == 2 ? verb_of(name[1]) : std::nullopt;
  if (!verb) return refuse(error_unknown);
  request.command.verb = *verb;
  switch (*verb) {
    case Verb::get:
      return parse_get(request, words);
    case Verb::set:
      return parse_set(request, words);
    case Verb::delete_key:
    case Verb::arithmetic:
      return parse_change(request, words);
    case Verb::show:
      return parse_show(request, words);
    case Verb::noop:
      break;
  }
  return understood();
}

}  // namespace

bool begins_request(std::string_view bytes) noexcept {
  const std::size_t begin = bytes.find_first_not_of(' ');
  if (begin == std::string_view::npos) return false;
  bytes.remove_prefix(begin);
  if (bytes.size() < 3 || bytes[0] != 'm' || !verb_of(bytes[1])) return false;
  const char end = bytes[2];
  if (end == '\r') return bytes.size() > 3 && bytes[3] == '\n';
  return end == ' ' || end == '\n' || end == '\0';
}

ParseResult parse_request(std::string_view bytes, Request& request) noexcept {
  clear(request);
  const text::Line line = text::first_line(bytes);
  const bool is_too_long = line.consumed_bytes == 0 ? bytes.size() > line_bytes_max
                                                    : line.consumed_bytes > line_bytes_max;
  if (is_too_long) return {ParseStatus::fatal, 0, 0, {}};
  if (line.consumed_bytes == 0) return {};
  ParseResult result = parse_line(line.content, request);
  result.consumed_bytes = line.consumed_bytes;
  return result;
}

}  // namespace ringfence::shim::meta
