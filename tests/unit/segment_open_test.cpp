// How a writer comes by its segment: created, taken over, or replaced; and what it refuses.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "shm_layout/clock.hpp"
#include "shm_layout/segment_file.hpp"
#include "tests/unit/segment_support.hpp"

namespace ringfence::shm_layout {
namespace {

using testing::TempDirectory;
using testing::test_identity;
using testing::whole_backend;

class SegmentOpenTest : public ::testing::Test {
 protected:
  std::unique_ptr<SegmentWriter> open(const SegmentIdentity& identity = test_identity()) {
    auto opened = SegmentWriter::open(path_, identity);
    EXPECT_TRUE(opened.is_ok()) << opened.error().message;
    return opened ? std::move(opened).value() : nullptr;
  }
  // Writes raw bytes into the file that stands at path_.
  template <typename T>
  void poke(std::size_t offset, const T& value) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file.write(reinterpret_cast<const char*>(&value), sizeof(value));
    ASSERT_TRUE(file.good());
  }

  TempDirectory directory_;
  std::string path_ = directory_.file("sub/fleet-one.default");
};

TEST_F(SegmentOpenTest, NoFileThenCreatedReadableByGroup) {
  const auto writer = open();
  EXPECT_EQ(writer->opened_as(), OpenedAs::created);
  EXPECT_FALSE(writer->is_old_retired());
  struct stat status {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
  EXPECT_EQ(static_cast<std::size_t>(status.st_size), sizeof(Segment));
  ASSERT_EQ(stat(directory_.file("sub").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0755U);
}

TEST_F(SegmentOpenTest, AgentGoneThenNextOneContinuesTheSegment) {
  auto writer = open();
  writer->store_backend(0, whole_backend(1));
  writer->begin_publish();
  writer->store_slot(9, SlotWord(SlotState::served, 0, 4));
  writer->end_publish(31, 32);
  writer->fence_slot(9);
  writer->store_agent(1, 17, 1);
  writer.reset();

  writer = open();
  EXPECT_EQ(writer->opened_as(), OpenedAs::taken_over);
  const Control& control = writer->reader().control();
  EXPECT_EQ(control.epoch.load(), 31U);
  EXPECT_EQ(control.digest.load(), 32U);
  EXPECT_EQ(control.term.load(), 17U);
  EXPECT_EQ(control.takeover_count.load(), 1U);
  EXPECT_EQ(control.publish_interrupted_count.load(), 0U);
  EXPECT_EQ(writer->slot(9), SlotWord(SlotState::served, 0, 4).fenced());
}

TEST_F(SegmentOpenTest, ClosedThenNextOneContinuesTheSegment) {
  auto writer = open();
  writer->store_state(SegmentState::closed);
  writer.reset();
  EXPECT_EQ(open()->opened_as(), OpenedAs::taken_over);
}

TEST_F(SegmentOpenTest, AgentDiedWhilePublishingThenCountedAndMadeEven) {
  auto writer = open();
  writer->begin_publish();
  writer.reset();
  writer = open();
  const Control& control = writer->reader().control();
  EXPECT_EQ(control.publish_interrupted_count.load(), 1U);
  EXPECT_EQ(control.publish_sequence.load(), 2U);
}

TEST_F(SegmentOpenTest, AnotherAgentKeepsItThenErrorNamesItsPid) {
  const auto writer = open();
  const auto second = SegmentWriter::open(path_, test_identity());
  ASSERT_FALSE(second.is_ok());
  EXPECT_NE(second.error().message.find("pid " + std::to_string(getpid())), std::string::npos)
      << second.error().message;
  EXPECT_NE(second.error().message.find(path_), std::string::npos);
}

// What an old mapping must say once another file stands at its path.
void expect_retired(const Control& control) {
  EXPECT_EQ(control.deadline_coarse_ns.load(), 0);
  EXPECT_EQ(control.deadline_boottime_ns.load(), 0);
  EXPECT_EQ(control.state.load(), static_cast<std::uint32_t>(SegmentState::replaced));
}

class SegmentReplaceTest : public SegmentOpenTest {
 protected:
  SegmentReplaceTest() {
    auto writer = open();
    writer->store_deadline(boottime_ns() + 100 * ns_per_second);
    auto mapped = SegmentFile::map(path_);
    EXPECT_TRUE(mapped.is_ok());
    old_ = std::make_unique<SegmentFile>(std::move(mapped).value());
  }
  const Control& old_control() {
    return reinterpret_cast<const Segment*>(old_->bytes().data())->control;
  }
  void expect_replaced(const SegmentIdentity& identity = test_identity()) {
    const auto writer = open(identity);
    ASSERT_NE(writer, nullptr);
    EXPECT_EQ(writer->opened_as(), OpenedAs::replaced);
    EXPECT_TRUE(writer->is_old_retired());
    EXPECT_EQ(writer->reader().control().takeover_count.load(), 0U);
    EXPECT_FALSE(std::filesystem::exists(directory_.file("sub/.fleet-one.default.new")));
  }

  std::unique_ptr<SegmentFile> old_;
};

TEST_F(SegmentReplaceTest, OtherClusterIdThenReplacedAndOldRetired) {
  SegmentIdentity other = test_identity();
  other.cluster_id[0] ^= 1;
  expect_replaced(other);
  expect_retired(old_control());
}

TEST_F(SegmentReplaceTest, OtherNamesThenReplacedAndOldRetired) {
  for (auto name :
       {&SegmentIdentity::cluster, &SegmentIdentity::instance, &SegmentIdentity::pool}) {
    SegmentIdentity other = test_identity();
    other.*name += "x";
    expect_replaced(other);
  }
  expect_retired(old_control());
}

TEST_F(SegmentReplaceTest, OtherBootThenReplacedAndOldRetired) {
  poke(offsetof(Identity, boot_id), std::uint64_t{0});
  expect_replaced();
  expect_retired(old_control());
}

TEST_F(SegmentReplaceTest, OtherMajorThenReplacedAndOldDeadlinesEnded) {
  poke(offsetof(Identity, major), layout_major + 1);
  expect_replaced();
  EXPECT_EQ(old_control().deadline_coarse_ns.load(), 0);
  EXPECT_EQ(old_control().deadline_boottime_ns.load(), 0);
}

TEST_F(SegmentReplaceTest, SlotThatCannotBeThenReplacedAndOldRetired) {
  poke(offsetof(Segment, slots) + 8 * 100, SlotWord(SlotState::served, 2000, 1).raw());
  expect_replaced();
  expect_retired(old_control());
}

TEST_F(SegmentReplaceTest, DamagedOffsetThenReplacedAndOldRetired) {
  poke(offsetof(Identity, control_offset), std::uint32_t{0xffffffc0});
  expect_replaced();
  expect_retired(old_control());
}

TEST_F(SegmentReplaceTest, AlreadyReplacedThenReplacedAgain) {
  poke(offsetof(Segment, control) + offsetof(Control, state), SegmentState::replaced);
  expect_replaced();
}

TEST_F(SegmentOpenTest, FileThatIsNoSegmentThenReplaced) {
  std::filesystem::create_directories(directory_.file("sub"));
  std::ofstream(path_) << "hello";
  EXPECT_EQ(open()->opened_as(), OpenedAs::replaced);
  std::filesystem::remove(path_);
  std::ofstream(path_).close();
  EXPECT_EQ(open()->opened_as(), OpenedAs::replaced);
}

TEST_F(SegmentOpenTest, NameTooLongThenErrorSaysSo) {
  SegmentIdentity identity = test_identity();
  identity.pool = std::string(name_bytes, 'p');
  const auto opened = SegmentWriter::open(path_, identity);
  ASSERT_FALSE(opened.is_ok());
  EXPECT_EQ(opened.error().os_errno, ENAMETOOLONG);
}

TEST_F(SegmentOpenTest, DirectoryCannotBeMadeThenErrorNamesIt) {
  std::ofstream(directory_.file("sub")) << "a file";
  const auto opened = SegmentWriter::open(path_, test_identity());
  ASSERT_FALSE(opened.is_ok());
  EXPECT_NE(opened.error().message.find("sub"), std::string::npos) << opened.error().message;
}

}  // namespace
}  // namespace ringfence::shm_layout
