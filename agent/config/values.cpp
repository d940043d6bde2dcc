// Durations, names and nearest words. See values.hpp; addresses are in address.cpp.
#include "agent/config/values.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>

namespace ringfence::agent::config {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t ns;
};
constexpr std::array<Unit, 4> units = {
    {{"h", 3'600'000'000'000}, {"m", 60'000'000'000}, {"s", 1'000'000'000}, {"ms", 1'000'000}}};

// Longer than any limit in the table, and far from overflowing 64 bits in nanoseconds.
constexpr std::int64_t duration_ns_max = 24LL * 365 * 3'600'000'000'000;

}  // namespace

Result<core::Duration> parse_duration(std::string_view text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, code] = std::from_chars(text.data(), end, number);
  if (code != std::errc{} || number < 0) {
    return Error{
        fmt::format("\"{}\" is no duration: write a whole number and a unit, as in "
                    "\"100ms\", \"2s\", \"10m\" or \"1h\"",
                    text)};
  }
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  for (const Unit& known : units) {
    if (unit != known.name) continue;
    if (number > duration_ns_max / known.ns) return core::Duration{duration_ns_max};
    return core::Duration{number * known.ns};
  }
  return Error{fmt::format("\"{}\" has {}: write ms, s, m or h, as in \"100ms\" or \"2s\"", text,
                           unit.empty() ? "no unit" : fmt::format("an unknown unit \"{}\"", unit))};
}

std::string show_duration(core::Duration duration) {
  if (duration.ns == 0) return "0s";
  for (const Unit& unit : units) {
    if (duration.ns % unit.ns == 0) return fmt::format("{}{}", duration.ns / unit.ns, unit.name);
  }
  return fmt::format("{}ns", duration.ns);
}

std::optional<std::string_view> nearest(std::string_view word,
                                        const std::vector<std::string_view>& known) {
  std::optional<std::string_view> best;
  // More than a third of the word wrong: a guess would only mislead.
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string_view candidate : known) {
    std::vector<std::size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < word.size(); i++) {
      std::size_t diagonal = row[0];
      row[0] = i + 1;
      for (std::size_t j = 0; j < candidate.size(); j++) {
        const std::size_t replaced = diagonal + (word[i] == candidate[j] ? 0 : 1);
        diagonal = row[j + 1];
        row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
      }
    }
    if (row.back() >= best_distance) continue;
    best_distance = row.back();
    best = candidate;
  }
  return best;
}

bool is_name(std::string_view text) {
  constexpr std::string_view allowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  return !text.empty() && text.size() <= name_length_max &&
         text.find_first_not_of(allowed) == std::string_view::npos;
}

}  // namespace ringfence::agent::config
