// Writers killed at any moment of publishing, hundreds of times, while a reader looks on through
// its own read-only mapping; each next writer continues the same segment.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <random>

#include "shm_layout/mapped_segment.hpp"
#include "tests/unit/segment_support.hpp"

namespace ringfence::shm_layout {
namespace {

using testing::is_whole;
using testing::TempDirectory;
using testing::test_identity;
using testing::whole_backend;

constexpr std::uint32_t backend_count = 4;
constexpr std::uint32_t used_slots = 2048;
constexpr int kill_count = 300;
constexpr std::chrono::seconds patience(20);  // for one child to start, on a very busy machine

void publish(SegmentWriter& writer, std::uint64_t epoch) {
  writer.begin_publish();
  for (std::uint32_t i = 0; i < backend_count; ++i) {
    writer.store_backend(i, whole_backend(epoch));
  }
  for (std::uint32_t i = 0; i < used_slots; ++i) {
    const auto backend = static_cast<std::uint16_t>((epoch + i) % backend_count);
    writer.store_slot(i, SlotWord(SlotState::served, backend, epoch));
  }
  writer.end_publish(epoch, epoch);
}

[[noreturn]] void publish_until_killed(const std::string& path) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const auto writer = SegmentWriter::open(path, test_identity());
  if (!writer || writer.value()->opened_as() != OpenedAs::taken_over) {
    _exit(1);
  }
  for (;;) {
    const Control& control = writer.value()->reader().control();
    publish(*writer.value(), control.epoch.load(std::memory_order_relaxed) + 1);
  }
}

class G5_SegmentKill : public ::testing::Test {
 protected:
  void SetUp() override {
    auto first = SegmentWriter::open(path_, test_identity());
    ASSERT_TRUE(first.is_ok());
    publish(*first.value(), 1);
    ASSERT_EQ(mapped_.open(path_.c_str()), AttachVerdict::ok);
  }
  [[nodiscard]] std::uint64_t takeover_count() const {
    return mapped_.reader().control().takeover_count.load(std::memory_order_acquire);
  }
  [[nodiscard]] bool is_publishing() const {
    return mapped_.reader().control().publish_sequence.load(std::memory_order_acquire) % 2 != 0;
  }
  // Every slot word is whole, its generation never falls, and the record it names is whole, or
  // being written.
  void check_view() {
    const SegmentReader& reader = mapped_.reader();
    for (std::uint32_t i = 0; i < used_slots; ++i) {
      const SlotWord word = reader.slot(i);
      ASSERT_EQ(word, SlotWord(SlotState::served, word.backend(), word.generation()));
      ASSERT_EQ(word.backend(), (word.generation() + i) % backend_count);
      ASSERT_GE(word.generation(), generations_[i]);
      generations_[i] = word.generation();
    }
    for (std::uint32_t i = 0; i < backend_count; ++i) {
      if (const auto backend = reader.backend(i)) {
        ASSERT_TRUE(is_whole(*backend));
        ++whole_count_;
      }
    }
  }
  // Returns once a child that took the segment over is inside a publication.
  void start_publisher(pid_t& child) {
    const std::uint64_t takeovers = takeover_count();
    child = fork();
    if (child == 0) {
      publish_until_killed(path_);
    }
    ASSERT_GT(child, 0);
    const auto give_up = std::chrono::steady_clock::now() + patience;
    while (takeover_count() == takeovers || !is_publishing()) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "the publisher did not start";
      ASSERT_EQ(waitpid(child, nullptr, WNOHANG), 0) << "the publisher ended by itself";
      sched_yield();
    }
  }

  TempDirectory directory_;
  std::string path_ = directory_.file("a.one");
  MappedSegment mapped_;
  std::vector<std::uint64_t> generations_ = std::vector<std::uint64_t>(used_slots);
  std::uint64_t whole_count_ = 0;
};

TEST_F(G5_SegmentKill, WriterKilledWhilePublishingThenReadersAndTheNextWriterGoOn) {
  std::mt19937 random(20240607);
  for (int round = 0; round < kill_count; ++round) {
    pid_t child = -1;
    ASSERT_NO_FATAL_FAILURE(start_publisher(child));
    for (std::uint32_t turns = random() % 8; turns > 0; --turns) {
      check_view();
    }
    for (std::uint32_t looks = random() % 4096; looks > 0; --looks) {
      static_cast<void>(is_publishing());
    }
    kill(child, SIGKILL);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
    ASSERT_NO_FATAL_FAILURE(check_view()) << "round " << round;
  }
  const auto last = SegmentWriter::open(path_, test_identity());
  ASSERT_TRUE(last.is_ok());
  EXPECT_EQ(last.value()->opened_as(), OpenedAs::taken_over);
  const Control& control = mapped_.reader().control();
  EXPECT_EQ(takeover_count(), kill_count + 1U);
  EXPECT_GT(control.publish_interrupted_count.load(), kill_count / 4U)
      << "too few kills landed inside publishing";
  RecordProperty("kills_inside_publishing",
                 std::to_string(control.publish_interrupted_count.load()));
  EXPECT_GT(whole_count_, 0U);
  publish(*last.value(), control.epoch.load() + 1);
  for (std::uint32_t i = 0; i < backend_count; ++i) {
    EXPECT_TRUE(mapped_.reader().backend(i).has_value());
  }
}

}  // namespace
}  // namespace ringfence::shm_layout
