// No room for a segment: an error that says so, nothing left behind, and the old one stays alive.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "shm_layout/clock.hpp"
#include "shm_layout/mapped_segment.hpp"
#include "tests/unit/segment_support.hpp"

namespace ringfence::shm_layout {
namespace {

using testing::TempDirectory;
using testing::test_identity;

constexpr int exit_skipped = 77;

// In a child, because limits and mounts would stay with the tests that follow.
int exit_code_of(const std::function<int()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    _exit(work());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(SegmentSpace, FileMayNotGrowThenErrorAndOldSegmentStays) {
  const TempDirectory directory;
  const std::string path = directory.file("a.one");
  {
    const auto writer = SegmentWriter::open(path, test_identity());
    ASSERT_TRUE(writer.is_ok());
    writer.value()->store_deadline(boottime_ns() + 100 * ns_per_second);
  }
  const int code = exit_code_of([&path] {
    const rlimit limit{4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    std::signal(SIGXFSZ, SIG_IGN);
    SegmentIdentity other = test_identity();
    other.cluster_id[0] ^= 1;
    const auto opened = SegmentWriter::open(path, other);
    return !opened && opened.error().os_errno == EFBIG ? 0 : 1;
  });
  EXPECT_EQ(code, 0);
  EXPECT_FALSE(std::filesystem::exists(directory.file(".a.one.new")));
  MappedSegment segment;
  ASSERT_EQ(segment.open(path.c_str()), AttachVerdict::ok);
  EXPECT_GT(segment.reader().control().deadline_boottime_ns.load(), boottime_ns());
}

TEST(SegmentSpace, FullTmpfsThenErrorSaysSoAndNoSigbus) {
  const TempDirectory directory;
  const int code = exit_code_of([&directory] {
    const int flags = geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER;
    if (unshare(flags) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", directory.path().c_str(), "tmpfs", 0, "size=128k,mode=755") != 0) {
      return exit_skipped;
    }
    const auto opened = SegmentWriter::open(directory.file("a.one"), test_identity());
    if (opened || opened.error().os_errno != ENOSPC) {
      return 1;
    }
    return opened.error().message.find("the file system is full") != std::string::npos ? 0 : 2;
  });
  if (code == exit_skipped) {
    GTEST_SKIP() << "this user may not mount a tmpfs";
  }
  EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace ringfence::shm_layout
