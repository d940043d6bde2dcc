// Fuzzes what reads a segment: the check, the reader and shmdump's printers. An input is a length
// and a list of edits of a small real segment, so that each starts from a good one and short inputs
// reach every part.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "tests/unit/segment_exercise.hpp"
#include "tests/unit/segment_small.hpp"

namespace {

using ringfence::shm_layout::SegmentCheck;
using ringfence::shm_layout::SegmentReader;
using ringfence::shm_layout::testing::SmallSegment;

constexpr std::size_t edit_bytes = 4;  // where (3), and what is XORed there (1)

// Half of the edits fall before the slots, where nearly all that can go wrong is.
std::size_t edit_offset(const std::uint8_t* edit) {
  const std::size_t number = edit[0] + edit[1] * std::size_t{256} + edit[2] * std::size_t{65536};
  return edit[2] < 0x80 ? number % SmallSegment::slot_offset : number % SmallSegment::size;
}

// The first two bytes cut the segment short when they are not 0.
std::vector<std::uint64_t> segment_with(const std::uint8_t* data, std::size_t size,
                                        std::size_t& segment_bytes) {
  static const SmallSegment whole;
  const std::size_t cut = size < 2 ? 0 : data[0] + data[1] * std::size_t{256};
  segment_bytes = cut == 0 ? SmallSegment::size : cut;
  std::vector<std::uint64_t> words((segment_bytes + 7) / 8);
  std::memcpy(words.data(), whole.bytes().data(), segment_bytes);
  auto* bytes = reinterpret_cast<std::uint8_t*>(words.data());
  for (std::size_t i = 2; i + edit_bytes <= size; i += edit_bytes) {
    const std::size_t offset = edit_offset(data + i);
    if (offset < segment_bytes) {
      bytes[offset] = static_cast<std::uint8_t>(bytes[offset] ^ data[i + 3]);
    }
  }
  return words;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::size_t segment_bytes = 0;
  const auto words = segment_with(data, size, segment_bytes);
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(words.data()),
                                         segment_bytes);
  SegmentReader reader;
  if (reader.open(bytes) == SegmentCheck::ok) {
    ringfence::shm_layout::testing::exercise_reader(reader);
  }
  ringfence::shm_layout::testing::exercise_shmdump(bytes);
  return 0;
}
