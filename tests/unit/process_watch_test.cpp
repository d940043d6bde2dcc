// Processes behind backends of this host, by the test's own.
#include "agent/backends/process_watch.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <ctime>
#include <fstream>
#include <iterator>

namespace ringfence::agent::backends {
namespace {

// As a memcached would say that is this process.
ServerStats stats_of_this_process() {
  std::ifstream file("/proc/self/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  timespec boot{};
  clock_gettime(CLOCK_BOOTTIME, &boot);
  ServerStats stats;
  stats.pid = static_cast<std::uint64_t>(getpid());
  stats.time_s = time(nullptr);
  stats.uptime_s = boot.tv_sec - start_ticks_of(text) / sysconf(_SC_CLK_TCK);
  stats.has_pid = stats.has_time = true;
  return stats;
}

TEST(ProcessWatch, StatOfAProcessThenItsStart) {
  EXPECT_EQ(start_ticks_of("7 (a b) c) S 1 7 7 0 -1 4 5 6 7 8 9 10 11 12 20 0 1 0 4711 99"), 4711);
}

TEST(ProcessWatch, NotAStatThenNoStart) {
  EXPECT_LT(start_ticks_of(""), 0);
  EXPECT_LT(start_ticks_of("7 (a) S 1 2"), 0);
  EXPECT_LT(start_ticks_of("7 (a) S 1 7 7 0 -1 4 5 6 7 8 9 10 11 12 20 0 1 0 x"), 0);
}

TEST(ProcessWatch, FollowsThisProcessThenItIsAlive) {
  ProcessWatch watch;
  watch.follow(stats_of_this_process());
  EXPECT_EQ(watch.look(), ProcessWatch::Seen::alive);
  watch.stop();
  EXPECT_EQ(watch.look(), ProcessWatch::Seen::nothing);
}

TEST(ProcessWatch, StartedAtAnotherTimeThenNotFollowed) {
  ServerStats stats = stats_of_this_process();
  stats.uptime_s += 60;
  ProcessWatch watch;
  watch.follow(stats);
  EXPECT_EQ(watch.look(), ProcessWatch::Seen::nothing);
}

TEST(ProcessWatch, NoSuchProcessThenNotFollowed) {
  ServerStats stats = stats_of_this_process();
  stats.pid = UINT64_MAX;
  ProcessWatch watch;
  watch.follow(stats);
  EXPECT_EQ(watch.look(), ProcessWatch::Seen::nothing);
}

}  // namespace
}  // namespace ringfence::agent::backends
