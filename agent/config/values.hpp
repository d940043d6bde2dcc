// Small readers of single values: durations with their unit, names, addresses, and the nearest
// known word to a misspelt one. Pure; any thread. Errors here carry no file and line: the caller
// adds them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/types.hpp"
#include "shm_layout/result.hpp"

namespace ringfence::agent::config {

// "100ms", "2s", "10m", "1h". A number without a unit is refused: 5 may be seconds or milliseconds.
[[nodiscard]] Result<core::Duration> parse_duration(std::string_view text);
// The shortest exact way to write it: 90000 ms is "90s".
[[nodiscard]] std::string show_duration(core::Duration duration);

// The candidate with the least edit distance, if it is near enough to be meant.
[[nodiscard]] std::optional<std::string_view> nearest(std::string_view word,
                                                      const std::vector<std::string_view>& known);

// Names stand in file names and key salts: [A-Za-z0-9_-], 1 to name_length_max characters.
inline constexpr std::size_t name_length_max = 63;  // shm_layout::name_bytes less the NUL
[[nodiscard]] bool is_name(std::string_view text);

// An absolute unix path, or "ip:port" with a literal address: "127.0.0.1:11210", "[::1]:11210".
// Canonical, so that two spellings of one address compare equal. Port 0 lets the kernel pick.
[[nodiscard]] Result<std::string> parse_listen(std::string_view text);
// The same, or "host:port" with a name that is resolved at each connect; no port 0.
[[nodiscard]] Result<std::string> parse_address(std::string_view text);
// Of a canonical listen address: reachable from this host alone.
[[nodiscard]] bool is_loopback(std::string_view canonical);

}  // namespace ringfence::agent::config
