#include "bench/port/replies.hpp"

#include <charconv>
#include <stdexcept>
#include <string>

namespace ringfence::bench {
namespace {

constexpr std::string_view line_end = "\r\n";
constexpr std::string_view value_word = "VALUE ";

[[noreturn]] void fail(const char* what, std::string_view line) {
  throw std::runtime_error(std::string(what) + ": '" + std::string(line.substr(0, 80)) + "'");
}

}  // namespace

std::size_t Replies::take(std::string_view bytes) {
  std::size_t taken = 0;
  while (is_awaited()) {
    const std::size_t one = take_one(bytes.substr(taken));
    if (one == 0) return taken;
    taken += one;
  }
  if (taken < bytes.size()) fail("an answer that nobody asked for", bytes.substr(taken));
  return taken;
}

void Replies::answered() {
  if (++head_ < awaited_.size()) return;
  awaited_.clear();
  head_ = 0;
}

// 0: it is not whole yet.
std::size_t Replies::take_one(std::string_view bytes) {
  const std::size_t line_bytes = bytes.find(line_end);
  if (line_bytes == std::string_view::npos) return 0;
  const std::string_view line = bytes.substr(0, line_bytes);
  const Awaited& awaited = awaited_[head_];
  if (!awaited.is_stored && line.starts_with(value_word)) return take_value(bytes, line_bytes);
  if (line != (awaited.is_stored ? "STORED" : "END")) fail("a wrong answer", line);
  if (awaited.seen.count() != awaited.count) fail("a miss", items_.key(awaited.first));
  answered();
  return line_bytes + line_end.size();
}

// VALUE <key> <flags> <bytes>\r\n<value>\r\n
std::size_t Replies::take_value(std::string_view bytes, std::size_t line_bytes) {
  const std::string_view line = bytes.substr(0, line_bytes);
  std::size_t value_bytes = 0;
  const std::string_view number = line.substr(line.rfind(' ') + 1);
  std::from_chars(number.data(), number.data() + number.size(), value_bytes);
  if (value_bytes != items_.value_bytes()) fail("a value of another length", line);
  const std::size_t whole_bytes = line_bytes + value_bytes + 2 * line_end.size();
  if (bytes.size() < whole_bytes) return 0;

  const auto i = items_.index_of(line.substr(value_word.size(), item_key_bytes));
  Awaited& awaited = awaited_[head_];
  if (!i || *i - awaited.first >= awaited.span || awaited.seen.test(*i - awaited.first)) {
    fail("a value that was not asked for", line);
  }
  const std::string_view value = bytes.substr(line_bytes + line_end.size(), value_bytes);
  const bool is_right = items_.is_value_of(*i, value) &&
                        bytes.substr(whole_bytes - line_end.size(), line_end.size()) == line_end;
  if (!is_right) fail("a wrong value", line);
  awaited.seen.set(*i - awaited.first);
  return whole_bytes;
}

}  // namespace ringfence::bench
