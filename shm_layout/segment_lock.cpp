#include "shm_layout/segment_lock.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace ringfence::shm_layout {
namespace {

constexpr mode_t lock_mode = 0640;

// F_OFD_GETLK knows no pid, so the holder writes its own into the file.
std::string holder_pid(int fd) {
  std::array<char, 16> text{};
  const ssize_t count = pread(fd, text.data(), text.size() - 1, 0);
  std::string pid;
  for (ssize_t i = 0; i < count && text[i] >= '0' && text[i] <= '9'; ++i) {
    pid += text[i];
  }
  return pid.empty() ? "unknown" : pid;
}

Status write_pid(int fd, const std::string& path) {
  const std::string text = std::to_string(getpid()) + "\n";
  if (pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()) ||
      ftruncate(fd, static_cast<off_t>(text.size())) != 0) {
    return os_error("write " + path);
  }
  return Done{};
}

}  // namespace

Result<SegmentLock> SegmentLock::take(const std::string& segment_path) {
  const std::string path = segment_path + ".lock";
  SegmentLock lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, lock_mode));
  if (lock.fd_ < 0) {
    return os_error("open " + path);
  }
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  if (fcntl(lock.fd_, F_OFD_SETLK, &range) != 0) {
    if (errno != EAGAIN && errno != EACCES) {
      return os_error("lock " + path);
    }
    return Error{"segment " + segment_path + " is kept by another agent, pid " +
                     holder_pid(lock.fd_) + ": stop it, or give this one another instance name",
                 EAGAIN};
  }
  if (auto written = write_pid(lock.fd_, path); !written) {
    return written.error();
  }
  return lock;
}

SegmentLock::~SegmentLock() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

SegmentLock::SegmentLock(SegmentLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

SegmentLock& SegmentLock::operator=(SegmentLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

}  // namespace ringfence::shm_layout
