// Which segments a directory holds. Any thread.
#pragma once

#include <string>
#include <vector>

#include "shm_layout/result.hpp"

namespace ringfence::shm_layout {

inline constexpr const char* default_segment_directory = "/dev/shm/ringfence";

// Paths of the segments in `directory`, sorted; lock files and files being made are left out. A
// directory that is absent holds none.
[[nodiscard]] Result<std::vector<std::string>> list_segments(const std::string& directory);

}  // namespace ringfence::shm_layout
