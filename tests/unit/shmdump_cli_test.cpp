// shmdump's command line: which segment is meant, exit codes, and where output goes.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "shm_layout/clock.hpp"
#include "tests/unit/segment_support.hpp"
#include "tools/shmdump/cli.hpp"

namespace ringfence::shmdump {
namespace {

using shm_layout::SegmentWriter;
using shm_layout::testing::TempDirectory;
using shm_layout::testing::test_identity;

class ShmdumpCliTest : public ::testing::Test {
 protected:
  int run_with(std::vector<const char*> arguments) {
    out_.str("");
    err_.str("");
    arguments.insert(arguments.begin(), "shmdump");
    return run(static_cast<int>(arguments.size()), arguments.data(),
               Surroundings{out_, err_, is_terminal_, directory_.path(), environment_,
                            [this] { return --turns_ > 0; }});
  }
  // A fresh segment of this name.
  std::unique_ptr<SegmentWriter> make(const std::string& name) {
    auto opened = SegmentWriter::open(directory_.file(name), test_identity());
    EXPECT_TRUE(opened.is_ok());
    opened.value()->store_deadline(shm_layout::boottime_ns() + 60 * shm_layout::ns_per_second);
    opened.value()->beat();
    return std::move(opened).value();
  }
  std::string copy_with(std::size_t offset, const std::string& bytes) {
    const std::string copy = directory_.file(".copy");
    std::filesystem::copy_file(directory_.file("a.one"), copy,
                               std::filesystem::copy_options::overwrite_existing);
    std::fstream file(copy, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file << bytes;
    return copy;
  }

  TempDirectory directory_;
  std::ostringstream out_, err_;
  bool is_terminal_ = false;
  std::string environment_;
  int turns_ = 1;
};

TEST_F(ShmdumpCliTest, OneSegmentOnTheHostThenShownAndFresh) {
  const auto writer = make("a.one");
  EXPECT_EQ(run_with({}), 0) << err_.str();
  EXPECT_NE(out_.str().find("a.one"), std::string::npos);
  EXPECT_EQ(err_.str(), "");
}

TEST_F(ShmdumpCliTest, ClosedThenOneAndTheWord) {
  make("a.one")->store_state(shm_layout::SegmentState::closed);
  EXPECT_EQ(run_with({}), 1);
  EXPECT_NE(out_.str().find("closed"), std::string::npos);
}

TEST_F(ShmdumpCliTest, NoneOrMissingThenTwo) {
  EXPECT_EQ(run_with({}), 2);
  EXPECT_NE(err_.str().find("is ringfenced running?"), std::string::npos);
  EXPECT_EQ(run_with({"a.none"}), 2);
  EXPECT_NE(err_.str().find("No such file"), std::string::npos);
}

TEST_F(ShmdumpCliTest, OtherVersionThenThree) {
  make("a.one");
  EXPECT_EQ(run_with({copy_with(8, std::string("\0\0\0\0", 4)).c_str()}), 3);
}

TEST_F(ShmdumpCliTest, DamagedShortOrIrregularThenFour) {
  make("a.one");
  EXPECT_EQ(run_with({copy_with(32, "\xff").c_str()}), 4);
  const std::string cut = copy_with(0, "");
  std::filesystem::resize_file(cut, 1000);
  EXPECT_EQ(run_with({cut.c_str()}), 4);
  EXPECT_EQ(run_with({directory_.path().c_str()}), 4);
  const std::string fifo = directory_.file(".fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(run_with({fifo.c_str()}), 4);
}

TEST_F(ShmdumpCliTest, SeveralSegmentsThenListedAndSixtyFour) {
  const auto one = make("a.one");
  const auto two = make("b.two");
  EXPECT_EQ(run_with({}), 64);
  EXPECT_EQ(out_.str(), directory_.file("a.one") + "\n" + directory_.file("b.two") + "\n");
  EXPECT_EQ(run_with({"b.two"}), 0);
  environment_ = directory_.file("a.one");
  EXPECT_EQ(run_with({}), 0);
  EXPECT_NE(out_.str().find("a.one"), std::string::npos);
}

TEST_F(ShmdumpCliTest, WrongCommandLineThenSixtyFour) {
  const auto writer = make("a.one");
  EXPECT_EQ(run_with({"--colour"}), 64);
  EXPECT_EQ(run_with({"a", "b"}), 64);
  EXPECT_EQ(run_with({"--key", ""}), 64);
  EXPECT_EQ(run_with({"--key", std::string(251, 'k').c_str()}), 64);
  EXPECT_EQ(run_with({"--help"}), 0);
}

TEST_F(ShmdumpCliTest, KeysThenEachIsShown) {
  const auto writer = make("a.one");
  EXPECT_EQ(run_with({"--key", "foo", "a.one", "--key", "bar"}), 0);
  EXPECT_NE(out_.str().find("foo"), std::string::npos);
  EXPECT_NE(out_.str().find("bar"), std::string::npos);
}

TEST_F(ShmdumpCliTest, JsonOfAnAbsentOneThenStillJson) {
  EXPECT_EQ(run_with({"a.none", "--json"}), 2);
  EXPECT_NE(out_.str().find("\"is\": \"absent\""), std::string::npos);
}

TEST_F(ShmdumpCliTest, WatchedWithoutATerminalThenALineEachTurn) {
  const auto writer = make("a.one");
  turns_ = 3;
  EXPECT_EQ(run_with({"--watch"}), 0);
  const std::string text = out_.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST_F(ShmdumpCliTest, WatchedOnATerminalThenRedrawn) {
  const auto writer = make("a.one");
  is_terminal_ = true;
  turns_ = 2;
  EXPECT_EQ(run_with({"--watch"}), 0);
  const std::string text = out_.str();
  const std::string clear = "\x1b[H\x1b[J";
  EXPECT_EQ(text.find(clear), 0U);
  EXPECT_NE(text.rfind(clear), 0U);
}

}  // namespace
}  // namespace ringfence::shmdump
