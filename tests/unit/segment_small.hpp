// The smallest real segment: three backends, two intercepts, all slots; in memory of exactly its
// size, so that a sanitizer sees the first byte read beyond it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "shm_layout/layout.hpp"

namespace ringfence::shm_layout::testing {

class SmallSegment {
 public:
  static constexpr std::uint32_t backend_count = 3, intercept_count = 2;
  static constexpr std::uint32_t control_offset = 320, intercept_offset = 448;
  static constexpr std::uint32_t backend_offset = 768, slot_offset = 1280;
  static constexpr std::size_t size = slot_offset + slot_count * sizeof(std::uint64_t);

  SmallSegment() : words_(size / sizeof(std::uint64_t)) {
    write_identity();
    put(control_offset + offsetof(Control, deadline_coarse_ns), INT64_MAX);
    put(control_offset + offsetof(Control, deadline_boottime_ns), std::int64_t{2'000'000'000});
    put(control_offset + offsetof(Control, heartbeat_boottime_ns), std::int64_t{999'000'000});
    put(control_offset + offsetof(Control, pool_word), PoolWord(true, '{', '}', 'A', 'b').raw());
    put(control_offset + offsetof(Control, epoch), std::uint64_t{5});
    put(control_offset + offsetof(Control, state), SegmentState::open);
    for (std::uint32_t i = 0; i < intercept_count; ++i) {
      InterceptInfo info{};
      info.family = AddressFamily::inet4;
      std::strcpy(info.text, "127.0.0.1:11210");
      put_record(intercept_offset + i * sizeof(InterceptRecord), info);
    }
    for (std::uint32_t i = 0; i < backend_count; ++i) {
      BackendInfo info{};
      info.family = AddressFamily::inet4;
      info.serving = 1;
      std::strcpy(info.text, "10.0.0.5:11211");
      put_record(backend_offset + i * sizeof(BackendRecord), info);
    }
    for (std::uint32_t i = 0; i < slot_count; ++i) {
      const auto backend = static_cast<std::uint16_t>(i % backend_count);
      put(slot_offset + i * sizeof(std::uint64_t), SlotWord(SlotState::served, backend, 3).raw());
    }
  }

  [[nodiscard]] std::span<const std::byte> bytes() const {
    return {reinterpret_cast<const std::byte*>(words_.data()), size};
  }
  [[nodiscard]] std::uint8_t& at(std::size_t offset) {
    return reinterpret_cast<std::uint8_t*>(words_.data())[offset];
  }

 private:
  template <typename T>
  void put(std::size_t offset, const T& value) {
    std::memcpy(&at(offset), &value, sizeof(value));
  }
  template <typename Info>
  void put_record(std::size_t offset, const Info& info) {
    put(offset, std::uint64_t{2});
    put(offset + sizeof(std::uint64_t), info);
  }
  void write_identity() {
    put(offsetof(Identity, magic), segment_magic);
    put(offsetof(Identity, major), layout_major);
    put(offsetof(Identity, oldest_reader), layout_oldest_reader);
    put(offsetof(Identity, ready), ready_word);
    put(offsetof(Identity, segment_bytes), std::uint64_t{size});
    put(offsetof(Identity, control_offset), control_offset);
    put(offsetof(Identity, intercept_offset), intercept_offset);
    put(offsetof(Identity, intercept_count), intercept_count);
    put(offsetof(Identity, intercept_bytes), std::uint32_t{sizeof(InterceptRecord)});
    put(offsetof(Identity, backend_offset), backend_offset);
    put(offsetof(Identity, backend_count), backend_count);
    put(offsetof(Identity, backend_bytes), std::uint32_t{sizeof(BackendRecord)});
    put(offsetof(Identity, slot_offset), slot_offset);
    put(offsetof(Identity, slot_count), slot_count);
    put(offsetof(Identity, cluster), "fleet");
    put(offsetof(Identity, pool), "default");
  }

  std::vector<std::uint64_t> words_;
};

}  // namespace ringfence::shm_layout::testing
