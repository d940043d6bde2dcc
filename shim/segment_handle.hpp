// A process's hold on one pool's segment: finds it, maps it, and follows it when the agent replaces
// the file. What the C API stands on.
//
// Owns the mappings; never writes to a segment; never blocks another thread.
//
// Thread-safety: every const function and refresh() may run on any threads at once; the destructor
// runs last and alone. In a forked child the handle goes on working: nothing in it belongs to a
// thread that the child has lost.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "shm_layout/mapped_segment.hpp"

namespace ringfence::shim {

enum class AttachStatus : std::uint8_t {
  attached,       // mapped, and an agent keeps it
  no_view,        // nothing to attach to yet, or what is mapped was closed; refresh() may find more
  other_version,  // a layout that this library does not know
  damaged,        // not a whole segment
  ambiguous,      // several segments in the directory, and none was named
  system_error,   // a call failed; errno tells
};

// One mapping. Never changes once published.
struct Attachment {
  shm_layout::MappedSegment segment;
  std::string path;
  std::uint16_t number = 0;              // tells tickets of one mapping from another's; never 0
  const Attachment* previous = nullptr;  // kept for threads that still read it
};

class SegmentHandle {
 public:
  // `path` names the segment; empty: the only one in `directory`.
  SegmentHandle(std::string path, std::string directory);
  ~SegmentHandle();
  SegmentHandle(const SegmentHandle&) = delete;
  SegmentHandle& operator=(const SegmentHandle&) = delete;

  // Attaches if nothing is attached, or if the path now names another file; else one stat. Two
  // threads at once: one works, the other returns with what there is. May throw std::bad_alloc.
  AttachStatus refresh();

  // Null before the first attachment. Acquire; pairs with the release in refresh(): who sees the
  // pointer sees the mapping behind it.
  [[nodiscard]] const Attachment* current() const noexcept {
    return current_.load(std::memory_order_acquire);
  }

 private:
  [[nodiscard]] AttachStatus attach_to(std::string path);
  [[nodiscard]] AttachStatus find_and_attach();
  [[nodiscard]] AttachStatus status_of_current() const noexcept;
  [[nodiscard]] bool lock_refresh() noexcept;

  const std::string path_;
  const std::string directory_;
  std::atomic<const Attachment*> current_{nullptr};
  std::atomic<pid_t> refresher_{0};  // the process whose thread is inside refresh(), or 0
};

}  // namespace ringfence::shim
