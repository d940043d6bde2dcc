// The marker's bytes: what state_dir keeps beside the engine's log. Pure.
//
//   offset  0  8  "RNGMARK3"
//           8 16  cluster id
//          24  8  agent id           little-endian, as all numbers
//          32  8  incarnation
//          40  8  highest term that the own engine told
//          48  8  highest term of a leader that was followed
//          56  8  highest epoch published
//          64 16  cluster id that was promised; zeros: none
//          80  8  bits: 1 the state was lost once, 2 has a fleet, 4 votes, 8 founder
//          88  8  XXH3-64 of the 88 bytes before it
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/engine/state_dir.hpp"

namespace ringfence::agent::engine {

inline constexpr std::size_t marker_bytes = 96;

[[nodiscard]] std::string encode_marker(const Marker& marker);
// Empty when a byte was changed, or bytes are missing or left over.
[[nodiscard]] std::optional<Marker> decode_marker(std::string_view bytes);

}  // namespace ringfence::agent::engine
