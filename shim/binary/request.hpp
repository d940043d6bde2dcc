// memcached's binary protocol, the side that reads commands: header, extras and key as one front;
// the value that may follow is the caller's to read.
// Incremental and without copies: the caller keeps the bytes, the parser points into them.
// Pure; any thread; no allocation. A client is hostile input: every length is bounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/binary/packet.hpp"

namespace ringfence::shim::binary {

struct Request {
  Header header;                  // as sent; its opcode and opaque are those of the answer
  std::string_view extras;        // as sent; forwarded unchanged
  std::string_view key;           // empty where the command has none; stat: what is asked for
  std::uint32_t value_bytes = 0;  // storage; at most text::value_bytes_max
};

enum class ParseStatus : std::uint8_t {
  need_more,  // the front is not whole
  request,    // `request` is filled; consumed_bytes covers the front, not the value
  refused,    // answer `error`, go on after consumed_bytes and then swallow swallow_bytes more
  fatal,      // answer `error`, then close; success stands for nothing to be said
};

struct ParseResult {
  ParseStatus status = ParseStatus::need_more;
  std::size_t consumed_bytes = 0;
  std::size_t swallow_bytes = 0;
  Status error = Status::success;  // its text is text_of()
};

// memcached reads a front into a buffer of this size and closes when it does not fit.
inline constexpr std::size_t front_bytes_max = std::size_t{16} * 1024;

// Reads the front at the beginning of `bytes`. What is refused, with which status, and how much of
// the body is read past, is memcached 1.6.18's own, oversights included: the body of an unknown
// command is swallowed from behind its extras and key, and touch and gat leave a value that they
// should not have to be read as the next command.
// `request.header` is filled whatever the result, once that is not need_more.
[[nodiscard]] ParseResult parse_request(std::string_view bytes, Request& request) noexcept;

}  // namespace ringfence::shim::binary
