// One thread publishes, others read: records come whole, generations never fall, a view read
// between two equal even sequences is one epoch's. Reader and writer share one mapping, so that the
// thread sanitizer sees both.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/unit/segment_support.hpp"

namespace ringfence::shm_layout {
namespace {

using testing::is_whole;
using testing::TempDirectory;
using testing::test_identity;
using testing::whole_backend;

constexpr std::uint32_t backend_count = 4;
constexpr std::uint32_t used_slots = 64;
constexpr std::uint64_t publication_count = 4000;

std::uint64_t digest_of(std::uint64_t epoch) {
  return epoch * 0x9e3779b97f4a7c15;
}

void publish(SegmentWriter& writer, std::uint64_t epoch) {
  writer.begin_publish();
  for (std::uint32_t i = 0; i < backend_count; ++i) {
    writer.store_backend(i, whole_backend(epoch));
  }
  for (std::uint32_t i = 0; i < used_slots; ++i) {
    const auto backend = static_cast<std::uint16_t>((epoch + i) % backend_count);
    writer.store_slot(i, SlotWord(SlotState::served, backend, epoch));
  }
  writer.end_publish(epoch, digest_of(epoch));
}

struct Observed {
  std::uint64_t record_count = 0;
  std::uint64_t torn_count = 0;
  std::uint64_t older_than_slot_count = 0;
  std::uint64_t generation_fell_count = 0;
  std::uint64_t mixed_view_count = 0;
};

void check_slots(const SegmentReader& reader, std::vector<std::uint64_t>& generations,
                 Observed& observed) {
  for (std::uint32_t i = 0; i < used_slots; ++i) {
    const SlotWord word = reader.slot(i);
    observed.generation_fell_count += word.generation() < generations[i] ? 1 : 0;
    generations[i] = word.generation();
    const auto backend = reader.backend(word.backend());
    if (backend && word.state() == SlotState::served) {
      ++observed.record_count;
      observed.torn_count += is_whole(*backend) ? 0 : 1;
      observed.older_than_slot_count += backend->incarnation < word.generation() ? 1 : 0;
    }
  }
}

void check_view(const SegmentReader& reader, Observed& observed) {
  const Control& control = reader.control();
  const std::uint64_t before = control.publish_sequence.load(std::memory_order_acquire);
  const std::uint64_t epoch = control.epoch.load(std::memory_order_acquire);
  const std::uint64_t digest = control.digest.load(std::memory_order_acquire);
  bool is_mixed = digest != digest_of(epoch);
  for (std::uint32_t i = 0; i < used_slots; ++i) {
    is_mixed = is_mixed || reader.slot(i).generation() != epoch;
  }
  if (before % 2 == 0 && before == control.publish_sequence.load(std::memory_order_relaxed)) {
    observed.mixed_view_count += is_mixed ? 1 : 0;
  }
}

TEST(SegmentConcurrency, ReadersDuringPublishingThenNothingTornOrFalling) {
  const TempDirectory directory;
  auto opened = SegmentWriter::open(directory.file("a.one"), test_identity());
  ASSERT_TRUE(opened.is_ok());
  SegmentWriter& writer = *opened.value();
  publish(writer, 1);
  std::atomic<bool> is_done{false};
  std::array<Observed, 2> observed;
  std::vector<std::thread> readers;
  for (Observed& mine : observed) {
    readers.emplace_back([&writer, &is_done, &mine] {
      std::vector<std::uint64_t> generations(used_slots);
      do {
        check_slots(writer.reader(), generations, mine);
        check_view(writer.reader(), mine);
      } while (!is_done.load(std::memory_order_acquire));
    });
  }
  for (std::uint64_t epoch = 2; epoch < publication_count; ++epoch) {
    publish(writer, epoch);
  }
  is_done.store(true, std::memory_order_release);
  for (std::thread& reader : readers) {
    reader.join();
  }
  for (const Observed& mine : observed) {
    EXPECT_GT(mine.record_count, 0U);
    EXPECT_EQ(mine.torn_count, 0U);
    EXPECT_EQ(mine.older_than_slot_count, 0U);
    EXPECT_EQ(mine.generation_fell_count, 0U);
    EXPECT_EQ(mine.mixed_view_count, 0U);
  }
}

}  // namespace
}  // namespace ringfence::shm_layout
