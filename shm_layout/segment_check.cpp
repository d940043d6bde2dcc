#include "shm_layout/segment_check.hpp"

#include <cstring>

#include "shm_layout/layout.hpp"

namespace ringfence::shm_layout {
namespace {

constexpr std::uint64_t part_alignment = 64;  // a cache line; every part of Segment starts on one

// One array or struct of the segment, as its identity claims it.
struct Part {
  std::uint64_t offset;
  std::uint64_t count;
  std::uint64_t entry_bytes;
};

bool has_nul(const char (&name)[name_bytes]) noexcept {
  return std::memchr(name, 0, name_bytes) != nullptr;
}

// Parts stand in one order and do not overlap. 64-bit arithmetic on 32-bit claims cannot wrap.
bool is_placed(const Part& part, std::uint64_t& free_offset, std::uint64_t segment_bytes) noexcept {
  if (part.offset % part_alignment != 0 || part.offset < free_offset) {
    return false;
  }
  free_offset = part.offset + part.count * part.entry_bytes;
  return free_offset <= segment_bytes;
}

bool are_parts_placed(const Identity& identity) noexcept {
  if (identity.intercept_bytes != sizeof(InterceptRecord) ||
      identity.backend_bytes != sizeof(BackendRecord) || identity.slot_count != slot_count ||
      identity.intercept_count > intercept_count_max ||
      identity.backend_count > backend_count_max) {
    return false;
  }
  const Part parts[] = {
      {identity.control_offset, 1, sizeof(Control)},
      {identity.intercept_offset, identity.intercept_count, sizeof(InterceptRecord)},
      {identity.backend_offset, identity.backend_count, sizeof(BackendRecord)},
      {identity.slot_offset, identity.slot_count, sizeof(std::uint64_t)},
  };
  std::uint64_t free_offset = sizeof(Identity);
  for (const Part& part : parts) {
    if (!is_placed(part, free_offset, identity.segment_bytes)) {
      return false;
    }
  }
  return true;
}

bool is_known_state(const std::byte* bytes, std::uint32_t control_offset) noexcept {
  const auto& control = *reinterpret_cast<const Control*>(bytes + control_offset);
  // Acquire: pairs with SegmentWriter::store_state.
  const std::uint32_t state = control.state.load(std::memory_order_acquire);
  return state >= static_cast<std::uint32_t>(SegmentState::open) &&
         state <= static_cast<std::uint32_t>(SegmentState::replaced);
}

bool is_known_version(const Identity& identity) noexcept {
  return identity.major >= layout_major && identity.oldest_reader <= layout_major;
}

}  // namespace

SegmentCheck check_segment(std::span<const std::byte> bytes, SegmentExtents& extents) noexcept {
  if (bytes.size() < sizeof(Identity)) {
    return SegmentCheck::too_short;
  }
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(std::uint64_t) != 0) {
    return SegmentCheck::damaged;
  }
  const auto& identity = *reinterpret_cast<const Identity*>(bytes.data());
  // Acquire: all of Identity was written before the release of this word.
  const bool is_ready = identity.ready.load(std::memory_order_acquire) == ready_word;
  if (identity.magic != segment_magic) {
    return identity.magic == 0 && !is_ready ? SegmentCheck::not_ready : SegmentCheck::not_a_segment;
  }
  if (!is_ready) {
    return SegmentCheck::not_ready;
  }
  if (!is_known_version(identity)) {
    return SegmentCheck::other_version;
  }
  if (identity.segment_bytes > bytes.size()) {
    return SegmentCheck::too_short;
  }
  if (!are_parts_placed(identity) || !has_nul(identity.cluster) || !has_nul(identity.instance) ||
      !has_nul(identity.pool) || !is_known_state(bytes.data(), identity.control_offset)) {
    return SegmentCheck::damaged;
  }
  extents =
      SegmentExtents{identity.control_offset, identity.intercept_offset, identity.intercept_count,
                     identity.backend_offset, identity.backend_count,    identity.slot_offset};
  return SegmentCheck::ok;
}

const char* describe(SegmentCheck check) noexcept {
  switch (check) {
    case SegmentCheck::ok:
      return "a whole segment";
    case SegmentCheck::too_short:
      return "too short: the file ends before the segment does";
    case SegmentCheck::not_a_segment:
      return "not a segment: it does not begin as one";
    case SegmentCheck::other_version:
      return "of a version of the layout that this program does not know";
    case SegmentCheck::not_ready:
      return "not ready: it is being made, or its maker died before it was whole";
    case SegmentCheck::damaged:
      return "damaged: a size, offset, count or state in it cannot be";
  }
  return "unknown";
}

}  // namespace ringfence::shm_layout
