// Takes one command after the other from what an application sends, in any of the three protocols.
// The first byte decides for good between binary and text; meta commands stand among the classic
// ones. Pure; one reader a session; views point into the caller's bytes and the reader.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/binary/request.hpp"
#include "shim/meta/request.hpp"
#include "shim/preload/entry.hpp"
#include "shim/reply_text.hpp"
#include "shim/text/request.hpp"

namespace ringfence::shim::preload {

enum class Taken : std::uint8_t {
  need_more,  // no whole line, or front of a packet
  keyed,      // with one key, or a retrieval of many
  keyless,    // the agent answers it, as it was sent
  flush,      // as keyless; nothing may be under way beside it
  local,      // `answer` is what the port would say to it; may be nothing
  over,       // the agent reads this (nothing is taken) and all that follows: quit
  closing,    // `answer`, then the connection ends, as memcached's does on what it cannot read
};

struct Command {
  Taken taken = Taken::need_more;
  Kind kind = Kind::single;
  Protocol protocol = Protocol::text;
  text::Verb verb{};
  bool is_noreply = false;
  std::size_t front_bytes = 0;  // the line or packet front
  std::size_t body_bytes = 0;   // follow it: a value with its CRLF, or what is swallowed
  std::string_view answer;      // local
  const meta::Request* meta = nullptr;
  const text::Request* text = nullptr;
  const binary::Request* binary = nullptr;
};

class CommandReader {
 public:
  [[nodiscard]] Command next(std::string_view bytes);

  // How many more bytes at the front of `bytes` a command that begins with `begun` needs before it
  // is worth another look: it never takes a byte of what follows the front.
  [[nodiscard]] std::size_t wanted(std::string_view begun, std::string_view bytes) const noexcept;

  void clear() noexcept { stream_ = Stream::unknown; }  // for another stream
  // Meaningful once a byte was read.
  [[nodiscard]] bool is_binary() const noexcept { return stream_ == Stream::binary; }

 private:
  [[nodiscard]] Command next_text(std::string_view bytes);
  [[nodiscard]] Command next_meta(std::string_view bytes);
  [[nodiscard]] Command next_binary(std::string_view bytes);
  [[nodiscard]] Command of_text() const noexcept;
  [[nodiscard]] Command of_binary() noexcept;
  void refuse_binary(binary::Status error) noexcept;

  enum class Stream : std::uint8_t { unknown, text, binary };
  Stream stream_ = Stream::unknown;
  text::Request text_;
  meta::Request meta_;
  binary::Request binary_;
  ReplyText answer_;
};

}  // namespace ringfence::shim::preload
