// What must hold of the binary protocol's ReplyParser for any bytes, however they are cut. Shared
// by the fuzzer and by a unit test that runs it over random bytes. Aborts when something does not
// hold.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "shim/binary/answer.hpp"
#include "shim/binary/reply.hpp"

namespace ringfence::shim::binary {

// A whole reply is shown to a client as a packet of the same length, with its own opcode and
// opaque.
inline void check_shown(std::string_view packet) {
  if (packet.size() < header_bytes) std::abort();
  const ShownHeader shown(Opcode::setq, 9, packet);
  const Header header = load_header(shown.view());
  const bool is_whole = header.magic == reply_magic && header.opcode == Opcode::setq &&
                        header.opaque == 9 && header.key_bytes == 0 &&
                        header_bytes + header.body_bytes == packet.size();
  if (!is_whole) std::abort();
}

inline void check_event(const text::ReplyEvent& event, std::size_t available) {
  using text::ReplyEventKind;
  if (event.consumed_bytes > available) std::abort();
  const bool takes_nothing =
      event.kind == ReplyEventKind::need_more || event.kind == ReplyEventKind::value_done;
  if ((event.consumed_bytes == 0) != takes_nothing) std::abort();
  if (event.kind == ReplyEventKind::value_header && event.value_bytes > text::value_bytes_max) {
    std::abort();
  }
  if (event.kind == ReplyEventKind::line || event.kind == ReplyEventKind::end) {
    if (event.bytes.size() > reply_packet_bytes_max) std::abort();
    check_shown(event.bytes);
  }
}

// What the parser says of `bytes` that arrive in pieces of `piece_bytes`, as one string that does
// not depend on how values are cut.
inline std::string reply_story(const Asked& asked, std::string_view bytes,
                               std::size_t piece_bytes) {
  using text::ReplyEventKind;
  ReplyParser parser;
  std::string story;
  std::size_t begin = 0;
  std::size_t arrived = 0;
  while (true) {
    // A block of its own for what has arrived, so that a read past the end shows.
    const std::string exact(bytes.substr(begin, arrived - begin));
    const bool is_done_next = parser.is_value_whole();
    const text::ReplyEvent event = parser.next(asked, exact);
    if (event.kind == ReplyEventKind::violation) return story + "!";
    check_event(event, exact.size());
    if (is_done_next != (event.kind == ReplyEventKind::value_done)) std::abort();
    if (event.kind == ReplyEventKind::need_more) {
      if (exact.size() >= reply_packet_bytes_max) std::abort();
      if (arrived == bytes.size()) return story + "?";
      arrived = std::min(bytes.size(), arrived + piece_bytes);
      continue;
    }
    begin += event.consumed_bytes;
    if (event.kind == ReplyEventKind::value_bytes) {
      story += event.bytes;
      continue;
    }
    story += '|';
    story += static_cast<char>('a' + static_cast<int>(event.kind));
    story += std::to_string(event.flags_number) + ',' + std::to_string(event.cas_number) + ',';
    story += event.bytes;
    story += std::to_string(event.value_bytes);
  }
}

// The first byte is the opcode that was asked, the second how the rest is cut; the opaque is 0.
inline void try_replies(std::string_view bytes) {
  if (bytes.size() < 2) return;
  const Asked asked{static_cast<Opcode>(bytes[0]), 0};
  const std::size_t piece_bytes = 1 + static_cast<unsigned char>(bytes[1]) % 64;
  bytes.remove_prefix(2);
  const std::string whole = reply_story(asked, bytes, bytes.size() + 1);
  if (reply_story(asked, bytes, piece_bytes) != whole) std::abort();
}

}  // namespace ringfence::shim::binary
