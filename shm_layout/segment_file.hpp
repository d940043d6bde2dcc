// Files that hold a segment, for the writer: made under a temporary name and renamed into place,
// or mapped again by the next agent. Owns no rule about their content. One thread at a time.
#pragma once

#include <sys/types.h>

#include <boost/interprocess/mapped_region.hpp>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "shm_layout/result.hpp"

namespace ringfence::shm_layout {

// A shared, writable mapping of a whole file.
class SegmentFile {
 public:
  // Makes `path` with all its pages in place (never sparse: a full tmpfs then fails here, and not
  // with SIGBUS at a later store). An older file of that name is removed.
  [[nodiscard]] static Result<SegmentFile> make(const std::string& path, std::size_t bytes,
                                                std::optional<gid_t> group);
  // Maps what is there. `os_errno` is ENOENT when nothing is; ENODATA when it is empty.
  [[nodiscard]] static Result<SegmentFile> map(const std::string& path);

  // Lets the file's group read it, and fills holes.
  [[nodiscard]] Status secure(std::optional<gid_t> group);

  [[nodiscard]] std::span<std::byte> bytes() const noexcept;

  SegmentFile(SegmentFile&& other) noexcept;
  SegmentFile& operator=(SegmentFile&& other) noexcept;
  ~SegmentFile();

 private:
  SegmentFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  [[nodiscard]] Status map_fd();

  int fd_ = -1;
  std::string path_;
  boost::interprocess::mapped_region region_;
};

// Makes the directory of `path` (and its parents) when missing, for everyone to read.
[[nodiscard]] Status make_directory_of(const std::string& path);

}  // namespace ringfence::shm_layout
