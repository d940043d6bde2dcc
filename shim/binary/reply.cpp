// Reads a backend's replies. It owns the framing and nothing else; it never trusts a number.
// Pure; one parser a backend connection, on the thread of that connection.
#include "shim/binary/reply.hpp"

namespace ringfence::shim::binary {

using text::ReplyEvent;
using text::ReplyEventKind;

namespace {

ReplyEvent violation() noexcept {
  ReplyEvent event;
  event.kind = ReplyEventKind::violation;
  return event;
}

// No command that goes to a backend asks for its key: one in a reply would belong to another.
bool is_reply_to(const Asked& asked, const Header& header) noexcept {
  return header.magic == reply_magic && header.opcode == backend_form(asked.opcode) &&
         header.opaque == asked.opaque && header.key_bytes == 0 && header.data_type == 0 &&
         header.extras_bytes <= header.body_bytes;
}

}  // namespace

ReplyEvent ReplyParser::next(const Asked& asked, std::string_view bytes) noexcept {
  if (is_inside_value_) return next_of_value(bytes);
  if (bytes.size() < header_bytes) {
    const bool is_other = !bytes.empty() && load_number<std::uint8_t>(bytes.data()) != reply_magic;
    return is_other ? violation() : ReplyEvent{};
  }
  const Header header = load_header(bytes);
  if (!is_reply_to(asked, header)) return violation();
  const bool is_get = is_retrieval(asked.opcode);
  if (is_get && header.status == Status::success) return begin_value(header, bytes);

  const std::size_t packet_bytes = header_bytes + header.body_bytes;
  if (packet_bytes > reply_packet_bytes_max) return violation();
  if (bytes.size() < packet_bytes) return {};
  ReplyEvent event;
  event.kind =
      is_get && header.status == Status::not_found ? ReplyEventKind::end : ReplyEventKind::line;
  event.bytes = bytes.substr(0, packet_bytes);
  event.consumed_bytes = packet_bytes;
  return event;
}

ReplyEvent ReplyParser::begin_value(const Header& header, std::string_view bytes) noexcept {
  if (header.extras_bytes != flags_bytes) return violation();
  const std::uint32_t value_bytes = header.body_bytes - header.extras_bytes;
  if (value_bytes > text::value_bytes_max) return violation();
  if (bytes.size() < header_bytes + flags_bytes) return {};
  ReplyEvent event;
  event.kind = ReplyEventKind::value_header;
  event.consumed_bytes = header_bytes + flags_bytes;
  event.value_bytes = value_bytes;
  event.flags_number = load_number<std::uint32_t>(bytes.data() + header_bytes);
  event.has_cas = true;
  event.cas_number = header.cas;
  is_inside_value_ = true;
  value_left_bytes_ = value_bytes;
  return event;
}

ReplyEvent ReplyParser::next_of_value(std::string_view bytes) noexcept {
  ReplyEvent event;
  if (value_left_bytes_ == 0) {
    is_inside_value_ = false;
    event.kind = ReplyEventKind::value_done;
    return event;
  }
  if (bytes.empty()) return event;
  event.kind = ReplyEventKind::value_bytes;
  event.bytes = bytes.substr(0, value_left_bytes_);
  event.consumed_bytes = event.bytes.size();
  value_left_bytes_ -= static_cast<std::uint32_t>(event.bytes.size());
  return event;
}

}  // namespace ringfence::shim::binary
