#include "shm_layout/segment_reader.hpp"

#include <array>
#include <cstring>

namespace ringfence::shm_layout {
namespace {

// A rewrite takes the writer some 50 ns; this many tries outlast it, and a record whose writer died
// half-way is given up after about 10 µs.
constexpr int record_try_count_max = 64;

// Partner: store_record in segment_writer.cpp. Every word is loaded with acquire: a word of a later
// rewrite brings that rewrite's odd sequence with it, so the second look at the sequence differs.
template <typename Info, std::size_t WordCount>
bool copy_record(const Record<WordCount>& record, Info& info) noexcept {
  static_assert(sizeof(Info) == WordCount * sizeof(std::uint64_t));
  std::array<std::uint64_t, WordCount> words{};
  for (int attempt = 0; attempt < record_try_count_max; ++attempt) {
    const std::uint64_t before = record.sequence.load(std::memory_order_acquire);
    if (before == 0) {
      return false;
    }
    if (before % 2 != 0) {
      continue;
    }
    for (std::size_t i = 0; i < WordCount; ++i) {
      words[i] = record.words[i].load(std::memory_order_acquire);
    }
    // Relaxed: ordered behind the words by their acquires.
    if (record.sequence.load(std::memory_order_relaxed) == before) {
      std::memcpy(&info, words.data(), sizeof(info));
      return true;
    }
  }
  return false;
}

template <typename Info>
bool is_sound(const Info& info) noexcept {
  const bool is_known_family = info.family == AddressFamily::inet4 ||
                               info.family == AddressFamily::inet6 ||
                               info.family == AddressFamily::unix_path;
  return is_known_family && std::memchr(info.text, 0, sizeof(info.text)) != nullptr;
}

template <typename T>
const T* part_at(std::span<const std::byte> bytes, std::uint32_t offset) noexcept {
  return reinterpret_cast<const T*>(bytes.data() + offset);
}

}  // namespace

SegmentCheck SegmentReader::open(std::span<const std::byte> bytes) noexcept {
  *this = SegmentReader{};
  SegmentExtents extents{};
  const SegmentCheck check = check_segment(bytes, extents);
  if (check != SegmentCheck::ok) {
    return check;
  }
  extents_ = extents;
  identity_ = part_at<Identity>(bytes, 0);
  control_ = part_at<Control>(bytes, extents.control_offset);
  intercepts_ = part_at<InterceptRecord>(bytes, extents.intercept_offset);
  backends_ = part_at<BackendRecord>(bytes, extents.backend_offset);
  slots_ = part_at<std::atomic<std::uint64_t>>(bytes, extents.slot_offset);
  return SegmentCheck::ok;
}

std::optional<BackendInfo> SegmentReader::backend(std::uint32_t index) const noexcept {
  BackendInfo info{};
  if (index >= extents_.backend_count || !copy_record(backends_[index], info) || !is_sound(info)) {
    return std::nullopt;
  }
  return info;
}

std::optional<InterceptInfo> SegmentReader::intercept(std::uint32_t index) const noexcept {
  InterceptInfo info{};
  if (index >= extents_.intercept_count || !copy_record(intercepts_[index], info) ||
      !is_sound(info)) {
    return std::nullopt;
  }
  return info;
}

std::uint64_t SegmentReader::backend_sequence(std::uint32_t index) const noexcept {
  return index < extents_.backend_count ? backends_[index].sequence.load(std::memory_order_acquire)
                                        : 0;
}

}  // namespace ringfence::shm_layout
