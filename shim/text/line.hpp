// Lines and words of memcached's text protocols (classic, and meta beside it), exactly as memcached
// 1.6.18 cuts them. Pure; any thread; no allocation; inline because each command passes here.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

namespace ringfence::shim::text {

struct Line {
  std::string_view content;        // without its end, and cut at the first NUL
  std::size_t consumed_bytes = 0;  // with its end; 0: no whole line yet
};

// A line ends with LF; one CR before it is dropped, unless it is the line's only byte. memcached
// treats the line as a C string, so nothing after a NUL counts.
[[nodiscard]] inline Line first_line(std::string_view bytes) noexcept {
  const std::size_t end = bytes.find('\n');
  if (end == std::string_view::npos) return {};
  const bool drops_cr = end > 1 && bytes[end - 1] == '\r';
  std::string_view content = bytes.substr(0, drops_cr ? end - 1 : end);
  return {content.substr(0, content.find('\0')), end + 1};
}

// Words stand between runs of spaces; no other character separates.
class Words {
 public:
  explicit Words(std::string_view line) noexcept : rest_(line) {}

  // The next word; empty at the end of the line.
  [[nodiscard]] std::string_view next() noexcept {
    skip_spaces();
    const std::string_view word = rest_.substr(0, rest_.find(' '));
    rest_.remove_prefix(word.size());
    return word;
  }

  // What is left of the line, from its next word on.
  [[nodiscard]] std::string_view rest() noexcept {
    skip_spaces();
    return rest_;
  }

 private:
  void skip_spaces() noexcept {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
  }

  std::string_view rest_;
};

}  // namespace ringfence::shim::text
