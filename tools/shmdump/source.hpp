// Where a segment's bytes come from: which file is meant, and a private copy of it. A file is read
// with pread and never mapped, so that one that shrinks meanwhile cannot kill shmdump.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "shm_layout/result.hpp"
#include "tools/shmdump/snapshot.hpp"

namespace ringfence::shmdump {

// Aligned for the structs; never longer than a segment may be.
class SegmentCopy {
 public:
  // `os_errno` of the error is ENOENT when there is no such file.
  [[nodiscard]] static Result<SegmentCopy> read(const std::string& path);
  [[nodiscard]] std::span<const std::byte> bytes() const {
    return {reinterpret_cast<const std::byte*>(words_.data()), size_};
  }
  // False when an agent went on storing through all tries; parts may then be of different moments.
  [[nodiscard]] bool is_steady() const { return is_steady_; }

 private:
  std::vector<std::uint64_t> words_;
  std::size_t size_ = 0;
  bool is_steady_ = true;
};

// What the command line means: a path, or the name of a segment in `directory`.
[[nodiscard]] std::string path_of(const std::string& named, const std::string& directory);

[[nodiscard]] Moment moment_now();

}  // namespace ringfence::shmdump
