// The floor of whatever waits for the disk.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

#include "bench/fleet/changes.hpp"
#include "tests/live/support/temp_dir.hpp"

namespace ringfence::bench {
namespace {

constexpr std::size_t block_bytes = 4096;
constexpr std::size_t file_blocks = 256;  // the log's files are made before they are written, too

void check(bool is_ok, const std::string& path) {
  if (!is_ok) throw std::runtime_error(path + ": " + std::strerror(errno));
}

}  // namespace

void measure_disk(std::size_t count, Figures& figures) {
  const live::TempDir dir;
  const std::string path = dir.file("floor");
  const int fd = open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  check(fd >= 0, path);
  const std::string block(block_bytes, 'x');
  check(posix_fallocate(fd, 0, file_blocks * block_bytes) == 0 && fsync(fd) == 0, path);
  for (std::size_t i = 0; i < count; ++i) {
    const auto offset = static_cast<off_t>((i % file_blocks) * block_bytes);
    const std::int64_t begin_ns = monotonic_ns();
    const bool is_written =
        pwrite(fd, block.data(), block_bytes, offset) == static_cast<ssize_t>(block_bytes) &&
        fdatasync(fd) == 0;
    check(is_written, path);
    figures.add_ms("disk_floor", monotonic_ns() - begin_ns);
  }
  close(fd);
}

}  // namespace ringfence::bench
