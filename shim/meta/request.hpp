// memcached's meta commands, the side that reads them (protocol.txt, version 1.6).
// Incremental and without copies but a base64 key's bytes: the caller keeps the bytes, the parser
// points into them. Pure; one parser state a connection; no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/meta/command.hpp"
#include "shim/text/request.hpp"

namespace ringfence::shim::meta {

// What ms does with its value.
enum class Mode : std::uint8_t { set, add, append, prepend, replace };

// A command line that was understood. Not copied: `command.key` may point into `decoded`.
struct Request {
  Request() = default;
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  Command command;
  std::string_view key_word;      // as sent
  std::uint32_t value_bytes = 0;  // ms: without the closing CRLF; at most text::value_bytes_max
  Mode mode{};                    // ms
  bool is_decrement = false;      // ma
  bool has_cas = false;           // C
  bool changes_time = false;      // T
  bool may_create = false;        // N
  bool may_win = false;           // R: of those that ask, one is told to fetch the value anew
  DecodedKey decoded;
};

// Whether `bytes` begin with a meta command's name, and with what ends it.
[[nodiscard]] bool begins_request(std::string_view bytes) noexcept;

// A command line's bytes: what a backend gets of it, with a tag and in base64, must stay below the
// 2,048 that memcached takes for sure. memcached takes a longer one, or not, by how it arrives.
inline constexpr std::size_t line_bytes_max = 1900;

// Reads one command line from the front of `bytes`, where begins_request() said yes. Error lines
// are memcached 1.6.18's own; after a refused ms whose length was understood the value is
// swallowed, as there. `request` is meaningful after ParseStatus::request alone.
// What differs on purpose: an opaque that is too long is refused before anything is done (memcached
// refuses ma's after it has counted), and me does not take a key that holds a line's end, which
// would stand in the middle of its answer.
[[nodiscard]] text::ParseResult parse_request(std::string_view bytes, Request& request) noexcept;

}  // namespace ringfence::shim::meta
