#include "agent/port/text_form.hpp"

#include "shim/text/number.hpp"
#include "shim/text/port_answers.hpp"
#include "shim/text/show.hpp"

namespace ringfence::agent::port {
namespace {

class TextForm final : public ReplyForm {
 public:
  void begin_value(const Request& request, const shim::text::ReplyEvent& header,
                   ReplyText& out) const noexcept override {
    shim::text::show_value_head([&](std::string_view piece) { out.add(piece); }, request.key,
                                header);
  }
  [[nodiscard]] std::string_view end_of_value() const noexcept override { return "\r\n"; }
  void miss(const Request& /*request*/, ReplyText& /*out*/) const noexcept override {}
  void line(const Request& /*request*/, std::string_view line,
            ReplyText& out) const noexcept override {
    out.add(line);
    out.add("\r\n");
  }
  [[nodiscard]] Outcome outcome_of(const Request& /*request*/,
                                   std::string_view line) const noexcept override {
    if (line.starts_with("NOT_FOUND")) return Outcome::not_found;
    if (line.starts_with("EXISTS")) return Outcome::exists;
    const bool is_done = line.starts_with("STORED") || line.starts_with("DELETED") ||
                         line.starts_with("TOUCHED") ||
                         (!line.empty() && shim::text::is_digit(line.front()));
    return is_done ? Outcome::done : Outcome::other;
  }
  void not_found(const Request& /*request*/, ReplyText& out) const noexcept override {
    out.add("NOT_FOUND\r\n");
  }
  void not_stored(const Request& /*request*/, ReplyText& out) const noexcept override {
    out.add(shim::text::port_answers::not_stored);
  }
  void failure(const Request& /*request*/, std::string_view why,
               ReplyText& out) const noexcept override {
    out.add(why);
  }
};

constexpr TextForm form;

}  // namespace

const ReplyForm& text_form() noexcept {
  return form;
}

}  // namespace ringfence::agent::port
