// What must hold of meta::parse_request() and of what is written for a backend and for a client,
// for any bytes. Shared by the fuzzer and by a unit test that runs it over random bytes. Aborts
// when something does not hold.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "shim/meta/request.hpp"
#include "shim/meta/show.hpp"
#include "tests/fuzz/text_request_body.hpp"

namespace ringfence::shim::meta {

using text::ParseResult;
using text::ParseStatus;
using text::require;

inline std::string line_for_backend(const Request& request, std::string_view wire_key) {
  std::string line;
  write_command([&](std::string_view piece) { line += piece; }, request.command, wire_key,
                request.value_bytes);
  return line;
}

// One line, which a memcached takes, and which says the same of the same key.
inline void check_line_for_backend(const Request& request) {
  const shm_layout::PoolWord pool{true, 0, 0, 'x', 'y'};
  const WireKey wire_key(request.command.key, pool, shm_layout::generation_max);
  const std::string line = line_for_backend(request, wire_key.view());
  require(line.size() <= 2048 && line.find('\n') == line.size() - 1);
  Request again;
  const ParseResult result = parse_request(line, again);
  require(result.status == ParseStatus::request || line.size() > line_bytes_max);
  if (result.status != ParseStatus::request) return;
  require(again.command.verb == request.command.verb && again.command.key == wire_key.view());
  require(again.value_bytes == request.value_bytes && again.mode == request.mode);
  require(again.has_cas == request.has_cas && again.changes_time == request.changes_time);
  require(!again.command.is_quiet);
}

// Whatever a backend says becomes one line, as long as its own and the client's words at most.
inline void check_shown(const Command& command, std::string_view reply) {
  reply = reply.substr(0, reply.find_first_of("\r\n"));
  std::string shown;
  show_line([&](std::string_view piece) { shown += piece; }, command, reply);
  const std::size_t key_bytes = base64_bytes(key_bytes_max) + 8;
  require(shown.size() <= reply.size() + key_bytes && shown.ends_with("\r\n"));
  const bool is_shown_raw = !command.is_base64;
  require(!is_shown_raw || shown.find('\n') == shown.size() - 1);
  (void)is_hidden(command, reply);
  (void)may_answer(command, reply);
}

inline void check_request(std::string_view bytes, const Request& request) {
  const Command& command = request.command;
  if (command.verb == Verb::noop) return;
  require(!command.key.empty() && command.key.size() <= key_bytes_max);
  require(text::is_inside(bytes, request.key_word) && text::is_inside(bytes, command.flags));
  require(command.is_base64 || text::is_inside(bytes, command.key));
  require(request.value_bytes <= text::value_bytes_max);
  require(is_text_word(request.key_word) && command.flags.find('\n') == std::string_view::npos);
  check_line_for_backend(request);
  check_shown(command, bytes);
  check_shown(command, "HD s1 t-1 c5 O1 W");
}

// All commands in `bytes`, one after another. Each is also put at the end of a block of its own, so
// that a read past the end shows.
inline void try_requests(std::string_view bytes) {
  Request request;
  while (begins_request(bytes)) {
    const std::string exact(bytes);
    const ParseResult result = parse_request(exact, request);
    require(result.consumed_bytes <= exact.size());
    if (result.status == ParseStatus::need_more || result.status == ParseStatus::fatal) return;
    require(result.consumed_bytes > 0);
    require(result.error_line.empty() || result.error_line.ends_with("\r\n"));
    if (result.status == ParseStatus::request) check_request(exact, request);
    // The same line alone says the same: nothing behind a line changes what it means.
    Request again;
    const std::string line = exact.substr(0, result.consumed_bytes);
    const ParseResult alone = parse_request(line, again);
    require(alone.status == result.status && alone.consumed_bytes == result.consumed_bytes &&
            alone.error_line == result.error_line && again.command.key == request.command.key);
    bytes.remove_prefix(result.consumed_bytes);
  }
}

}  // namespace ringfence::shim::meta
