#include "shm_layout/mapped_segment.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "shm_layout/boot_id.hpp"
#include "shm_layout/mapped_fd.hpp"

namespace ringfence::shm_layout {
namespace {

namespace interprocess = boost::interprocess;

bool is_of_this_boot(const Identity& identity) noexcept {
  const auto boot_id = read_boot_id();
  return boot_id && std::memcmp(identity.boot_id, boot_id->data(), boot_id->size()) == 0;
}

}  // namespace

AttachVerdict MappedSegment::open(const char* path) noexcept {
  // Non-blocking: a FIFO at this path must not hold up the application.
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return errno == ENOENT || errno == ENOTDIR ? AttachVerdict::absent
                                               : AttachVerdict::system_error;
  }
  const AttachVerdict verdict = map(fd);
  const int map_errno = errno;
  close(fd);
  errno = map_errno;
  return verdict;
}

AttachVerdict MappedSegment::map(int fd) noexcept {
  struct stat status {};
  if (fstat(fd, &status) != 0) {
    return AttachVerdict::system_error;
  }
  if (!S_ISREG(status.st_mode)) {
    return AttachVerdict::not_a_segment;
  }
  if (static_cast<std::size_t>(status.st_size) < sizeof(Identity)) {
    return AttachVerdict::too_short;
  }
  const std::size_t bytes = std::min(static_cast<std::size_t>(status.st_size), segment_bytes_max);
  try {
    region_ = interprocess::mapped_region(MappableFd(fd), interprocess::read_only, 0, bytes);
  } catch (const interprocess::interprocess_exception& failure) {
    errno = failure.get_native_error();
    return AttachVerdict::system_error;
  }
  const AttachVerdict verdict =
      attach_verdict(reader_.open({static_cast<const std::byte*>(region_.get_address()), bytes}));
  if (verdict == AttachVerdict::ok && !is_of_this_boot(reader_.identity())) {
    reader_ = SegmentReader{};
    return AttachVerdict::other_boot;
  }
  device_ = status.st_dev;
  inode_ = status.st_ino;
  return verdict;
}

bool MappedSegment::is_at(const char* path) const noexcept {
  struct stat status {};
  return is_open() && stat(path, &status) == 0 && status.st_dev == device_ &&
         status.st_ino == inode_;
}

AttachVerdict attach_verdict(SegmentCheck check) noexcept {
  switch (check) {
    case SegmentCheck::ok:
      return AttachVerdict::ok;
    case SegmentCheck::too_short:
      return AttachVerdict::too_short;
    case SegmentCheck::not_a_segment:
      return AttachVerdict::not_a_segment;
    case SegmentCheck::other_version:
      return AttachVerdict::other_version;
    case SegmentCheck::not_ready:
      return AttachVerdict::not_ready;
    case SegmentCheck::damaged:
      break;
  }
  return AttachVerdict::damaged;
}

const char* describe(AttachVerdict verdict) noexcept {
  switch (verdict) {
    case AttachVerdict::ok:
      return describe(SegmentCheck::ok);
    case AttachVerdict::absent:
      return "absent: no agent has made it";
    case AttachVerdict::too_short:
      return describe(SegmentCheck::too_short);
    case AttachVerdict::not_a_segment:
      return describe(SegmentCheck::not_a_segment);
    case AttachVerdict::not_ready:
      return describe(SegmentCheck::not_ready);
    case AttachVerdict::other_version:
      return describe(SegmentCheck::other_version);
    case AttachVerdict::damaged:
      return describe(SegmentCheck::damaged);
    case AttachVerdict::other_boot:
      return "of an earlier boot or another machine: its deadlines mean nothing here";
    case AttachVerdict::system_error:
      return "not readable: a system call failed";
  }
  return "unknown";
}

}  // namespace ringfence::shm_layout
