// memcached's binary protocol, the side that reads a backend's replies, told as the text protocol's
// events (shim/text/reply.hpp):
//
//   value_header   a get's or gat's hit: value_bytes, flags_number, cas_number
//   value_bytes    some of the value
//   value_done     the value is whole; it takes no byte
//   end            a get's or gat's miss
//   line           any other reply; bytes: the whole packet
//
// Incremental: feed it the bytes that have arrived; it says what they begin with. Values are never
// copied. Pure; one parser a backend connection; no allocation. A backend is hostile input: what is
// not the reply to what was asked is `violation` (close the connection).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/binary/packet.hpp"
#include "shim/text/reply.hpp"

namespace ringfence::shim::binary {

// What the command at the head of the connection's queue was.
struct Asked {
  Opcode opcode{};  // in any of its forms
  std::uint32_t opaque = 0;
};

// A reply without a value: an error's text, a number. As long as a line of the text protocol.
inline constexpr std::size_t reply_packet_bytes_max = text::reply_line_bytes_max;

class ReplyParser {
 public:
  // The next event at the front of `bytes`. Call again with the rest until need_more; after a
  // violation the parser is of no more use.
  [[nodiscard]] text::ReplyEvent next(const Asked& asked, std::string_view bytes) noexcept;
  [[nodiscard]] bool is_inside_value() const noexcept { return is_inside_value_; }
  // Of the value that is being read.
  [[nodiscard]] std::size_t value_left_bytes() const noexcept { return value_left_bytes_; }
  // value_done comes next, whether or not more bytes have arrived.
  [[nodiscard]] bool is_value_whole() const noexcept {
    return is_inside_value_ && value_left_bytes_ == 0;
  }

 private:
  [[nodiscard]] text::ReplyEvent next_of_value(std::string_view bytes) noexcept;
  [[nodiscard]] text::ReplyEvent begin_value(const Header& header, std::string_view bytes) noexcept;

  std::uint32_t value_left_bytes_ = 0;
  bool is_inside_value_ = false;
};

}  // namespace ringfence::shim::binary
