// The agent's half: it reads files that anybody may have made, and removes those of the dead.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <fstream>
#include <random>
#include <thread>

#include "tests/unit/shim_support.hpp"

namespace ringfence::agent::shims {
namespace {

using ringfence::testing::exit_code_of;
using ringfence::testing::ShimHost;
using ringfence::testing::ShimProcess;
using shim::counters::process_counters;
using shm_layout::ShimCountersFile;

// A file under a counters' name whose maker lives and holds the lock, with any content.
class HostileFile {
 public:
  HostileFile(const ShimHost& host, const std::string& name, const std::string& content)
      : path_(host.files.directory() + "/" + name) {
    fd_ = open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    struct flock range {};
    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    EXPECT_EQ(fcntl(fd_, F_OFD_SETLK, &range), 0);
    EXPECT_EQ(write(fd_, content.data(), content.size()), static_cast<ssize_t>(content.size()));
  }
  ~HostileFile() { close(fd_); }
  HostileFile(const HostileFile&) = delete;
  HostileFile& operator=(const HostileFile&) = delete;
  void cut(std::size_t bytes) const { EXPECT_EQ(ftruncate(fd_, static_cast<off_t>(bytes)), 0); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  int fd_ = -1;
};

// What a real process of this host would have written, as bytes to spoil.
std::string real_content(const ShimHost& host) {
  const ShimProcess process([&] {
    process_counters(host.segment()).add_request();
    process_counters(host.segment()).add_latency(0, 1);
  });
  const auto path = std::filesystem::directory_iterator(host.files.directory())->path();
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void expect_unreadable(const std::string& content) {
  const ShimHost host;
  const HostileFile file(host, "1-1.counters", content);
  const ShimListing listing = host.list();
  EXPECT_TRUE(listing.shims.empty());
  EXPECT_EQ(listing.unreadable_count, 1U);
  EXPECT_TRUE(std::filesystem::exists(file.path())) << "its maker lives";
}

TEST(ShimFiles, DirectoryMadeThenOpenToAllAndSticky) {
  const ShimHost host;
  struct stat status {};
  ASSERT_EQ(stat(host.files.directory().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 01777U);
  EXPECT_TRUE(host.files.make_directory()) << "a second agent finds it and is content";
}

TEST(ShimFiles, SomethingElseStandsWhereTheDirectoryShouldThenAnErrorThatNamesIt) {
  const shm_layout::testing::TempDirectory directory;
  std::ofstream(directory.file("shims")) << "x";
  const Status made = ShimFiles(directory.path()).make_directory();
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find(directory.file("shims")), std::string::npos);

  const shm_layout::testing::TempDirectory other;
  std::filesystem::create_directory_symlink("/tmp", other.file("shims"));
  EXPECT_FALSE(ShimFiles(other.path()).make_directory()) << "a link is not followed";
  EXPECT_TRUE(ShimFiles(other.path()).list({"test.default"}).shims.empty());
}

TEST(ShimFiles, NoDirectoryThenNobody) {
  const ShimListing listing = ShimFiles("/nowhere").list({"test.default"});
  EXPECT_TRUE(listing.shims.empty());
  EXPECT_EQ(ShimFiles("/nowhere").sweep(), 0U);
  EXPECT_FALSE(ShimFiles("/nowhere").make_directory());
}

TEST(ShimFiles, ShortLongForeignAndRandomFilesThenCountedAndNotShown) {
  std::string content;
  {
    const ShimHost host;
    content = real_content(host);
  }
  ASSERT_EQ(content.size(), sizeof(ShimCountersFile));
  expect_unreadable(content.substr(0, 10));
  expect_unreadable(content.substr(0, 4096));
  expect_unreadable(content.substr(0, content.size() - 1));
  expect_unreadable(content + "x");
  expect_unreadable("X" + content.substr(1));
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same bytes each time
  std::string noise(sizeof(ShimCountersFile), '\0');
  for (char& c : noise) c = static_cast<char>(random());
  expect_unreadable(noise);
  expect_unreadable("");
}

TEST(ShimFiles, HeadOfTheRightKindAndTheRestRandomThenShownWithinBounds) {
  const ShimHost host;
  std::string content = real_content(host);
  std::mt19937 random(2);  // NOLINT(cert-msc51-cpp)
  for (std::size_t i = sizeof(shm_layout::ShimIdentity); i < content.size(); ++i) {
    content[i] = static_cast<char>(random());
  }
  std::memset(content.data() + offsetof(shm_layout::ShimIdentity, backend_pages), 0xff, 8);
  const HostileFile file(host, "1-1.counters", content);
  const ShimListing listing = host.list();
  ASSERT_EQ(listing.shims.size(), 1U);
  EXPECT_EQ(listing.shims[0].backends.size(), shm_layout::backend_count_max);
  for (const auto count : listing.shims[0].head.counts) {
    EXPECT_LE(count, shm_layout::shim_count_max);
  }
}

TEST(ShimFiles, OtherVersionThenItIsSaidAndNotRead) {
  const ShimHost host;
  std::string content = real_content(host);
  content[offsetof(shm_layout::ShimIdentity, major)] = 9;
  const HostileFile file(host, "1-1.counters", content + "more");
  EXPECT_EQ(host.list().other_version_count, 1U);
}

TEST(ShimFiles, FifoLinkDirectoryAndSecondNameThenNobodyWaitsOrFollows) {
  const ShimHost host;
  const std::string directory = host.files.directory();
  ASSERT_EQ(mkfifo((directory + "/1-1.counters").c_str(), 0644), 0);
  std::filesystem::create_symlink("/etc/passwd", directory + "/2-2.counters");
  std::filesystem::create_directory(directory + "/3-3.counters");
  const HostileFile twice(host, "4-4.counters", real_content(host));
  std::filesystem::create_hard_link(twice.path(), directory + "/5-5.counters");
  const ShimListing listing = host.list();
  EXPECT_TRUE(listing.shims.empty());
  EXPECT_EQ(listing.unreadable_count, 5U);
  EXPECT_EQ(host.files.sweep(), 0U);
  EXPECT_TRUE(std::filesystem::exists("/etc/passwd"));
}

TEST(ShimFiles, OtherNamesInTheDirectoryThenLeftAlone) {
  const ShimHost host;
  std::ofstream(host.files.directory() + "/notes.txt") << "x";
  std::ofstream(host.files.directory() + "/x.counters") << "x";
  EXPECT_EQ(host.list().unreadable_count, 0U);
  EXPECT_EQ(host.files.sweep(), 0U);
  EXPECT_EQ(host.file_count(), 2U);
}

TEST(ShimFiles, CutShortWhileReadThenNoCrashAndTheAnswerIsOneOfTwo) {
  const ShimHost host;
  const std::string content = real_content(host);
  const HostileFile file(host, "1-1.counters", content);
  std::atomic<bool> is_over{false};
  std::thread cutter([&] {
    while (!is_over.load(std::memory_order_relaxed)) {  // no data rides on it
      file.cut(4096);
      file.cut(content.size());
    }
  });
  for (int round = 0; round < 2000; ++round) {
    const ShimListing listing = host.list();
    EXPECT_EQ(listing.shims.size() + listing.unreadable_count, 1U);
  }
  is_over.store(true, std::memory_order_relaxed);
  cutter.join();
}

TEST(ShimFiles, MoreProcessesThanAreShownThenTheRestIsCounted) {
  const ShimHost host;
  const std::string content = real_content(host).substr(0, 8192);
  std::vector<std::unique_ptr<HostileFile>> files;
  for (std::size_t i = 0; i < shown_max + 3; ++i) {
    files.push_back(
        std::make_unique<HostileFile>(host, "1-" + std::to_string(i) + ".counters", content));
    files.back()->cut(sizeof(ShimCountersFile));
  }
  const ShimListing listing = host.list();
  EXPECT_EQ(listing.shims.size(), shown_max);
  EXPECT_EQ(listing.left_out_count, 3U);
  EXPECT_FALSE(listing.is_cut);
}

TEST(ShimFiles, ThousandsOfFilesThenOnePassIsBoundedAndSaysSo) {
  const ShimHost host;
  for (std::size_t i = 0; i < looked_at_max + 100; ++i) {
    std::ofstream(host.files.directory() + "/n" + std::to_string(i)) << "";
  }
  EXPECT_TRUE(host.list().is_cut);
}

TEST(ShimFiles, ThousandsOfDeadFilesThenPassesRemoveThemAll) {
  const ShimHost host;
  for (std::size_t i = 0; i < looked_at_max + 100; ++i) {
    std::ofstream(host.files.directory() + "/1-" + std::to_string(i) + ".counters") << "";
  }
  std::size_t removed = 0;
  for (int pass = 0; pass < 4; ++pass) removed += host.files.sweep();
  EXPECT_EQ(removed, looked_at_max + 100);
  EXPECT_EQ(host.file_count(), 0U);
}

TEST(ShimFiles, ProcessKilledThenTheNextLookRemovesItsFile) {
  const ShimHost host;
  ShimProcess process([&] { process_counters(host.segment()).add_request(); });
  EXPECT_EQ(host.files.sweep(), 0U) << "it lives";
  EXPECT_EQ(host.list().shims.size(), 1U);
  process.kill();
  EXPECT_TRUE(host.list().shims.empty());
  EXPECT_EQ(host.file_count(), 0U);
}

TEST(ShimFiles, ProcessOfAnotherAgentsPoolThenNotShownAndNotRemovedWhileItLives) {
  const ShimHost host;
  const ShimProcess process([&] { process_counters(host.segment("theirs")).add_request(); });
  const ShimListing listing = host.list("ours");
  EXPECT_TRUE(listing.shims.empty());
  EXPECT_EQ(listing.left_out_count + listing.unreadable_count, 0U);
  EXPECT_EQ(host.file_count(), 1U);
  EXPECT_EQ(host.list("theirs").shims.size(), 1U);
}

// The look falls between the making of a file and its lock as often as chance allows: whatever it
// removes then, the process makes another.
TEST(ShimFiles, LookedAtWhileFilesAreMadeThenEveryProcessIsShownInTheEnd) {
  const ShimHost host;
  const ShimProcess looker([&] {
    std::thread([&] {
      for (;;) host.files.sweep();
    }).detach();
  });
  for (int round = 0; round < 100; ++round) {
    const int code = exit_code_of([&] {
      process_counters(host.segment()).add_request();
      const ShimListing listing = host.list();
      const bool has_file = process_counters(host.segment()).has_file();
      return listing.shims.size() == 1 || !has_file ? 0 : 1;
    });
    EXPECT_EQ(code, 0);
  }
}

}  // namespace
}  // namespace ringfence::agent::shims
