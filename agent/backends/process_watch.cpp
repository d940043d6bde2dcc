#include "agent/backends/process_watch.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <ctime>
#include <string_view>

namespace ringfence::agent::backends {
namespace {

// memcached counts its uptime from up to 3 s before it started, in whole seconds.
constexpr std::int64_t start_tolerance_s = 5;

std::string read_small_file(int fd) {
  std::array<char, 1024> text;
  const ssize_t count = pread(fd, text.data(), text.size(), 0);
  return count <= 0 ? std::string() : std::string(text.data(), static_cast<std::size_t>(count));
}

std::string read_small_file(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::string text = read_small_file(fd);
  close(fd);
  return text;
}

// Wall-clock seconds, as memcached tells its own start.
std::int64_t started_at_s(std::int64_t start_ticks) {
  timespec wall{}, boot{};
  clock_gettime(CLOCK_REALTIME, &wall);
  clock_gettime(CLOCK_BOOTTIME, &boot);
  return wall.tv_sec - boot.tv_sec + start_ticks / sysconf(_SC_CLK_TCK);
}

// statm: size, resident, shared, ... in pages.
std::uint64_t resident_pages_of(std::string_view statm) {
  const std::size_t space = statm.find(' ');
  std::uint64_t pages = 0;
  if (space == std::string_view::npos) return pages;
  std::from_chars(statm.data() + space + 1, statm.data() + statm.size(), pages);
  return pages;
}

}  // namespace

// The name, in brackets, may hold spaces and brackets itself: the fields begin behind the last one.
std::int64_t start_ticks_of(const std::string& stat_text) {
  constexpr int start_field = 22;
  std::size_t place = stat_text.rfind(')');
  if (place == std::string::npos) return -1;
  for (int field = 2; field < start_field; ++field) {
    place = stat_text.find(' ', place + 1);
    if (place == std::string::npos) return -1;
  }
  std::int64_t ticks = -1;
  const char* const end = stat_text.data() + stat_text.size();
  const auto read = std::from_chars(stat_text.data() + place + 1, end, ticks);
  return read.ec == std::errc() ? ticks : -1;
}

void ProcessWatch::follow(const ServerStats& stats) {
  stop();
  if (!stats.has_pid || !stats.has_time || stats.pid == 0) return;
  const std::string directory = "/proc/" + std::to_string(stats.pid);
  // Opened first: the file stays that process's, whoever gets its number later.
  statm_fd_ = open((directory + "/statm").c_str(), O_RDONLY | O_CLOEXEC);
  if (statm_fd_ < 0) return;
  const std::int64_t ticks = start_ticks_of(read_small_file(directory + "/stat"));
  const std::int64_t difference_s = ticks < 0 ? 0 : started_at_s(ticks) - stats.started_s();
  const bool is_same = ticks >= 0 && std::llabs(difference_s) <= start_tolerance_s;
  if (!is_same || look() != Seen::alive) stop();
}

void ProcessWatch::stop() {
  if (statm_fd_ >= 0) close(statm_fd_);
  statm_fd_ = -1;
  resident_bytes_ = 0;
}

ProcessWatch::Seen ProcessWatch::look() {
  if (statm_fd_ < 0) return Seen::nothing;
  const std::uint64_t pages = resident_pages_of(read_small_file(statm_fd_));
  resident_bytes_ = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  if (pages > 0) return Seen::alive;
  stop();
  return Seen::gone;
}

}  // namespace ringfence::agent::backends
