// What must hold of parse_request() for any bytes. Shared by the fuzzer and by a unit test that
// runs it over random bytes. Aborts when something does not hold.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "shim/text/request.hpp"
#include "shim/wire_key.hpp"

namespace ringfence::shim::text {

inline void require(bool holds) {
  if (!holds) std::abort();
}

inline bool is_inside(std::string_view outer, std::string_view inner) {
  return inner.empty() || (inner.data() >= outer.data() &&
                           inner.data() + inner.size() <= outer.data() + outer.size());
}

inline void check_request(std::string_view bytes, const Request& request) {
  for (const std::string_view key : request.keys) {
    require(!key.empty() && key.size() <= key_bytes_max && is_inside(bytes, key));
    require(key.find_first_of(std::string_view(" \n\0", 3)) == std::string_view::npos);
  }
  for (const std::string_view field : {request.client_flags, request.exptime, request.cas_unique,
                                       request.delta, request.arguments}) {
    require(is_inside(bytes, field) && field.find('\n') == std::string_view::npos);
  }
  require(request.value_bytes <= value_bytes_max);
}

// All commands in `bytes`, one after another, as a connection reads them. Each is also put at the
// end of a block of its own, so that a read past the end shows.
inline void try_requests(std::string_view bytes) {
  Request request;
  while (true) {
    const std::string exact(bytes);
    const ParseResult result = parse_request(exact, request);
    require(result.consumed_bytes <= exact.size());
    if (result.status == ParseStatus::need_more || result.status == ParseStatus::fatal) return;
    require(result.consumed_bytes > 0);
    require(result.error_line.empty() || result.error_line.ends_with("\r\n"));
    if (result.status == ParseStatus::request) check_request(exact, request);
    // The same line alone says the same: nothing behind a line changes what it means.
    Request again;
    const ParseResult alone = parse_request(exact.substr(0, result.consumed_bytes), again);
    require(alone.status == result.status && alone.consumed_bytes == result.consumed_bytes &&
            alone.error_line == result.error_line && again.keys.size() == request.keys.size());
    bytes.remove_prefix(result.consumed_bytes);
  }
}

}  // namespace ringfence::shim::text
