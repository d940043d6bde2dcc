#include "shim/binary/answer.hpp"

namespace ringfence::shim::binary {

AnswerFront::AnswerFront(const Answer& answer) noexcept {
  const std::string_view extras = answer.extras.substr(0, flags_bytes);
  const std::string_view key = answer.key.substr(0, key_bytes_max);
  Header header;
  header.magic = reply_magic;
  header.opcode = answer.opcode;
  header.key_bytes = static_cast<std::uint16_t>(key.size());
  header.extras_bytes = static_cast<std::uint8_t>(extras.size());
  header.status = answer.status;
  header.body_bytes = static_cast<std::uint32_t>(extras.size() + key.size()) + answer.rest_bytes;
  header.opaque = answer.opaque;
  header.cas = answer.cas;
  store_header(bytes_.data(), header);
  // Not memcpy, to which an empty view's null pointer may not be given.
  extras.copy(bytes_.data() + header_bytes, extras.size());
  key.copy(bytes_.data() + header_bytes + extras.size(), key.size());
  size_ = static_cast<std::uint16_t>(header_bytes + extras.size() + key.size());
}

AnswerFront value_front(Opcode opcode, std::uint32_t opaque, std::string_view key,
                        const text::ReplyEvent& header) noexcept {
  std::array<char, flags_bytes> flags{};
  store_number(flags.data(), static_cast<std::uint32_t>(header.flags_number));
  Answer answer;
  answer.opcode = opcode;
  answer.opaque = opaque;
  answer.cas = header.cas_number;
  answer.extras = {flags.data(), flags.size()};
  if (returns_key(opcode)) answer.key = key;
  answer.rest_bytes = header.value_bytes;
  return AnswerFront(answer);
}

namespace {

// A miss tells its key in place of a text where a hit would tell it too.
Answer miss_of(Opcode opcode, std::uint32_t opaque, std::string_view key,
               std::string_view text) noexcept {
  Answer answer;
  answer.opcode = opcode;
  answer.opaque = opaque;
  answer.status = Status::not_found;
  if (returns_key(opcode)) answer.key = key;
  answer.rest_bytes = static_cast<std::uint32_t>(text.size());
  return answer;
}

}  // namespace

MissAnswer::MissAnswer(Opcode opcode, std::uint32_t opaque, std::string_view key) noexcept
    : text_(returns_key(opcode) ? std::string_view{} : text_of(Status::not_found)),
      front_(miss_of(opcode, opaque, key, text_)) {}

void add_answer(ReplyText& out, Opcode opcode, std::uint32_t opaque, Status status,
                std::string_view text) noexcept {
  Answer answer;
  answer.opcode = opcode;
  answer.opaque = opaque;
  answer.status = status;
  answer.rest_bytes = static_cast<std::uint32_t>(text.size());
  out.add(AnswerFront(answer).view());
  out.add(text);
}

void add_answer(ReplyText& out, Opcode opcode, std::uint32_t opaque, Status status) noexcept {
  if (!is_hidden(opcode, status)) add_answer(out, opcode, opaque, status, text_of(status));
}

void add_line_answer(ReplyText& out, Opcode opcode, std::uint32_t opaque, Status status,
                     std::string_view line) noexcept {
  if (line.ends_with("\r\n")) line.remove_suffix(2);
  const std::size_t space = line.find(' ');
  add_answer(out, opcode, opaque, status,
             space == std::string_view::npos ? line : line.substr(space + 1));
}

ShownHeader::ShownHeader(Opcode opcode, std::uint32_t opaque, std::string_view packet) noexcept {
  Header header = load_header(packet);
  header.opcode = opcode;
  header.opaque = opaque;
  store_header(bytes_.data(), header);
}

}  // namespace ringfence::shim::binary
