// Reads one command line of the classic text protocol. It owns the error lines; it never touches
// the value that follows a storage line. Pure; any thread.
//
// Behaviour is that of memcached 1.6.18, odd corners included; tests/unit/text_live_test.cpp puts
// the same lines to a real one. What differs on purpose: commands that administer one server
// (slabs, lru, lru_crawler, watch, cache_memlimit, extstore) are unknown here. Meta commands are
// shim/meta's to read.
#include "shim/text/request.hpp"

#include <array>
#include <limits>

#include "shim/text/line.hpp"
#include "shim/text/number.hpp"
#include "shim/wire_key.hpp"

namespace ringfence::shim::text {

namespace {

constexpr std::string_view error_unknown = "ERROR\r\n";
constexpr std::string_view error_format = "CLIENT_ERROR bad command line format\r\n";
constexpr std::string_view error_delete =
    "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n";
constexpr std::string_view error_exptime = "CLIENT_ERROR invalid exptime argument\r\n";
constexpr std::string_view error_delta = "CLIENT_ERROR invalid numeric delta argument\r\n";
constexpr std::string_view error_shutdown = "ERROR: shutdown not enabled\r\n";
constexpr std::string_view error_too_large = "SERVER_ERROR object too large for cache\r\n";
constexpr std::string_view answer_no_keys = "END\r\n";

// memcached looks past at most this many leading spaces for a retrieval's name.
constexpr std::size_t leading_spaces_max = 100;

// No command but a retrieval takes more words than this (cas with noreply: 7); one more is kept to
// tell "too many".
constexpr std::size_t word_count_max = 8;

struct WordList {
  std::array<std::string_view, word_count_max> words;
  std::size_t count = 0;

  explicit WordList(std::string_view line) noexcept {
    Words rest(line);
    while (count < word_count_max) {
      const std::string_view word = rest.next();
      if (word.empty()) return;
      words[count++] = word;
    }
  }
  [[nodiscard]] std::string_view operator[](std::size_t index) const noexcept {
    return words[index];
  }
  [[nodiscard]] bool ends_with_noreply() const noexcept { return words[count - 1] == "noreply"; }
};

ParseResult understood() noexcept {
  return {ParseStatus::request, 0, 0, {}};
}
ParseResult close_silently() noexcept {
  return {ParseStatus::fatal, 0, 0, {}};
}
ParseResult refuse(std::string_view error_line) noexcept {
  return {ParseStatus::refused, 0, 0, error_line};
}
// An error of a command that asked for no reply is not told, as in memcached.
ParseResult refuse(const Request& request, std::string_view error_line) noexcept {
  return refuse(request.is_noreply ? std::string_view{} : error_line);
}

ParseResult parse_retrieval(Request& request, Words words) {
  if (words.rest().empty()) return refuse(error_unknown);
  if (request.verb == Verb::gat || request.verb == Verb::gats) {
    std::int32_t exptime = 0;
    if (!read_signed_32(words.next(), exptime, request.exptime)) return refuse(error_exptime);
  }
  for (auto key = words.next(); !key.empty(); key = words.next()) {
    if (key.size() > key_bytes_max) return refuse(error_format);
    request.keys.push_back(key);
  }
  // gat with a time and no key finds nothing, and says so.
  return request.keys.empty() ? refuse(answer_no_keys) : understood();
}

ParseResult parse_storage(Request& request, std::string_view line) {
  const bool is_cas = request.verb == Verb::cas;
  const std::size_t word_count = is_cas ? 6 : 5;
  const WordList words(line);
  // One word more is allowed, whatever it is; only "noreply" means something.
  if (words.count != word_count && words.count != word_count + 1) return refuse(error_unknown);
  request.is_noreply = words.ends_with_noreply();
  if (words[1].size() > key_bytes_max) return refuse(request, error_format);

  std::uint64_t flags = 0;
  std::int32_t exptime = 0;
  std::int32_t value_bytes = 0;
  std::string_view length_digits;
  std::uint64_t cas_unique = 0;
  const bool is_well_formed =
      read_unsigned_64(words[2], flags, request.client_flags) &&
      read_signed_32(words[3], exptime, request.exptime) &&
      read_signed_32(words[4], value_bytes, length_digits) &&
      (!is_cas || read_unsigned_64(words[5], cas_unique, request.cas_unique));
  constexpr std::int32_t protocol_bytes_max = std::numeric_limits<std::int32_t>::max() - 2;
  if (!is_well_formed || value_bytes < 0 || value_bytes > protocol_bytes_max) {
    return refuse(request, error_format);
  }
  request.value_bytes = static_cast<std::uint32_t>(value_bytes);
  request.keys.push_back(words[1]);
  if (request.value_bytes <= value_bytes_max) return understood();
  ParseResult result = refuse(request, error_too_large);
  result.swallow_bytes = std::size_t{request.value_bytes} + 2;
  return result;
}

ParseResult parse_arithmetic(Request& request, std::string_view line) {
  const WordList words(line);
  if (words.count != 3 && words.count != 4) return refuse(error_unknown);
  request.is_noreply = words.ends_with_noreply();
  if (words[1].size() > key_bytes_max) return refuse(request, error_format);
  std::uint64_t delta = 0;
  if (!read_unsigned_64(words[2], delta, request.delta)) return refuse(request, error_delta);
  request.keys.push_back(words[1]);
  return understood();
}

ParseResult parse_touch(Request& request, std::string_view line) {
  const WordList words(line);
  if (words.count != 3 && words.count != 4) return refuse(error_unknown);
  request.is_noreply = words.ends_with_noreply();
  if (words[1].size() > key_bytes_max) return refuse(request, error_format);
  std::int32_t exptime = 0;
  if (!read_signed_32(words[2], exptime, request.exptime)) return refuse(request, error_exptime);
  request.keys.push_back(words[1]);
  return understood();
}

// delete <key> [0] [noreply]: the 0 is left over from a hold time that memcached once had.
ParseResult parse_delete(Request& request, std::string_view line) {
  const WordList words(line);
  if (words.count < 2 || words.count > 4) return refuse(error_unknown);
  if (words.count > 2) {
    request.is_noreply = words.ends_with_noreply();
    const bool holds_zero = words[2] == "0";
    const bool is_valid =
        words.count == 3 ? holds_zero || request.is_noreply : holds_zero && request.is_noreply;
    if (!is_valid) return refuse(request, error_delete);
  }
  if (words[1].size() > key_bytes_max) return refuse(request, error_format);
  request.keys.push_back(words[1]);
  return understood();
}

ParseResult parse_flush_all(Request& request, std::string_view line) {
  const WordList words(line);
  if (words.count > 3) return refuse(error_unknown);
  request.is_noreply = words.ends_with_noreply();
  if (words.count == (request.is_noreply ? 2U : 1U)) return understood();
  std::int32_t delay = 0;
  if (!read_signed_32(words[1], delay, request.arguments)) return refuse(request, error_exptime);
  return understood();
}

ParseResult parse_verbosity(Request& request, std::string_view line) {
  const WordList words(line);
  if (words.count != 2 && words.count != 3) return refuse(error_unknown);
  request.is_noreply = words.ends_with_noreply();
  std::uint64_t level = 0;
  if (!read_unsigned_64(words[1], level, request.arguments)) return refuse(request, error_format);
  return understood();
}

struct VerbName {
  std::string_view name;
  Verb verb;
};
// The most frequent first. bget is an old name of get that memcached still takes.
constexpr std::array<VerbName, 20> verb_names = {{{"get", Verb::get},
                                                  {"set", Verb::set},
                                                  {"gets", Verb::gets},
                                                  {"delete", Verb::delete_key},
                                                  {"incr", Verb::incr},
                                                  {"decr", Verb::decr},
                                                  {"add", Verb::add},
                                                  {"cas", Verb::cas},
                                                  {"touch", Verb::touch},
                                                  {"gat", Verb::gat},
                                                  {"gats", Verb::gats},
                                                  {"replace", Verb::replace},
                                                  {"append", Verb::append},
                                                  {"prepend", Verb::prepend},
                                                  {"version", Verb::version},
                                                  {"stats", Verb::stats},
                                                  {"flush_all", Verb::flush_all},
                                                  {"verbosity", Verb::verbosity},
                                                  {"quit", Verb::quit},
                                                  {"bget", Verb::get}}};

const VerbName* find_verb(std::string_view name) noexcept {
  for (const VerbName& candidate : verb_names) {
    if (candidate.name == name) return &candidate;
  }
  return nullptr;
}

// A browser that strayed here is sent away without an answer. memcached looks at the last word, and
// only where no branch of its own took the first letter.
bool is_http(std::string_view line, std::string_view command) noexcept {
  constexpr std::string_view first_letters_taken = "gsacidt";
  if (first_letters_taken.find(command.front()) != std::string_view::npos) return false;
  if (command.front() == 'm' && command.size() == 2) return false;
  const std::size_t end = line.find_last_not_of(' ') + 1;
  const std::string_view trimmed = line.substr(0, end);
  const std::size_t space = trimmed.rfind(' ');
  const std::size_t begin = space == std::string_view::npos ? 0 : space + 1;
  return trimmed.substr(begin, 5) == "HTTP/";
}

ParseResult parse_line(std::string_view line, Request& request) {
  Words words(line);
  const std::string_view command = words.next();
  if (command.size() < 2) return refuse(error_unknown);
  const VerbName* found = find_verb(command);
  if (found == nullptr) {
    if (command == "shutdown") return refuse(error_shutdown);
    return is_http(line, command) ? close_silently() : refuse(error_unknown);
  }
  request.verb = found->verb;
  switch (found->verb) {
    case Verb::get:
    case Verb::gets:
    case Verb::gat:
    case Verb::gats:
      return parse_retrieval(request, words);
    case Verb::set:
    case Verb::add:
    case Verb::replace:
    case Verb::append:
    case Verb::prepend:
    case Verb::cas:
      return parse_storage(request, line);
    case Verb::incr:
    case Verb::decr:
      return parse_arithmetic(request, line);
    case Verb::touch:
      return parse_touch(request, line);
    case Verb::delete_key:
      return parse_delete(request, line);
    case Verb::flush_all:
      return parse_flush_all(request, line);
    case Verb::verbosity:
      return parse_verbosity(request, line);
    case Verb::stats:
      request.arguments = words.rest();
      return understood();
    case Verb::version:
    case Verb::quit:
      return understood();
  }
  return refuse(error_unknown);
}

void clear(Request& request) noexcept {
  request.keys.clear();  // keeps its memory
  request.is_noreply = false;
  request.client_flags = request.exptime = request.cas_unique = {};
  request.delta = request.arguments = {};
  request.value_bytes = 0;
}

// memcached's rule for bytes that hold no whole line: above 2,048 only a retrieval may go on.
bool may_go_on(std::string_view bytes) noexcept {
  if (bytes.size() <= command_line_bytes_max) return true;
  if (bytes.size() > retrieval_line_bytes_max) return false;
  const std::size_t spaces = bytes.find_first_not_of(' ');
  if (spaces > leading_spaces_max) return false;
  const std::string_view start = bytes.substr(spaces, 5);
  return start.substr(0, 4) == "get " || start == "gets ";
}

}  // namespace

ParseResult parse_request(std::string_view bytes, Request& request) {
  clear(request);
  const Line line = first_line(bytes);
  if (line.consumed_bytes == 0) return may_go_on(bytes) ? ParseResult{} : close_silently();
  if (line.consumed_bytes > retrieval_line_bytes_max) return close_silently();
  ParseResult result = parse_line(line.content, request);
  result.consumed_bytes = line.consumed_bytes;
  return result;
}

}  // namespace ringfence::shim::text
