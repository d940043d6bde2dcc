#include "agent/discovery/memory.hpp"

#include <fmt/format.h>

#include <cerrno>

#include "agent/discovery/text_file.hpp"

namespace ringfence::agent::discovery {
namespace {

constexpr std::string_view first_line = "ringfence sources 1\n";
constexpr std::size_t memory_bytes_max = std::size_t{1} << 20;  // 16 pools, dozens of sources each

}  // namespace

Result<Remembered> load(const std::string& path) {
  const Result<std::string> read = read_text(path, memory_bytes_max);
  if (!read && read.error().os_errno == ENOENT) return Remembered{};
  if (!read) return read.error();
  std::string_view text = read.value();
  const Error damaged{path + " is damaged: it is not known which sources listed something before"};
  if (text.substr(0, first_line.size()) != first_line) return damaged;
  text.remove_prefix(first_line.size());
  Remembered remembered;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::size_t tab = text.find('\t');
    if (end == std::string_view::npos || tab > end) return damaged;
    remembered.emplace(text.substr(0, tab), text.substr(tab + 1, end - tab - 1));
    text.remove_prefix(end + 1);
  }
  return remembered;
}

Status store(const std::string& path, const Remembered& remembered) {
  std::string text(first_line);
  for (const auto& [pool, source] : remembered) text += fmt::format("{}\t{}\n", pool, source);
  return replace_text(path, text);
}

}  // namespace ringfence::agent::discovery
