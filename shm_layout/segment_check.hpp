// The check that bounds everything: run on the bytes of a segment before any of it is used.
// Pure; any thread; no allocation. Never reads outside `bytes`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ringfence::shm_layout {

enum class SegmentCheck : std::uint8_t {
  ok,
  too_short,      // fewer bytes than an identity, or than the identity claims
  not_a_segment,  // another magic
  other_version,  // a major this reader does not know, and no older reader is accepted
  not_ready,      // being made, or its maker died before the ready word
  damaged,        // a size, offset, count or state that cannot be
};

// Where the parts are, as checked. Readers keep this in their own memory, so that a segment that
// changes later cannot lead them outside.
struct SegmentExtents {
  std::uint32_t control_offset = 0;
  std::uint32_t intercept_offset = 0;
  std::uint32_t intercept_count = 0;
  std::uint32_t backend_offset = 0;
  std::uint32_t backend_count = 0;
  std::uint32_t slot_offset = 0;
};

// Acquires `ready`; pairs with the release in SegmentWriter::create.
[[nodiscard]] SegmentCheck check_segment(std::span<const std::byte> bytes,
                                         SegmentExtents& extents) noexcept;

// A short lower-case sentence for people, e.g. "damaged: a size or offset in it cannot be".
[[nodiscard]] const char* describe(SegmentCheck check) noexcept;

}  // namespace ringfence::shm_layout
