// What the C functions check and translate before anything is done. Any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "shim/client/client.hpp"

namespace ringfence::shim::client {

// An hour: the longest that a call may take.
inline constexpr std::int64_t timeout_ms_max = 3'600'000;

// Nothing when the time cannot be.
[[nodiscard]] inline std::optional<std::int64_t> timeout_ns_of(const Client& client,
                                                               std::int64_t timeout_ms) noexcept {
  if (timeout_ms == RINGFENCE_DEFAULT_TIMEOUT) return client.timeout_ns();
  if (timeout_ms < 0) return std::nullopt;
  return std::min(timeout_ms, timeout_ms_max) * ns_per_ms;
}

// 1 to 250 bytes, none of which a server could take for the end of a word or of a line.
[[nodiscard]] inline bool is_valid_key(std::string_view key) noexcept {
  if (key.empty() || key.size() > RINGFENCE_KEY_MAX) return false;
  unsigned char is_broken = 0;  // no branch in the loop: the compiler takes many bytes at once
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    is_broken |= static_cast<unsigned char>(byte <= ' ') | static_cast<unsigned char>(byte == 0x7f);
  }
  return is_broken == 0;
}

}  // namespace ringfence::shim::client
