#include "tools/shmdump/source.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "shm_layout/boot_id.hpp"
#include "shm_layout/clock.hpp"
#include "shm_layout/layout.hpp"

namespace ringfence::shmdump {
namespace {

using shm_layout::Control;
using shm_layout::Segment;
using shm_layout::segment_bytes_max;

// A copy takes 0.1 ms and an agent publishes for less than 1 ms at a time.
constexpr int read_try_count_max = 16;

class OpenFile {
 public:
  explicit OpenFile(const std::string& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~OpenFile() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

// Reads at most segment_bytes_max; returns how many, or -1.
ssize_t read_all(int fd, std::vector<std::uint64_t>& words) {
  words.resize(segment_bytes_max / sizeof(std::uint64_t));
  auto* bytes = reinterpret_cast<char*>(words.data());
  std::size_t size = 0;
  while (size < segment_bytes_max) {
    const ssize_t count =
        pread(fd, bytes + size, segment_bytes_max - size, static_cast<off_t>(size));
    if (count < 0) {
      return -1;
    }
    if (count == 0) {
      break;
    }
    size += static_cast<std::size_t>(count);
  }
  return static_cast<ssize_t>(size);
}

// Leaves out the line of deadlines and heartbeat, which changes all the time and is whole word by
// word.
bool is_same_view(const std::vector<std::uint64_t>& left, const std::vector<std::uint64_t>& right,
                  std::size_t size) {
  constexpr std::size_t lease_begin = offsetof(Segment, control);
  constexpr std::size_t lease_end = lease_begin + offsetof(Control, epoch);
  const auto* a = reinterpret_cast<const char*>(left.data());
  const auto* b = reinterpret_cast<const char*>(right.data());
  return std::memcmp(a, b, std::min(size, lease_begin)) == 0 &&
         (size <= lease_end || std::memcmp(a + lease_end, b + lease_end, size - lease_end) == 0);
}

}  // namespace

Result<SegmentCopy> SegmentCopy::read(const std::string& path) {
  const OpenFile file(path);
  if (file.fd() < 0) {
    return os_error("open " + path);
  }
  struct stat status {};
  if (fstat(file.fd(), &status) != 0) {
    return os_error("stat " + path);
  }
  if (!S_ISREG(status.st_mode)) {
    return Error{path + " is not a regular file", EINVAL};
  }
  // Two copies in a row that agree were not written meanwhile.
  SegmentCopy copy;
  std::vector<std::uint64_t> before;
  ssize_t size_before = -1;
  for (int attempt = 0; attempt < read_try_count_max; ++attempt) {
    const ssize_t size = read_all(file.fd(), copy.words_);
    if (size < 0) {
      return os_error("read " + path);
    }
    copy.size_ = static_cast<std::size_t>(size);
    copy.is_steady_ = size == size_before && is_same_view(before, copy.words_, copy.size_);
    if (copy.is_steady_) {
      break;
    }
    before.swap(copy.words_);
    size_before = size;
  }
  if (!copy.is_steady_) {
    copy.words_.swap(before);
  }
  return copy;
}

std::string path_of(const std::string& named, const std::string& directory) {
  const bool is_path = named.find('/') != std::string::npos || access(named.c_str(), F_OK) == 0;
  return is_path ? named : directory + "/" + named;
}

Moment moment_now() {
  return Moment{shm_layout::boottime_ns(), shm_layout::read_clock_ns(CLOCK_REALTIME),
                shm_layout::read_boot_id()};
}

}  // namespace ringfence::shmdump
