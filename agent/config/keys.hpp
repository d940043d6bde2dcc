// The one table of configuration keys: name, default, limits, reason, and how a value is stored.
// The parser reads by it, README's section "Every default" and --help-config print it, and tests
// compare all of these with each other. Constant data; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/config.hpp"

namespace ringfence::agent::config {

inline constexpr std::size_t pool_count_max = 16;  // each has a segment and a view of 0.5 MiB

enum class Section : std::uint8_t { top, mesh, control, lease, log, pool };
// "" for the top, "mesh", ... as in the file.
[[nodiscard]] std::string_view section_name(Section section);

enum class ValueKind : std::uint8_t { text, choice, duration, count, truth, texts };

// What a value was read as; which member holds it follows from the key's kind.
struct Value {
  std::int64_t number = 0;  // count, or a duration's nanoseconds
  bool is_true = false;
  std::string_view text;
};

// Where it goes: `pool` is set for keys of [[pool]] alone.
struct Target {
  Config* config = nullptr;
  PoolConfig* pool = nullptr;
};

struct Key {
  Section section{};
  std::string_view name;
  ValueKind kind{};
  std::string_view default_text;  // as it would stand in the file
  std::int64_t min = 0, max = 0;  // count; duration in ns; texts: how many
  std::string_view allowed;       // text: in words; choice: "a | b"
  std::string_view reason;        // of the default
  // Called once a value, or once an element of texts (after `clear`). The error says what is wrong
  // with the value, without file and line.
  Status (*store)(const Target& target, const Value& value) = nullptr;
  void (*clear)(const Target& target) = nullptr;
};

// Top-level keys and those of the sections; in the order of README's table.
[[nodiscard]] const std::vector<Key>& all_keys();
[[nodiscard]] const Key* find_key(Section section, std::string_view name);
// "100ms to 60s", "miss | serve", ...
[[nodiscard]] std::string limits_of(const Key& key);
// The words of a choice, "miss | serve" split.
[[nodiscard]] std::vector<std::string_view> choices_of(const Key& key);

namespace detail {
[[nodiscard]] std::vector<Key> agent_keys();      // keys.cpp
[[nodiscard]] std::vector<Key> pool_keys();       // pool_keys.cpp
[[nodiscard]] std::vector<Key> discovery_keys();  // discovery_keys.cpp; of [[pool]] too
}  // namespace detail

}  // namespace ringfence::agent::config
