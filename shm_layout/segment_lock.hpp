// The lock that keeps one writer to a segment: an open-file-description lock on `<segment>.lock`.
// It ends with its process, however that ends. The file is never removed: a removed lock file can
// be locked twice. It must be opened close-on-exec, and a process that holds it must not fork
// children that outlive it without exec.
#pragma once

#include <string>

#include "shm_layout/result.hpp"

namespace ringfence::shm_layout {

class SegmentLock {
 public:
  // Errors name the path, and the holder's pid where another process holds it.
  [[nodiscard]] static Result<SegmentLock> take(const std::string& segment_path);
  SegmentLock() = default;
  ~SegmentLock();  // unlocks
  SegmentLock(SegmentLock&& other) noexcept;
  SegmentLock& operator=(SegmentLock&& other) noexcept;
  SegmentLock(const SegmentLock&) = delete;
  SegmentLock& operator=(const SegmentLock&) = delete;

 private:
  explicit SegmentLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace ringfence::shm_layout
