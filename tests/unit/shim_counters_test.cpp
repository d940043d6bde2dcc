// A process's own half: what it counts, where that lives, and what becomes of it over forks, ends
// and places where no file can be made.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cstdlib>
#include <optional>
#include <thread>

#include "tests/unit/shim_support.hpp"

namespace ringfence::shim::counters {
namespace {

using ringfence::testing::exit_code_of;
using ringfence::testing::files_in;
using ringfence::testing::ShimHost;
using ringfence::testing::ShimProcess;
using shm_layout::ShimCount;

constexpr int exit_skipped = 77;

void count_some(ShimCounters& counters, int times) {
  for (int i = 0; i < times; ++i) counters.add_request();
}

TEST(ShimCounters, EachKindCountedThenTheAgentReadsEach) {
  const ShimHost host;
  const ShimProcess process([&] {
    ShimCounters& counters = process_counters(host.segment());
    count_some(counters, 10);
    for (int i = 0; i < 6; ++i) counters.add_hit();
    for (int i = 0; i < 4; ++i) counters.add_miss();
    counters.add_refused_by_lease();
    for (int i = 0; i < 2; ++i) counters.add_refused_by_fence();
    for (int i = 0; i < 3; ++i) counters.add_redone();
    for (int i = 0; i < 5; ++i) counters.add_timed_out();
    for (int i = 0; i < 7; ++i) counters.add_overflow();
    counters.add_backend_error(0);
    counters.add_backend_error(1023);
    counters.add_latency(17, 20'000);
    counters.add_latency(17, 40'000);
    counters.add_backend_error(1024);
    counters.add_latency(65535, 1);
  });
  const auto listing = host.list();
  ASSERT_EQ(listing.shims.size(), 1U);
  const auto& shim = listing.shims.front();
  EXPECT_EQ(shim.head.pid, static_cast<std::uint32_t>(process.pid()));
  EXPECT_EQ(shim.uid, getuid());
  EXPECT_EQ(shim.head.process, program_invocation_short_name);
  EXPECT_EQ(shim.head.counts, (std::array<std::uint64_t, 8>{10, 6, 4, 1, 2, 3, 5, 7}));
  ASSERT_EQ(shim.backends.size(), 3U);
  EXPECT_EQ(shim.backends[0].errors, 1U);
  EXPECT_EQ(shim.backends[1].index, 17U);
  EXPECT_EQ(shim.backends[1].latency[shm_layout::latency_bucket_of(20'000)], 1U);
  EXPECT_EQ(shim.backends[1].latency[shm_layout::latency_bucket_of(40'000)], 1U);
  EXPECT_EQ(shim.backends[2].index, 1023U);
}

TEST(ShimCounters, FileOfAProcessThenReadableByAllSparseAndNamedOnce) {
  const ShimHost host;
  const mode_t earlier = umask(0077);
  const ShimProcess process([&] {
    ShimCounters& counters = process_counters(host.segment());
    if (&counters != &process_counters(host.segment())) _exit(1);
    count_some(counters, 1);
    counters.add_latency(3, 1);
  });
  umask(earlier);
  ASSERT_EQ(host.file_count(), 1U);
  struct stat status {};
  const auto path = std::filesystem::directory_iterator(host.files.directory())->path();
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0644U);
  EXPECT_EQ(static_cast<std::size_t>(status.st_size), sizeof(shm_layout::ShimCountersFile));
  EXPECT_EQ(status.st_blocks * 512, 2 * 4096) << "two pages: the process, and 16 backends";
}

TEST(ShimCounters, ThreadsCountAtOnceThenNothingIsLost) {
  constexpr std::uint64_t thread_count = 8;
  constexpr std::uint64_t times = 20'000;
  const ShimHost host;
  const int code = exit_code_of([&] {
    std::vector<std::thread> threads;
    threads.reserve(thread_count);
    for (std::uint64_t i = 0; i < thread_count; ++i) {
      threads.emplace_back([&] {
        ShimCounters& counters = process_counters(host.segment());
        for (std::uint64_t n = 0; n < times; ++n) {
          counters.add_request();
          counters.add_latency(2, static_cast<std::int64_t>(n));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    const auto listing = host.list();
    if (listing.shims.size() != 1) return 1;
    std::uint64_t answers = 0;
    for (const std::uint64_t count : listing.shims[0].backends.at(0).latency) answers += count;
    const bool are_all = listing.shims[0].head.count(ShimCount::requests) == thread_count * times;
    return are_all && answers == thread_count * times ? 0 : 2;
  });
  EXPECT_EQ(code, 0);
}

TEST(ShimCounters, TwoSegmentsThenAFileEach) {
  const ShimHost host;
  const ShimProcess process([&] {
    count_some(process_counters(host.segment("one")), 1);
    count_some(process_counters(host.segment("two")), 2);
  });
  ASSERT_EQ(host.list("one").shims.size(), 1U);
  ASSERT_EQ(host.list("two").shims.size(), 1U);
  EXPECT_EQ(host.list("two").shims[0].head.count(ShimCount::requests), 2U);
}

TEST(ShimCounters, MoreSegmentsThanAreKeptApartThenTheRestShareWhatNobodyIsShown) {
  const ShimHost host;
  const int code = exit_code_of([&] {
    for (std::size_t i = 0; i < counted_segments_max; ++i) {
      if (!process_counters(host.segment(std::to_string(i))).has_file()) return 1;
    }
    ShimCounters& beyond = process_counters(host.segment("beyond"));
    count_some(beyond, 3);
    const bool is_private = !beyond.has_file() && beyond.total(ShimCount::requests) == 3;
    return is_private && host.file_count() == counted_segments_max ? 0 : 2;
  });
  EXPECT_EQ(code, 0);
}

// A host for processes that run from their start to their exit handlers: a forked child would run
// those of libraries whose threads it has not got. EXPECT_EXIT starts the test's program again,
// which finds the first one's host by its environment.
class HostOfPrograms {
 public:
  HostOfPrograms() {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    if (std::getenv(variable) != nullptr) return;  // NOLINT(concurrency-mt-unsafe)
    host_.emplace();
    setenv(variable, host_->directory.path().c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  }
  ~HostOfPrograms() { unsetenv(variable); }  // NOLINT(concurrency-mt-unsafe)
  HostOfPrograms(const HostOfPrograms&) = delete;
  HostOfPrograms& operator=(const HostOfPrograms&) = delete;

  [[nodiscard]] std::string segment() const {
    return host_ ? host_->segment()
                 : std::string(std::getenv(variable)) +
                       "/test.default";  // NOLINT(concurrency-mt-unsafe)
  }
  [[nodiscard]] std::size_t file_count() const { return host_->file_count(); }

 private:
  static constexpr const char* variable = "RINGFENCE_TEST_HOST";
  std::optional<ShimHost> host_;
};

TEST(ShimCounters, ProcessEndsInGoodOrderThenItsFileIsGone) {
  const HostOfPrograms host;
  EXPECT_EXIT(
      {
        ShimCounters& counters = process_counters(host.segment());
        count_some(counters, 1);
        if (!counters.has_file()) _exit(1);
        std::exit(0);  // NOLINT(concurrency-mt-unsafe): the exit handlers are what is tested
      },
      ::testing::ExitedWithCode(0), "");
  EXPECT_EQ(host.file_count(), 0U);
}

// A program may go on counting while it ends.
TEST(ShimCounters, CountedAfterTheExitHandlerThenNothingHappensAndNoFileComesBack) {
  const HostOfPrograms host;
  EXPECT_EXIT(
      {
        // Registered first: runs last.
        static const std::string segment = host.segment();
        (void)std::atexit([] {
          ShimCounters& counters = process_counters(segment);
          counters.add_request();
          counters.add_latency(40, 7);
        });
        count_some(process_counters(segment), 1);
        std::exit(0);  // NOLINT(concurrency-mt-unsafe)
      },
      ::testing::ExitedWithCode(0), "");
  EXPECT_EQ(host.file_count(), 0U);
}

TEST(ShimCounters, ForkedThenTheChildCountsInItsOwnFileFromItsFirstRequestOn) {
  const ShimHost host;
  const int code = exit_code_of([&] {
    ShimCounters& counters = process_counters(host.segment());
    count_some(counters, 5);
    counters.add_latency(1, 1);
    const ShimProcess child([&] {
      after_fork_in_child();
      if (host.file_count() != 1) _exit(1);  // none before it counts
      count_some(counters, 2);
      counters.add_latency(1, 1);
    });
    count_some(counters, 1);
    const auto listing = host.list();
    if (!child.is_ready() || listing.shims.size() != 2) return 1;
    for (const auto& shim : listing.shims) {
      const bool is_child = shim.head.pid == static_cast<std::uint32_t>(child.pid());
      if (shim.head.count(ShimCount::requests) != (is_child ? 2U : 6U)) return 2;
      if (shim.backends.at(0).latency[0] != 1) return 3;
    }
    return 0;
  });
  EXPECT_EQ(code, 0);
}

TEST(ShimCounters, ParentKilledThenItsFileGoesThoughItsChildLives) {
  const ShimHost host;
  int pids[2] = {};
  ASSERT_EQ(pipe(pids), 0);
  ShimProcess parent([&] {
    count_some(process_counters(host.segment()), 1);
    const pid_t child = fork();
    if (child == 0) {
      after_fork_in_child();
      const pid_t own = getpid();
      (void)!write(pids[1], &own, sizeof(own));
      for (;;) pause();
    }
  });
  pid_t child = 0;
  ASSERT_EQ(read(pids[0], &child, sizeof(child)), static_cast<ssize_t>(sizeof(child)));
  parent.kill();
  EXPECT_EQ(host.files.sweep(), 1U);
  EXPECT_EQ(host.file_count(), 0U);
  kill(child, SIGKILL);
  close(pids[0]);
  close(pids[1]);
}

TEST(ShimCounters, DescriptorClosedByTheProgramAndReusedThenTheOtherFileIsLeftAlone) {
  const ShimHost host;
  const int code = exit_code_of([&] {
    ShimCounters& counters = process_counters(host.segment());
    const std::string other = host.directory.file("other");
    int last = -1;
    for (int fd = 3; fd < 256; ++fd) close(fd);  // as daemons do
    for (int i = 0; i < 64; ++i) last = open(other.c_str(), O_RDWR | O_CREAT, 0600);
    count_some(counters, 1);
    counters.add_latency(100, 1);  // wants memory for another page
    after_fork_in_child();         // closes what it believes to be its own
    const bool is_open = fcntl(last, F_GETFD) == 0 && fcntl(3, F_GETFD) == 0;
    return is_open && std::filesystem::file_size(other) == 0 ? 0 : 1;
  });
  EXPECT_EQ(code, 0);
}

TEST(ShimCounters, NoDirectoryOrNoRightThenCountedInPrivateMemoryAndErrnoIsKept) {
  const shm_layout::testing::TempDirectory directory;
  const int code = exit_code_of([&] {
    const std::string paths[] = {
        directory.file("test.one"), "relative", "", "/", "/proc/self/test.two",
        std::string(5000, 'x')};
    for (const std::string& path : paths) {
      errno = 7;
      ShimCounters& counters = process_counters(path);
      const std::uint64_t earlier = counters.total(ShimCount::requests);
      counters.add_request();
      counters.add_latency(500, 1);
      counters.add_backend_error(500);
      if (counters.has_file() || errno != 7) return 1;
      if (counters.total(ShimCount::requests) != earlier + 1) return 2;
    }
    return 0;
  });
  EXPECT_EQ(code, 0);
  EXPECT_EQ(files_in(directory.path()), 0U);
}

TEST(ShimCounters, FilesMayNotBeLargeThenPrivateMemoryAndNoSignal) {
  const ShimHost host;
  const int code = exit_code_of([&] {
    const rlimit limit{4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    count_some(process_counters(host.segment()), 1);
    return process_counters(host.segment()).has_file() ? 1 : 0;
  });
  EXPECT_EQ(code, 0);
  EXPECT_EQ(host.file_count(), 0U);
}

TEST(ShimCounters, FullTmpfsThenWhatHasNoMemoryIsNotCountedAndNoSigbus) {
  const ShimHost host;
  const int code = exit_code_of([&] {
    // Six pages: the two directories take none of them.
    if (unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", host.files.directory().c_str(), "tmpfs", 0, "size=24k") != 0) {
      return exit_skipped;
    }
    ShimCounters& counters = process_counters(host.segment());
    for (std::uint16_t backend = 0; backend < 1024; ++backend) counters.add_latency(backend, 1);
    const auto listing = host.list();
    const std::size_t counted = listing.shims.empty() ? 0 : listing.shims[0].backends.size();
    umount2(host.files.directory().c_str(), MNT_DETACH);
    return counted == 5 * shm_layout::shim_backends_a_page ? 0 : 1;
  });
  if (code == exit_skipped) GTEST_SKIP() << "this user may not mount";
  EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace ringfence::shim::counters
