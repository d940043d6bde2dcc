// Every byte of a segment made wrong in turn: readers and shmdump refuse or miss, and never read
// outside it (the address sanitizer's build sees that).
#include <gtest/gtest.h>

#include "tests/unit/segment_exercise.hpp"
#include "tests/unit/segment_small.hpp"

namespace ringfence::shm_layout {
namespace {

using testing::exercise_reader;
using testing::exercise_shmdump;
using testing::exercise_slot;
using testing::SmallSegment;

// The values that a byte takes instead of its own.
std::array<std::uint8_t, 4> wrong_values(std::uint8_t right) {
  return {0x00, 0xff, static_cast<std::uint8_t>(right ^ 0x01),
          static_cast<std::uint8_t>(right ^ 0x80)};
}

TEST(G5_SegmentCorruption, NothingWrongThenOk) {
  const SmallSegment segment;
  SegmentReader reader;
  ASSERT_EQ(reader.open(segment.bytes()), SegmentCheck::ok);
  EXPECT_TRUE(reader.backend(2).has_value());
  EXPECT_FALSE(reader.backend(3).has_value());
  EXPECT_TRUE(reader.intercept(1).has_value());
  EXPECT_NE(exercise_reader(reader), 0U);
}

TEST(G5_SegmentCorruption, EachByteBeforeTheSlotsWrongThenNoReadOutside) {
  SmallSegment segment;
  int refused_count = 0;
  for (std::size_t offset = 0; offset < SmallSegment::slot_offset; ++offset) {
    const std::uint8_t right = segment.at(offset);
    for (const std::uint8_t wrong : wrong_values(right)) {
      segment.at(offset) = wrong;
      SegmentReader reader;
      if (reader.open(segment.bytes()) == SegmentCheck::ok) {
        exercise_reader(reader);
      } else {
        ++refused_count;
        EXPECT_FALSE(reader.is_open());
      }
      if (wrong == 0xff || offset < sizeof(Identity)) {
        EXPECT_GT(exercise_shmdump(segment.bytes()), 0U);
      }
    }
    segment.at(offset) = right;
  }
  EXPECT_GT(refused_count, 100);
}

TEST(G5_SegmentCorruption, SegmentChangesAfterTheCheckThenNoReadOutside) {
  SmallSegment segment;
  SegmentReader reader;
  ASSERT_EQ(reader.open(segment.bytes()), SegmentCheck::ok);
  for (std::size_t offset = 0; offset < SmallSegment::slot_offset; ++offset) {
    segment.at(offset) = 0xff;  // and stays so: by the end all of it is wrong
    exercise_reader(reader);
  }
  EXPECT_EQ(reader.backend_count(), SmallSegment::backend_count);
  EXPECT_FALSE(reader.backend(0).has_value());
}

TEST(G5_SegmentCorruption, EachByteOfTheSlotsWrongThenNoReadOutside) {
  SmallSegment segment;
  SegmentReader reader;
  ASSERT_EQ(reader.open(segment.bytes()), SegmentCheck::ok);
  std::uint64_t sum = 0;
  for (std::size_t offset = SmallSegment::slot_offset; offset < SmallSegment::size; ++offset) {
    const auto slot = static_cast<std::uint32_t>((offset - SmallSegment::slot_offset) / 8);
    const std::uint8_t right = segment.at(offset);
    for (const std::uint8_t wrong : wrong_values(right)) {
      segment.at(offset) = wrong;
      sum += exercise_slot(reader, slot);
    }
    if (offset % 9973 == 0) {
      EXPECT_GT(exercise_shmdump(segment.bytes()), 0U);
    }
    segment.at(offset) = right;
  }
  EXPECT_NE(sum, 0U);
}

TEST(G5_SegmentCorruption, EachLengthThenNoReadOutside) {
  const SmallSegment segment;
  for (std::size_t size = 0; size < SmallSegment::size; size += size < 2000 ? 1 : 4099) {
    // A copy of exactly this size, so that a byte beyond it is another allocation's.
    const std::vector<std::byte> cut(segment.bytes().begin(), segment.bytes().begin() + size);
    SegmentExtents extents;
    EXPECT_EQ(check_segment(cut, extents), SegmentCheck::too_short) << size;
  }
}

TEST(G5_SegmentCorruption, MisalignedBytesThenDamaged) {
  const SmallSegment segment;
  std::vector<std::uint64_t> room(SmallSegment::size / 8 + 1);
  auto* bytes = reinterpret_cast<std::byte*>(room.data()) + 1;
  std::memcpy(bytes, segment.bytes().data(), SmallSegment::size);
  SegmentExtents extents;
  EXPECT_EQ(check_segment({bytes, SmallSegment::size}, extents), SegmentCheck::damaged);
}

}  // namespace
}  // namespace ringfence::shm_layout
