// memcached's binary protocol, the side that answers a client: under the opcode and the opaque that
// it sent, and never with a wire key.
// Pure; any thread; no allocation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/binary/packet.hpp"
#include "shim/reply_text.hpp"
#include "shim/text/reply.hpp"
#include "shim/wire_key.hpp"

namespace ringfence::shim::binary {

struct Answer {
  Opcode opcode{};  // as the client sent it, as is the opaque
  std::uint32_t opaque = 0;
  Status status = Status::success;
  std::uint64_t cas = 0;
  std::string_view extras;       // at most flags_bytes
  std::string_view key;          // where it comes back; stat: the name
  std::uint32_t rest_bytes = 0;  // what follows: a value, or text_of(status)
};

// Header, extras and key of an answer.
class AnswerFront {
 public:
  explicit AnswerFront(const Answer& answer) noexcept;
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), size_}; }

 private:
  std::array<char, header_bytes + flags_bytes + key_bytes_max> bytes_;
  std::uint16_t size_ = 0;
};

// A hit's front: the value follows. `key` is the client's own, shown where `opcode` asks for it.
[[nodiscard]] AnswerFront value_front(Opcode opcode, std::uint32_t opaque, std::string_view key,
                                      const text::ReplyEvent& header) noexcept;

// A miss's whole answer, hidden or not.
class MissAnswer {
 public:
  MissAnswer(Opcode opcode, std::uint32_t opaque, std::string_view key) noexcept;
  [[nodiscard]] std::string_view front() const noexcept { return front_.view(); }
  [[nodiscard]] std::string_view text() const noexcept { return text_; }

 private:
  std::string_view text_;  // empty where the key stands in its place
  AnswerFront front_;
};

// What the protocol calls an internal error; memcached has no status of its own for "not known".
inline constexpr auto port_failure = static_cast<Status>(0x84);

// A whole answer without a value: a packet with a status and `text`.
void add_answer(ReplyText& out, Opcode opcode, std::uint32_t opaque, Status status,
                std::string_view text) noexcept;
// The same with memcached's own text; nothing where a quiet command hides it.
void add_answer(ReplyText& out, Opcode opcode, std::uint32_t opaque, Status status) noexcept;
// The same with what a line of the text protocol says: without its first word and its end.
void add_line_answer(ReplyText& out, Opcode opcode, std::uint32_t opaque, Status status,
                     std::string_view line) noexcept;

// The header of a backend's whole reply as its client is shown it; the rest of `packet` follows.
class ShownHeader {
 public:
  ShownHeader(Opcode opcode, std::uint32_t opaque, std::string_view packet) noexcept;
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), bytes_.size()}; }

 private:
  std::array<char, header_bytes> bytes_;
};

}  // namespace ringfence::shim::binary
