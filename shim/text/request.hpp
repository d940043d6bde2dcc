// memcached's classic text protocol, the side that reads commands (protocol.txt, version 1.6).
// Incremental and without copies: the caller keeps the bytes, the parser points into them.
// Pure; one parser state a connection; no allocation but the key list, which is reused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "shim/text/limits.hpp"

namespace ringfence::shim::text {

enum class Verb : std::uint8_t {
  get,
  gets,
  gat,
  gats,  // retrieval; gat and gats carry exptime
  set,
  add,
  replace,
  append,
  prepend,
  cas,  // storage; a value of value_bytes follows
  incr,
  decr,
  touch,
  delete_key,  // one key, one line
  flush_all,
  version,
  verbosity,
  stats,
  quit,  // no key
};

// A command line that was understood. Views point into the caller's buffer.
struct Request {
  Verb verb{};
  bool is_noreply = false;
  std::vector<std::string_view> keys;  // one, or for retrieval at least one
  std::string_view client_flags;       // sign and digits as sent; forwarded unchanged
  std::string_view exptime;            // sign and digits as sent; forwarded unchanged
  std::uint32_t value_bytes = 0;       // without the closing CRLF; at most value_bytes_max
  std::string_view cas_unique;         // sign and digits as sent
  std::string_view delta;              // incr, decr: sign and digits as sent
  std::string_view arguments;  // flush_all: its delay; verbosity: its level; empty if none was
                               // sent. stats: the rest of the line
};

enum class ParseStatus : std::uint8_t {
  need_more,  // no whole line yet
  request,    // `request` is filled; consumed_bytes covers the line, not the value
  refused,    // answer `error_line` (empty: silence, the command was noreply), go on after
              // consumed_bytes and then swallow swallow_bytes more. After a malformed storage line
              // memcached swallows nothing: its value is read as the next command. (`gat 10` with
              // no key is answered here too, with END.)
  fatal,      // answer `error_line` (memcached closes silently: it is empty), then close
};

struct ParseResult {
  ParseStatus status = ParseStatus::need_more;
  std::size_t consumed_bytes = 0;
  std::size_t swallow_bytes = 0;
  std::string_view error_line;  // with CRLF; static storage
};

// Bytes without a line's end: above this the connection is closed, unless they begin with "get " or
// "gets " (memcached's own rule; a longer line that is already whole is still read).
inline constexpr std::size_t command_line_bytes_max = 2048;
// Bytes of any line. memcached has no bound for a multi-key get; this one keeps memory bounded and
// admits 4,000 keys of 250 bytes.
inline constexpr std::size_t retrieval_line_bytes_max = std::size_t{1024} * 1024;

// Reads one command line from the front of `bytes`. Error lines are memcached 1.6.18's own.
// `request` is meaningful after ParseStatus::request alone. Keys hold 1 to 250 bytes, any but
// space, LF and NUL (as in memcached, so a control character is part of a key).
[[nodiscard]] ParseResult parse_request(std::string_view bytes, Request& request);

}  // namespace ringfence::shim::text
