// The marker's bytes: what state_dir keeps beside the engine's log. Pure.
//
//   offset  0  8  "RNGMARK2"
//           8 16  cluster id
//          24  8  agent id           little-endian, as all numbers
//          32  8  incarnation
//          40  8  highest term seen
//          48  8  highest epoch seen
//          56  8  1 when the state was ever lost, else 0
//          64  8  XXH3-64 of the 64 bytes before it
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/engine/state_dir.hpp"

namespace ringfence::agent::engine {

inline constexpr std::size_t marker_bytes = 72;

[[nodiscard]] std::string encode_marker(const Marker& marker);
// Empty when a byte was changed, or bytes are missing or left over.
[[nodiscard]] std::optional<Marker> decode_marker(std::string_view bytes);

}  // namespace ringfence::agent::engine
