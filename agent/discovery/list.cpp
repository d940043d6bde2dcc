#include "agent/discovery/list.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "agent/config/config.hpp"
#include "agent/config/values.hpp"
#include "shm_layout/layout.hpp"

namespace ringfence::agent::discovery {
namespace {

constexpr std::string_view blanks = " \t\r";

// Without its comment and the blanks around it.
std::string_view content_of(std::string_view line) {
  line = line.substr(0, line.find('#'));
  const std::size_t first = line.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(blanks) - first + 1);
}

// The configuration's own form has spaces only.
std::string with_spaces(std::string_view text) {
  std::string made(text);
  std::replace(made.begin(), made.end(), '\t', ' ');
  return made;
}

Error at(const std::string& name, std::size_t line, const std::string& what) {
  return Error{fmt::format("{}:{}: {}", name, line, what)};
}

}  // namespace

std::string why_not_shared(const std::string& address) {
  if (!config::is_loopback(address) && address.rfind("localhost:", 0) != 0) return {};
  return fmt::format(
      "{} is another memcached on each host of a fleet: give the address at which all hosts reach "
      "it",
      address);
}

Result<List> parse_list(std::string_view text, const std::string& name, const ListRules& rules) {
  if (text.size() > list_bytes_max) {
    return Error{
        fmt::format("{} is larger than {} bytes: it is no list of backends", name, list_bytes_max)};
  }
  List list;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    const bool is_whole = end != std::string_view::npos;
    const std::string_view content = content_of(text.substr(0, end));
    if (!is_whole && rules.must_end) {
      return at(name, number, "the last line does not end: is the file still being written?");
    }
    text.remove_prefix(is_whole ? end + 1 : text.size());
    if (content.empty()) continue;
    Result<core::WantedBackend> backend = config::parse_backend(with_spaces(content));
    if (!backend) return at(name, number, backend.error().message);
    if (rules.is_shared) {
      const std::string why = why_not_shared(backend.value().address);
      if (!why.empty()) return at(name, number, why);
    }
    list.push_back(std::move(backend).value());
    if (list.size() > shm_layout::backend_count_max) {
      return at(name, number, fmt::format("more than {} backends", shm_layout::backend_count_max));
    }
  }
  make_canonical(list);
  return list;
}

void make_canonical(List& list) {
  std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) {
    return a.address != b.address ? a.address < b.address : a.weight > b.weight;
  });
  const auto is_same = [](const auto& a, const auto& b) { return a.address == b.address; };
  list.erase(std::unique(list.begin(), list.end(), is_same), list.end());
}

bool are_same(const List& a, const List& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& one, const auto& other) {
    return one.address == other.address && one.weight == other.weight;
  });
}

}  // namespace ringfence::agent::discovery
