#include "agent/port/binary_form.hpp"

#include "shim/binary/answer.hpp"
#include "shim/binary/policy.hpp"
#include "shim/text/port_answers.hpp"

namespace ringfence::agent::port {

using shim::binary::Status;

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
      answer(request, Status::not_found, out);
    }
  }
  void not_stored(const Request& request, ReplyText& out) const noexcept override {
    answer(request, Status::not_stored, out);
  }
  void failure(const Request& request, std::string_view why,
               ReplyText& out) const noexcept override {
    const BinaryWords& words = request.binary;
    shim::binary::add_line_answer(out, words.opcode, words.opaque, shim::binary::port_failure, why);
  }
  void flushed(const Request& request, ReplyText& out) const noexcept override {
    answer(request, Status::success, out);
  }

 private:
  static void answer(const Request& request, Status status, ReplyText& out) noexcept {
    shim::binary::add_answer(out, request.binary.opcode, request.binary.opaque, status);
  }
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
