// Text from a file that nobody vouches for, made safe for terminals and JSON: control characters,
// bytes above ASCII and backslashes become \xNN. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace ringfence::shmdump {

[[nodiscard]] std::string printable(std::string_view bytes);

// Up to the first NUL, or the whole array where there is none.
template <std::size_t Size>
[[nodiscard]] std::string printable_name(const char (&name)[Size]) {
  return printable({name, strnlen(name, Size)});
}

// An age or a time left with the unit that suits it: "12 ms", "1.8 s", "3 min", "5 h", "2 days".
[[nodiscard]] std::string duration_text(std::int64_t duration_ns);

}  // namespace ringfence::shmdump
