// A hint: what a shim tells the agent of its host when a backend refused it, hung, or ended a
// connection. The agent probes that backend at once; a hint never evicts by itself.
//
// One datagram to the unix socket beside the segment. The agent reads it as hostile input: of
// another size, magic or version it is dropped, and the index is bounded. Lost ones do no harm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

namespace ringfence::shm_layout {

struct Hint {
  char magic[8] = {'R', 'N', 'G', 'F', 'H', 'I', 'N', 'T'};
  std::uint16_t version = 1;
  std::uint16_t backend = 0;  // its index in the segment
  std::uint32_t reserved = 0;
};
static_assert(sizeof(Hint) == 16);
static_assert(offsetof(Hint, version) == 8);
static_assert(offsetof(Hint, backend) == 10);

// Where the agent of the segment at `segment_path` listens.
[[nodiscard]] inline std::string hint_path(const std::string& segment_path) {
  return segment_path + ".hints";
}

// The backend that a datagram names; nothing when it is no hint.
[[nodiscard]] inline std::optional<std::uint16_t> read_hint(const void* bytes, std::size_t size) {
  const Hint expected;
  Hint hint;
  if (size != sizeof(hint)) return std::nullopt;
  std::memcpy(&hint, bytes, sizeof(hint));
  const bool is_known = std::memcmp(hint.magic, expected.magic, sizeof(hint.magic)) == 0 &&
                        hint.version == expected.version;
  return is_known ? std::optional<std::uint16_t>(hint.backend) : std::nullopt;
}

}  // namespace ringfence::shm_layout
