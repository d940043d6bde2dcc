// What no single key can say: duplicates, and keys that contradict each other. Pure; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/config.hpp"

namespace ringfence::agent::config {

// Where the keys of one [[pool]] stand in the file.
struct PoolLines {
  std::uint32_t pool = 0;
  std::map<std::string, std::uint32_t> keys;
  std::map<std::string_view, std::vector<std::uint32_t>> elements;  // of its lists
};

struct Lines {
  const std::string& path;
  const std::map<std::string, std::uint32_t>& keys;  // "lease.margin" -> line
  const std::vector<PoolLines>& pools;               // empty when the file names no pool
};

// Errors read "PATH:LINE: what".
[[nodiscard]] Status check(const Config& config, const Lines& lines);

}  // namespace ringfence::agent::config
