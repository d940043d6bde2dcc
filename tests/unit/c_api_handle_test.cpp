// Finding, attaching and following a segment: what stands behind ringfence_attach and _refresh.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "shim/segment_handle.hpp"
#include "tests/unit/route_support.hpp"

namespace ringfence::shim {
namespace {

using shm_layout::SegmentState;
using testing::RoutedSegment;

class SegmentHandleTest : public ::testing::Test {
 protected:
  std::string path(const std::string& name = "fleet.default") { return directory_.file(name); }
  SegmentHandle found() { return SegmentHandle("", directory_.path()); }
  SegmentHandle named() { return SegmentHandle(path(), directory_.path()); }
  void write_file(const std::string& bytes) { std::ofstream(path()) << bytes; }

  shm_layout::testing::TempDirectory directory_;
};

TEST_F(SegmentHandleTest, OneSegmentThenFoundByTheDirectory) {
  const RoutedSegment segment(path());
  SegmentHandle handle = found();
  EXPECT_EQ(handle.refresh(), AttachStatus::attached);
  EXPECT_EQ(handle.current()->path, path());
}

TEST_F(SegmentHandleTest, NoneThenNoViewAndOneLaterThenAttached) {
  SegmentHandle handle = found();
  EXPECT_EQ(handle.refresh(), AttachStatus::no_view);
  EXPECT_EQ(handle.current(), nullptr);
  const RoutedSegment segment(path());
  EXPECT_EQ(handle.refresh(), AttachStatus::attached);
}

TEST_F(SegmentHandleTest, TwoSegmentsThenAmbiguousUnlessNamed) {
  const RoutedSegment first(path());
  const RoutedSegment second(path("fleet.other"));
  EXPECT_EQ(found().refresh(), AttachStatus::ambiguous);
  EXPECT_EQ(named().refresh(), AttachStatus::attached);
}

TEST_F(SegmentHandleTest, SecondSegmentAppearsLaterThenTheFirstStaysTheChoice) {
  const RoutedSegment first(path());
  SegmentHandle handle = found();
  ASSERT_EQ(handle.refresh(), AttachStatus::attached);
  const RoutedSegment second(path("fleet.other"));
  EXPECT_EQ(handle.refresh(), AttachStatus::attached);
  const RoutedSegment third(path("a.first"));
  EXPECT_EQ(handle.current()->path, path());
}

TEST_F(SegmentHandleTest, FileThatIsNoSegmentThenDamaged) {
  write_file("short");
  EXPECT_EQ(named().refresh(), AttachStatus::damaged);
  write_file(std::string(sizeof(shm_layout::Segment), 'x'));
  EXPECT_EQ(named().refresh(), AttachStatus::damaged);
}

TEST_F(SegmentHandleTest, LaterLayoutThenOtherVersion) {
  { const RoutedSegment segment(path()); }
  std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
  const std::uint32_t later[3] = {shm_layout::layout_major + 1, 0, shm_layout::layout_major + 1};
  file.seekp(offsetof(shm_layout::Identity, major));
  file.write(reinterpret_cast<const char*>(later), sizeof later);
  file.close();
  EXPECT_EQ(named().refresh(), AttachStatus::other_version);
}

TEST_F(SegmentHandleTest, PathThatCannotBeOpenedThenSystemErrorAndErrno) {
  const std::string endless(5000, 'p');
  SegmentHandle handle(endless, directory_.path());
  EXPECT_EQ(handle.refresh(), AttachStatus::system_error);
  EXPECT_EQ(errno, ENAMETOOLONG);
}

TEST_F(SegmentHandleTest, SegmentClosedThenNoViewAndOpenAgainThenAttached) {
  RoutedSegment segment(path());
  SegmentHandle handle = named();
  segment->store_state(SegmentState::closed);
  EXPECT_EQ(handle.refresh(), AttachStatus::no_view);
  EXPECT_NE(handle.current(), nullptr);
  segment->store_state(SegmentState::open);
  EXPECT_EQ(handle.refresh(), AttachStatus::attached);
  EXPECT_EQ(handle.current()->number, 1);
}

TEST_F(SegmentHandleTest, SegmentReplacedThenAttachedToTheNewFileUnderANewNumber) {
  { const RoutedSegment old(path(), 0xc1); }
  SegmentHandle handle = named();
  ASSERT_EQ(handle.refresh(), AttachStatus::attached);
  const Attachment* first = handle.current();

  const RoutedSegment other(path(), 0xc2);
  EXPECT_EQ(handle.refresh(), AttachStatus::attached);
  EXPECT_NE(handle.current(), first);
  EXPECT_EQ(handle.current()->number, 2);
  // The old mapping is still readable by whoever holds it.
  EXPECT_EQ(first->segment.reader().identity().cluster_id[0], 0xc1);
  EXPECT_EQ(handle.current()->segment.reader().identity().cluster_id[0], 0xc2);
}

TEST_F(SegmentHandleTest, FileRemovedUnderALivingAgentThenTheMappingStays) {
  const RoutedSegment segment(path());
  SegmentHandle handle = named();
  ASSERT_EQ(handle.refresh(), AttachStatus::attached);
  std::filesystem::remove(path());
  EXPECT_EQ(handle.refresh(), AttachStatus::attached);
  EXPECT_EQ(handle.current()->number, 1);
}

TEST_F(SegmentHandleTest, ThreadsReadWhileTheFileIsReplacedThenEveryoneSeesAWholeMapping) {
  auto segment = std::make_unique<RoutedSegment>(path(), 0);
  SegmentHandle handle = named();
  ASSERT_EQ(handle.refresh(), AttachStatus::attached);
  std::atomic<bool> is_over{false};
  std::atomic<int> wrong_count{0};
  const auto read = [&] {
    while (!is_over.load(std::memory_order_relaxed)) {
      const Attachment* current = handle.current();
      if (current->path != path() || current->number == 0) wrong_count.fetch_add(1);
      if (current->segment.reader().identity().magic != shm_layout::segment_magic) {
        wrong_count.fetch_add(1);
      }
      (void)handle.refresh();
    }
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) readers.emplace_back(read);
  for (int round = 1; round <= 20; ++round) {
    segment.reset();
    segment = std::make_unique<RoutedSegment>(path(), static_cast<std::uint8_t>(round));
  }
  is_over.store(true);
  for (std::thread& reader : readers) reader.join();
  (void)handle.refresh();
  EXPECT_EQ(wrong_count.load(), 0);
  EXPECT_EQ(handle.current()->segment.reader().identity().cluster_id[0], 20);
}

// A thread may be inside refresh() when another one forks; the child must not wait for it for ever.
TEST_F(SegmentHandleTest, ForkWhileAThreadRefreshesThenTheChildStillAttaches) {
  auto segment = std::make_unique<RoutedSegment>(path(), 0);
  SegmentHandle handle = named();
  ASSERT_EQ(handle.refresh(), AttachStatus::attached);
  std::atomic<bool> is_over{false};
  std::thread refresher([&] {
    while (!is_over.load(std::memory_order_relaxed)) (void)handle.refresh();
  });
  for (int round = 1; round <= 10; ++round) {
    const std::string elsewhere = path() + ".old";
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      // Another file at the path: only a refresh that works can notice.
      std::filesystem::rename(path(), elsewhere);
      std::filesystem::copy_file(elsewhere, path());
      const std::uint16_t before = handle.current()->number;
      (void)handle.refresh();
      _exit(handle.current()->number == before + 1 ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  is_over.store(true);
  refresher.join();
}

}  // namespace
}  // namespace ringfence::shim
