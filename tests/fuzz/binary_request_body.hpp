// What must hold of the binary protocol's parse_request() for any bytes. Shared by the fuzzer and
// by a unit test that runs it over random bytes. Aborts when something does not hold.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "shim/binary/command.hpp"
#include "shim/binary/request.hpp"
#include "shim/text/limits.hpp"

namespace ringfence::shim::binary {

inline void require(bool holds) {
  if (!holds) std::abort();
}

// What was understood can be written again, as the backend reads it.
inline void check_written_again(const Request& request) {
  const Command command{request.header.opcode, request.key, request.extras,
                        request.header.cas,    7,           request.value_bytes};
  const CommandFront front(command);
  Request again;
  const ParseResult result = parse_request(front.view(), again);
  require(result.status == ParseStatus::request);
  require(result.consumed_bytes == front.view().size());
  require(again.header.opcode == backend_form(request.header.opcode));
  require(again.header.opaque == 7 && again.header.cas == request.header.cas);
  require(again.key == request.key && again.extras == request.extras);
  require(again.value_bytes == request.value_bytes);
}

inline void check_request(const Request& request) {
  require(request.key.size() <= key_bytes_max);
  require(request.extras.size() <= extras_bytes_max);
  require(request.value_bytes <= text::value_bytes_max);
  require(request.value_bytes == 0 || is_storage(request.header.opcode));
  require(!is_retrieval(request.header.opcode) || !request.key.empty());
  check_written_again(request);
}

// All commands in `bytes`, one after another, as a connection reads them. Each is also put at the
// end of a block of its own, so that a read past the end shows.
inline void try_requests(std::string_view bytes) {
  while (true) {
    const std::string exact(bytes);
    Request request;
    const ParseResult result = parse_request(exact, request);
    require(result.consumed_bytes <= exact.size());
    if (result.status == ParseStatus::need_more) {
      require(exact.size() < front_bytes_max);
      return;
    }
    if (result.status == ParseStatus::fatal) return;
    require(result.consumed_bytes >= header_bytes);
    require((result.error == Status::success) == (result.status == ParseStatus::request));
    if (result.status == ParseStatus::request) check_request(request);
    // The same front alone says the same, and a byte less says nothing.
    const std::string front = exact.substr(0, result.consumed_bytes);
    Request again;
    const ParseResult alone = parse_request(front, again);
    require(alone.status == result.status && alone.swallow_bytes == result.swallow_bytes);
    require(parse_request(front.substr(0, front.size() - 1), again).status ==
            ParseStatus::need_more);
    bytes.remove_prefix(result.consumed_bytes);
  }
}

}  // namespace ringfence::shim::binary
