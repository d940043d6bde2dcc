// What a client of the classic text protocol is shown in front of a value: a backend's own line,
// but for the key. Pure; any thread; no allocation: `out` takes one std::string_view after the
// other.
#pragma once

#include <string_view>

#include "shim/text/command.hpp"
#include "shim/text/reply.hpp"

namespace ringfence::shim::text {

// "VALUE <key> <flags> <bytes>[ <cas>]"; the value and its CRLF follow.
template <typename Out>
void show_value_head(Out&& out, std::string_view key, const ReplyEvent& header) {
  out("VALUE ");
  out(key);
  out(" ");
  out(header.client_flags);
  out(" ");
  out(Digits(header.value_bytes).view());
  if (header.has_cas) {
    out(" ");
    out(header.cas_unique);
  }
  out("\r\n");
}

}  // namespace ringfence::shim::text
