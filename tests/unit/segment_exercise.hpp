// Reads everything that a shim or shmdump could read from bytes that nobody vouches for. The
// corruption test and the fuzzer call it; a sanitizer tells when a read leaves the bytes.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "shm_layout/key_hash.hpp"
#include "shm_layout/segment_reader.hpp"
#include "tools/shmdump/print.hpp"
#include "tools/shmdump/snapshot.hpp"

namespace ringfence::shm_layout::testing {

// What a route and its backend's address read. Returns a value that depends on all of it, so that
// no read is optimised away.
inline std::uint64_t exercise_slot(const SegmentReader& reader, std::uint32_t slot) {
  const SlotWord word = reader.slot(slot);
  const auto backend = reader.backend(word.backend());
  return word.raw() + reader.backend_sequence(word.backend()) + (backend ? backend->port : 0);
}

inline std::uint64_t exercise_reader(const SegmentReader& reader) {
  std::uint64_t sum = reader.control().epoch.load() + reader.identity().cluster_id[0];
  for (const std::string_view key : {"", "key", "{a}b", "{", "12345678901234567890123456789012"}) {
    sum += exercise_slot(reader, slot_of(key, reader.pool()));
  }
  constexpr std::uint32_t beyond = 2;
  for (std::uint32_t i = 0; i < reader.backend_count() + beyond; ++i) {
    sum += reader.backend(i) ? 1 : 0;
  }
  for (std::uint32_t i = 0; i < reader.intercept_count() + beyond; ++i) {
    sum += reader.intercept(i) ? 1 : 0;
  }
  sum += exercise_slot(reader, UINT32_MAX) + (reader.backend(UINT32_MAX) ? 1 : 0);
  return sum + (reader.intercept(UINT32_MAX) ? 1 : 0);
}

inline std::size_t exercise_shmdump(std::span<const std::byte> bytes) {
  const shmdump::Moment now{1'000'000'000, 1'000'000'000, std::array<std::uint8_t, 16>{}};
  const shmdump::Snapshot snapshot = shmdump::take_snapshot(bytes, now, {"key", "{a}b"});
  return shmdump::text_of(snapshot, true).size() + shmdump::line_of(snapshot).size() +
         shmdump::json_of(snapshot, 2).size();
}

}  // namespace ringfence::shm_layout::testing
