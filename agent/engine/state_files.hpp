// The few file operations that state_dir needs, each durable when it returns, each with an error
// that names the path and what to do. One thread; may block on the disk.
#pragma once

#include <cstdint>
#include <string>

#include "shm_layout/result.hpp"

namespace ringfence::agent::engine {

struct FileBytes {
  bool exists = false;
  std::string bytes;  // at most bytes_max of them
};

// With its parents; an existing one is fine.
[[nodiscard]] Status make_dir(const std::string& path);
// Locks by open file description: the lock goes with the fd, also when the process is killed.
[[nodiscard]] Result<int> lock_file(const std::string& path);
[[nodiscard]] Result<FileBytes> read_small_file(const std::string& path, std::size_t bytes_max);
// Of a directory; a missing one has none.
[[nodiscard]] Result<bool> has_entries(const std::string& path);
// Whole and new, or whole and old: never in between, also when the power fails.
[[nodiscard]] Status replace_file(const std::string& dir, const std::string& name,
                                  const std::string& bytes);
// `<dir>/damaged-<UTC time>`, a new one.
[[nodiscard]] Result<std::string> make_aside_dir(const std::string& dir);
// A missing `name` is fine.
[[nodiscard]] Status move_into(const std::string& dir, const std::string& name,
                               const std::string& target_dir);
[[nodiscard]] Status fill_random(void* bytes, std::size_t count);
[[nodiscard]] std::uint64_t unix_time_us();

}  // namespace ringfence::agent::engine
