// A snapshot as text for people, as one line, and as JSON for scripts: the same facts. Pure.
#pragma once

#include <string>

#include "tools/shmdump/snapshot.hpp"

namespace ringfence::shmdump {

[[nodiscard]] std::string text_of(const Snapshot& snapshot, bool has_color);
// For --watch where nothing can be redrawn; no newline.
[[nodiscard]] std::string line_of(const Snapshot& snapshot);
// `indent` -1: one line.
[[nodiscard]] std::string json_of(const Snapshot& snapshot, int indent);

// Every field of the segment with offset and size, from the structs themselves.
[[nodiscard]] std::string layout_text();

}  // namespace ringfence::shmdump
