// A segment's file mapped read-only and checked: how shims and the agent's port attach.
// Never writes, never follows an offset that the check did not bound. The agent never shortens a
// segment's file, so a checked mapping stays readable when the file is replaced or removed.
//
// Thread-safety: open() by one thread; afterwards the const functions by any number of threads.
#pragma once

#include <sys/types.h>

#include <boost/interprocess/mapped_region.hpp>
#include <cstdint>

#include "shm_layout/segment_reader.hpp"

namespace ringfence::shm_layout {

enum class AttachVerdict : std::uint8_t {
  ok,
  absent,         // no such file or directory
  too_short,      // the file ends before the segment does
  not_a_segment,  // another magic, or not a regular file
  not_ready,      // being made
  other_version,  // of a layout this reader does not know
  damaged,        // a size, offset, count or state that cannot be
  other_boot,     // of an earlier boot, or of another machine: its deadlines mean nothing here
  system_error,   // a call failed; errno tells
};

// A short lower-case sentence for people.
[[nodiscard]] const char* describe(AttachVerdict verdict) noexcept;

// What a check's verdict means for who attaches.
[[nodiscard]] AttachVerdict attach_verdict(SegmentCheck check) noexcept;

class MappedSegment {
 public:
  MappedSegment() = default;
  MappedSegment(MappedSegment&&) = delete;  // readers hold pointers into it

  // Cost: open, fstat, mmap, one read of the boot id. Usable only after `ok`; call once.
  [[nodiscard]] AttachVerdict open(const char* path) noexcept;
  [[nodiscard]] bool is_open() const noexcept { return reader_.is_open(); }
  [[nodiscard]] const SegmentReader& reader() const noexcept { return reader_; }

  // Whether `path` still names the file that is mapped. One stat.
  [[nodiscard]] bool is_at(const char* path) const noexcept;

 private:
  [[nodiscard]] AttachVerdict map(int fd) noexcept;

  boost::interprocess::mapped_region region_;
  SegmentReader reader_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace ringfence::shm_layout
