#include "tools/shmdump/printable.hpp"

#include <fmt/format.h>

#include "shm_layout/clock.hpp"

namespace ringfence::shmdump {

std::string printable(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    if (c >= ' ' && c <= '~' && c != '\\') {
      text += c;
    } else {
      text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return text;
}

std::string duration_text(std::int64_t duration_ns) {
  const double seconds = static_cast<double>(duration_ns) / shm_layout::ns_per_second;
  if (seconds < 1) {
    return fmt::format("{:.0f} ms", seconds * 1000);
  }
  if (seconds < 120) {
    return fmt::format("{:.1f} s", seconds);
  }
  if (seconds < 120 * 60) {
    return fmt::format("{:.0f} min", seconds / 60);
  }
  if (seconds < 48 * 3600) {
    return fmt::format("{:.0f} h", seconds / 3600);
  }
  return fmt::format("{:.0f} days", seconds / 86400);
}

}  // namespace ringfence::shmdump
