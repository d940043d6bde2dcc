#include "bench/port/items.hpp"

#include <charconv>
#include <cstdio>
#include <random>

namespace ringfence::bench {
namespace {

constexpr std::size_t prefix_bytes = 5, digits = 10;  // "user:0000012345:<16 hexadecimal digits>"
constexpr std::size_t look_every_bytes = std::size_t{64} * 1024;  // of a large value
constexpr std::string_view get_word = "get ";

}  // namespace

Items::Items(std::string_view prefix, std::size_t count, std::size_t value_bytes)
    : value_bytes_(value_bytes) {
  std::mt19937_64 random(32);
  for (std::size_t i = 0; i < count; ++i) {
    char text[2 * item_key_bytes];  // an i of more digits does not come, but could
    std::snprintf(text, sizeof text, "%.4s:%010zu:%016llx", prefix.data(), i,
                  static_cast<unsigned long long>(random()));
    const std::string key(text, item_key_bytes);
    gets_.push_back(std::string(get_word) + key + "\r\n");
    std::string set = "set " + key + " 0 0 " + std::to_string(value_bytes) + "\r\n";
    const std::size_t header_bytes = set.size();
    while (set.size() < header_bytes + value_bytes) set += key;
    set.resize(header_bytes + value_bytes);
    sets_.push_back(set + "\r\n");
  }
}

std::string_view Items::key(std::size_t i) const {
  return std::string_view(gets_[i]).substr(get_word.size(), item_key_bytes);
}

std::optional<std::size_t> Items::index_of(std::string_view name) const {
  if (name.size() != item_key_bytes) return {};
  std::size_t i = 0;
  std::from_chars(name.data() + prefix_bytes, name.data() + prefix_bytes + digits, i);
  if (i >= size() || key(i) != name) return {};
  return i;
}

bool Items::is_value_of(std::size_t i, std::string_view value) const {
  if (value.size() != value_bytes_) return false;
  const std::string_view name = key(i);
  for (std::size_t at = 0; at < value.size(); at += look_every_bytes) {
    const std::string_view part = value.substr(at, item_key_bytes);
    if (part != name.substr(0, part.size())) return false;
  }
  const std::string_view last = value.substr(value.size() / item_key_bytes * item_key_bytes);
  return last == name.substr(0, last.size());
}

}  // namespace ringfence::bench
