// Where preloaded processes count the connections that they hold together: a directory beside the
// segment, of empty files. A place, one connection to one backend, is a byte of a file; who holds a
// read lock (open file description) on it, and sees no other lock there, has it. Reading is
// enough: it works in a container that has the directory mounted read-only.
//
// The agent makes the files (agent/shims/connection_places.hpp), the preload locks their bytes
// (shim/preload/connection_budget.hpp). They are never removed or replaced: a place in a file that
// is gone is counted by nobody.
#pragma once

#include <cstdint>
#include <string>

namespace ringfence::shm_layout {

// The kernel looks through all locks of a file for each lock: backends with other numbers must not
// make it slower. (33 ms a lock, where 50,000 are in one file.)
inline constexpr std::uint16_t places_file_count = 64;
// Bytes of a file for one backend: the largest budget.
inline constexpr std::uint32_t places_of_backend = 65'536;

[[nodiscard]] inline std::string places_directory(const std::string& segment_path) {
  return segment_path + ".connections";
}

[[nodiscard]] constexpr std::uint16_t places_file_of(std::uint16_t backend) noexcept {
  return backend % places_file_count;
}

// The first place's byte in the backend's file.
[[nodiscard]] constexpr std::int64_t places_begin_of(std::uint16_t backend) noexcept {
  return std::int64_t{backend / places_file_count} * places_of_backend;
}

}  // namespace ringfence::shm_layout
