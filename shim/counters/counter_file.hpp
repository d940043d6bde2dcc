// The file that a process counts in, from its making to its end; see shm_layout/shim_counters.hpp.
//
// Owns one descriptor, which holds the write lock that says "this process lives", and one mapping.
// The mapping's address stays readable and writable for as long as the process lives, also after
// remove() and forget_in_child(): threads that still count there then count in private memory.
// Never fails the program: where no file can be made, there is none.
//
// One thread at a time, but for reserve(). All of it may run in a forked child.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstddef>

#include "shm_layout/shim_counters.hpp"

namespace ringfence::shim::counters {

// Longer paths have no file: nobody's segment lies that deep.
inline constexpr std::size_t path_bytes_max = 1024;

class CounterFile {
 public:
  constexpr CounterFile() noexcept = default;

  // Makes a file for this process beside the segment at `segment_path`. Null where that cannot be:
  // no directory, a read-only mount, another user's, no memory left.
  [[nodiscard]] shm_layout::ShimCountersFile* open(const char* segment_path,
                                                   shm_layout::ShimKind kind) noexcept;

  // Gives a hole of the file its memory, so that a full tmpfs is an answer here and not a SIGBUS at
  // the next count. True when there is no file: private memory has no holes.
  [[nodiscard]] bool reserve(std::size_t offset, std::size_t bytes) const noexcept;

  // In a forked child: the file is the parent's. Closes the copy of its descriptor, which unlocks
  // nothing while the parent has its own, and counts on in private memory.
  void forget_in_child() noexcept;

  // Unlinks it, if this process made it.
  void remove() noexcept;

 private:
  [[nodiscard]] bool make_path(const char* segment_path) noexcept;
  [[nodiscard]] bool make_locked_file() noexcept;
  [[nodiscard]] bool make_named_file(const char* directory_end) noexcept;
  [[nodiscard]] bool fill(const char* segment_path, shm_layout::ShimKind kind) noexcept;
  [[nodiscard]] bool is_ours(int fd) const noexcept;
  void close_fd() noexcept;
  void make_mapping_private() noexcept;

  std::atomic<int> fd_{-1};
  pid_t owner_ = 0;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  shm_layout::ShimCountersFile* mapping_ = nullptr;  // kept for good once there is one
  std::size_t directory_bytes_ = 0;                  // of path_, with the slash
  std::array<char, path_bytes_max> path_{};
};

}  // namespace ringfence::shim::counters
