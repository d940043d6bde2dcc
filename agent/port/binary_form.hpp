// How answers look in memcached's binary protocol: as packets under the client's own opcode and
// opaque; a quiet command's expected reply is left out. Any thread.
#pragma once

#include "agent/port/reply_form.hpp"
#include "shim/binary/packet.hpp"

namespace ringfence::agent::port {

[[nodiscard]] const ReplyForm& binary_form() noexcept;

// What the protocol calls an internal error; memcached has no status of its own for "not known".
inline constexpr auto port_failure = static_cast<shim::binary::Status>(0x84);

// A whole answer without a value: a packet with a status and its text (memcached's, or `text`).
void add_answer(ReplyText& out, const BinaryWords& words, shim::binary::Status status) noexcept;
void add_answer(ReplyText& out, const BinaryWords& words, shim::binary::Status status,
                std::string_view text) noexcept;
// The same with what a line of the text protocol says: without its first word and its end.
void add_line_answer(ReplyText& out, const BinaryWords& words, shim::binary::Status status,
                     std::string_view line) noexcept;

}  // namespace ringfence::agent::port
