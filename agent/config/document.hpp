// A TOML file as a plain tree with line numbers. document.cpp is the only file that sees toml++
// (a heavy header); everything else reads this tree. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shm_layout/result.hpp"

namespace ringfence::agent::config {

struct Item {
  enum class Kind : std::uint8_t { table, list, text, whole, real, truth, date };
  Kind kind = Kind::table;
  std::string name;  // its key; empty inside a list
  std::uint32_t line = 0;
  std::string text;
  std::int64_t whole = 0;
  bool is_true = false;
  std::vector<Item> children;  // of a table or list, in the file's order
};

// What a person calls such a value: "a string", "a whole number".
[[nodiscard]] std::string_view kind_name(Item::Kind kind);

// Errors read "PATH:LINE: what".
[[nodiscard]] Result<Item> read_document(std::string_view text, const std::string& path);

}  // namespace ringfence::agent::config
