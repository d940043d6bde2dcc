// Attaching: each verdict, what a reader sees, and which segments a directory holds.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <vector>

#include "shm_layout/mapped_segment.hpp"
#include "shm_layout/segment_list.hpp"
#include "tests/unit/segment_support.hpp"

namespace ringfence::shm_layout {
namespace {

using testing::TempDirectory;
using testing::test_identity;

class MappedSegmentTest : public ::testing::Test {
 protected:
  MappedSegmentTest() {
    auto opened = SegmentWriter::open(path_, test_identity());
    EXPECT_TRUE(opened.is_ok());
    writer_ = std::move(opened).value();
  }
  template <typename T>
  AttachVerdict verdict_with(std::size_t offset, const T& value) {
    std::vector<char> bytes(sizeof(Segment));
    std::ifstream(path_, std::ios::binary).read(bytes.data(), sizeof(Segment));
    std::memcpy(bytes.data() + offset, &value, sizeof(value));
    return verdict_of(bytes);
  }
  AttachVerdict verdict_of(const std::vector<char>& bytes) {
    const std::string copy = directory_.file("copy");
    std::ofstream(copy, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    MappedSegment segment;
    const AttachVerdict verdict = segment.open(copy.c_str());
    EXPECT_EQ(segment.is_open(), verdict == AttachVerdict::ok);
    return verdict;
  }

  TempDirectory directory_;
  std::string path_ = directory_.file("fleet-one.default");
  std::unique_ptr<SegmentWriter> writer_;
};

TEST_F(MappedSegmentTest, LiveSegmentThenReaderSeesWhatTheWriterStores) {
  MappedSegment segment;
  ASSERT_EQ(segment.open(path_.c_str()), AttachVerdict::ok);
  writer_->store_slot(77, SlotWord(SlotState::served, 1, 2));
  EXPECT_EQ(segment.reader().slot(77), SlotWord(SlotState::served, 1, 2));
  EXPECT_TRUE(segment.is_at(path_.c_str()));
}

TEST_F(MappedSegmentTest, FileReplacedThenMappingStaysReadableAndIsNotAtThePath) {
  MappedSegment segment;
  ASSERT_EQ(segment.open(path_.c_str()), AttachVerdict::ok);
  writer_.reset();
  SegmentIdentity other = test_identity();
  other.cluster_id[0] ^= 1;
  ASSERT_TRUE(SegmentWriter::open(path_, other).is_ok());
  EXPECT_FALSE(segment.is_at(path_.c_str()));
  EXPECT_EQ(segment.reader().control().state.load(),
            static_cast<std::uint32_t>(SegmentState::replaced));
}

TEST_F(MappedSegmentTest, NoFileThenAbsent) {
  MappedSegment segment;
  EXPECT_EQ(segment.open(directory_.file("none").c_str()), AttachVerdict::absent);
  EXPECT_EQ(segment.open((path_ + "/below").c_str()), AttachVerdict::absent);
  EXPECT_FALSE(segment.is_at(path_.c_str()));
}

TEST_F(MappedSegmentTest, ShortFileThenTooShort) {
  EXPECT_EQ(verdict_of({}), AttachVerdict::too_short);
  EXPECT_EQ(verdict_of(std::vector<char>(sizeof(Identity) - 1)), AttachVerdict::too_short);
}

TEST_F(MappedSegmentTest, CutFileThenTooShort) {
  EXPECT_EQ(verdict_with(offsetof(Identity, segment_bytes), std::uint64_t{sizeof(Segment) + 1}),
            AttachVerdict::too_short);
}

TEST_F(MappedSegmentTest, OtherMagicThenNotASegment) {
  EXPECT_EQ(verdict_with(0, std::uint64_t{1}), AttachVerdict::not_a_segment);
}

TEST_F(MappedSegmentTest, DirectoryOrFifoThenNotASegment) {
  MappedSegment segment;
  EXPECT_EQ(segment.open(directory_.path().c_str()), AttachVerdict::not_a_segment);
  const std::string fifo = directory_.file("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(segment.open(fifo.c_str()), AttachVerdict::not_a_segment);
}

TEST_F(MappedSegmentTest, NoReadyWordThenNotReady) {
  EXPECT_EQ(verdict_with(offsetof(Identity, ready), std::uint32_t{0}), AttachVerdict::not_ready);
  EXPECT_EQ(verdict_of(std::vector<char>(sizeof(Segment))), AttachVerdict::not_ready);
}

TEST_F(MappedSegmentTest, MajorNotKnownThenOtherVersion) {
  EXPECT_EQ(verdict_with(offsetof(Identity, major), std::uint32_t{0}),
            AttachVerdict::other_version);
  const std::uint32_t newer[] = {layout_major + 1, layout_minor, layout_major + 1};
  EXPECT_EQ(verdict_with(offsetof(Identity, major), newer), AttachVerdict::other_version);
}

TEST_F(MappedSegmentTest, NewerMajorThatAcceptsThisReaderThenOk) {
  const std::uint32_t newer[] = {layout_major + 1, 0, layout_major};
  EXPECT_EQ(verdict_with(offsetof(Identity, major), newer), AttachVerdict::ok);
}

TEST_F(MappedSegmentTest, SizeOffsetCountOrStateThatCannotBeThenDamaged) {
  const std::uint32_t huge = 0xffffffc0;
  for (const std::size_t offset :
       {offsetof(Identity, control_offset), offsetof(Identity, intercept_offset),
        offsetof(Identity, intercept_count), offsetof(Identity, intercept_bytes),
        offsetof(Identity, backend_offset), offsetof(Identity, backend_count),
        offsetof(Identity, backend_bytes), offsetof(Identity, slot_offset),
        offsetof(Identity, slot_count), offsetof(Segment, control) + offsetof(Control, state)}) {
    EXPECT_EQ(verdict_with(offset, huge), AttachVerdict::damaged) << offset;
  }
  EXPECT_EQ(verdict_with(offsetof(Identity, control_offset), std::uint32_t{321}),
            AttachVerdict::damaged);
}

TEST_F(MappedSegmentTest, NameWithoutNulThenDamaged) {
  std::array<char, name_bytes> endless{};
  endless.fill('n');
  EXPECT_EQ(verdict_with(offsetof(Identity, pool), endless), AttachVerdict::damaged);
}

TEST_F(MappedSegmentTest, OtherBootThenOtherBoot) {
  EXPECT_EQ(verdict_with(offsetof(Identity, boot_id), std::uint64_t{1}), AttachVerdict::other_boot);
}

TEST_F(MappedSegmentTest, PathTooLongThenSystemErrorWithErrno) {
  MappedSegment segment;
  EXPECT_EQ(segment.open(std::string(10'000, 'x').c_str()), AttachVerdict::system_error);
  EXPECT_EQ(errno, ENAMETOOLONG);
}

TEST(AttachVerdictText, EachVerdictThenAText) {
  for (int verdict = 0; verdict <= static_cast<int>(AttachVerdict::system_error); ++verdict) {
    EXPECT_STRNE(describe(static_cast<AttachVerdict>(verdict)), "unknown") << verdict;
  }
}

TEST(SegmentList, LocksAndFilesBeingMadeThenLeftOut) {
  const TempDirectory directory;
  for (const char* name : {"b.two", "a.one", "a.one.lock", ".a.one.new"}) {
    std::ofstream(directory.file(name)).close();
  }
  std::filesystem::create_directory(directory.file("folder"));
  const auto listed = list_segments(directory.path());
  ASSERT_TRUE(listed.is_ok());
  EXPECT_EQ(listed.value(),
            (std::vector<std::string>{directory.file("a.one"), directory.file("b.two")}));
}

TEST(SegmentList, NoDirectoryThenEmpty) {
  const auto listed = list_segments("/nonexistent/ringfence");
  ASSERT_TRUE(listed.is_ok());
  EXPECT_TRUE(listed.value().empty());
}

TEST(SegmentList, NotADirectoryThenErrorNamesIt) {
  const auto listed = list_segments("/proc/self/status");
  ASSERT_FALSE(listed.is_ok());
  EXPECT_NE(listed.error().message.find("/proc/self/status"), std::string::npos);
}

}  // namespace
}  // namespace ringfence::shm_layout
