#include "agent/port/binary_form.hpp"

#include "shim/binary/answer.hpp"
#include "shim/binary/policy.hpp"
#include "shim/text/port_answers.hpp"

namespace ringfence::agent::port {

using shim::binary::Status;

void add_answer(ReplyText& out, const BinaryWords& words, Status status,
                std::string_view text) noexcept {
  shim::binary::Answer answer;
  answer.opcode = words.opcode;
  answer.opaque = words.opaque;
  answer.status = status;
  answer.rest_bytes = static_cast<std::uint32_t>(text.size());
  out.add(shim::binary::AnswerFront(answer).view());
  out.add(text);
}

void add_answer(ReplyText& out, const BinaryWords& words, Status status) noexcept {
  if (shim::binary::is_hidden(words.opcode, status)) return;
  add_answer(out, words, status, shim::binary::text_of(status));
}

void add_line_answer(ReplyText& out, const BinaryWords& words, Status status,
                     std::string_view line) noexcept {
  if (line.ends_with("\r\n")) line.remove_suffix(2);
  const std::size_t space = line.find(' ');
  add_answer(out, words, status, space == std::string_view::npos ? line : line.substr(space + 1));
}

namespace {

class BinaryForm final : public ReplyForm {
 public:
  void begin_value(const Request& request, const shim::text::ReplyEvent& header,
                   ReplyText& out) const noexcept override {
    const BinaryWords& words = request.binary;
    out.add(shim::binary::value_front(words.opcode, words.opaque, request.key, header).view());
  }
  [[nodiscard]] std::string_view end_of_value() const noexcept override { return {}; }
  void miss(const Request& request, ReplyText& out) const noexcept override {
    const BinaryWords& words = request.binary;
    if (shim::binary::is_hidden(words.opcode, Status::not_found)) return;
    const shim::binary::MissAnswer answer(words.opcode, words.opaque, request.key);
    out.add(answer.front());
    out.add(answer.text());
  }
  // `packet`: whole, as the parser of replies gave it.
  void line(const Request& request, std::string_view packet,
            ReplyText& out) const noexcept override {
    const BinaryWords& words = request.binary;
    if (shim::binary::is_hidden(words.opcode, status_of(packet))) return;
    out.add(shim::binary::ShownHeader(words.opcode, words.opaque, packet).view());
    out.add(packet.substr(shim::binary::header_bytes));
  }
  [[nodiscard]] Outcome outcome_of(const Request& /*request*/,
                                   std::string_view packet) const noexcept override {
    switch (status_of(packet)) {
      case Status::success:
        return Outcome::done;
      case Status::not_found:
        return Outcome::not_found;
      case Status::exists:
        return Outcome::exists;
      default:
        return Outcome::other;
    }
  }
  void not_found(const Request& request, ReplyText& out) const noexcept override {
    if (shim::binary::creates_number(request.verb, request.client_flags)) {
      failure(request, shim::text::port_answers::view_changed, out);
    } else {
      add_answer(out, request.binary, Status::not_found);
    }
  }
  void not_stored(const Request& request, ReplyText& out) const noexcept override {
    add_answer(out, request.binary, Status::not_stored);
  }
  void failure(const Request& request, std::string_view why,
               ReplyText& out) const noexcept override {
    add_line_answer(out, request.binary, port_failure, why);
  }
  void flushed(const Request& request, ReplyText& out) const noexcept override {
    add_answer(out, request.binary, Status::success);
  }

 private:
  [[nodiscard]] static Status status_of(std::string_view packet) noexcept {
    return shim::binary::load_header(packet).status;
  }
};

constexpr BinaryForm form;

}  // namespace

const ReplyForm& binary_form() noexcept {
  return form;
}

}  // namespace ringfence::agent::port
