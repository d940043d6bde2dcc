// What must hold of ReplyParser for any bytes, however they are cut. Shared by the fuzzer and by a
// unit test that runs it over random bytes. Aborts when something does not hold.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "shim/text/expected_value.hpp"
#include "shim/text/reply.hpp"

namespace ringfence::shim::text {

// What the parser says of `bytes` that arrive in pieces of `piece_bytes`, as one string that does
// not depend on how values are cut.
inline std::string reply_story(ReplyShape shape, std::string_view bytes, std::size_t piece_bytes) {
  ReplyParser parser;
  std::string story;
  std::size_t begin = 0;
  std::size_t arrived = 0;
  while (true) {
    // A block of its own for what has arrived, so that a read past the end shows.
    const std::string exact(bytes.substr(begin, arrived - begin));
    const ReplyEvent event = parser.next(shape, exact);
    if (event.consumed_bytes > exact.size()) std::abort();
    if (event.kind == ReplyEventKind::violation) return story + "!";
    if (event.kind == ReplyEventKind::need_more) {
      if (event.consumed_bytes != 0) std::abort();
      if (arrived == bytes.size()) return story + "?";
      arrived = std::min(bytes.size(), arrived + piece_bytes);
      continue;
    }
    if (event.consumed_bytes == 0) std::abort();
    begin += event.consumed_bytes;
    if (event.kind == ReplyEventKind::value_bytes) {
      story += event.bytes;
      continue;
    }
    story += '|';
    story += static_cast<char>('a' + static_cast<int>(event.kind));
    for (const std::string_view field :
         {event.key, event.client_flags, event.cas_unique, event.bytes}) {
      story += field;
      story += ',';
    }
    story += std::to_string(event.value_bytes);
  }
}

// Whatever the quick way finds, the parser reads as well, and the same.
inline void try_expected_value(std::string_view bytes, std::string_view key) {
  const ExpectedValue found = find_expected_value(bytes, key);
  if (found.consumed_bytes == 0) return;
  if (found.consumed_bytes > bytes.size()) std::abort();
  ReplyParser parser;
  const ReplyEvent header = parser.next(ReplyShape::values, bytes);
  const bool is_same_header = header.kind == ReplyEventKind::value_header && header.key == key &&
                              static_cast<std::uint32_t>(header.flags_number) == found.flags &&
                              header.cas_number == found.cas &&
                              header.value_bytes == found.value.size();
  if (!is_same_header) std::abort();
  bytes.remove_prefix(header.consumed_bytes);
  if (bytes.substr(0, found.value.size()) != found.value) std::abort();
  if (!parser.skip_whole_value(bytes)) std::abort();
  if (header.consumed_bytes + found.value.size() + 2 != found.consumed_bytes) std::abort();
}

// The first byte chooses the shape, the second how the rest is cut.
inline void try_replies(std::string_view bytes) {
  if (bytes.size() < 2) return;
  const auto shape = static_cast<ReplyShape>(static_cast<unsigned char>(bytes[0]) % 4);
  const std::size_t piece_bytes = 1 + static_cast<unsigned char>(bytes[1]) % 64;
  bytes.remove_prefix(2);
  try_expected_value(bytes, "k");
  try_expected_value(std::string(bytes), "k~t");
  const std::string whole = reply_story(shape, bytes, bytes.size() + 1);
  if (reply_story(shape, bytes, piece_bytes) != whole) std::abort();
}

}  // namespace ringfence::shim::text
