// Small text files: read whole, replaced whole. Any thread; blocks for the disk.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "shm_layout/result.hpp"

namespace ringfence::agent::discovery {

[[nodiscard]] Result<std::string> read_text(const std::string& path, std::size_t bytes_max);
// By a new file that takes its place: nobody reads half of it. Not synced: a power cut may leave it
// empty, which its reader has to notice.
[[nodiscard]] Status replace_text(const std::string& path, std::string_view text);

}  // namespace ringfence::agent::discovery
