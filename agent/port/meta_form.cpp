#include "agent/port/meta_form.hpp"

#include "shim/meta/policy.hpp"
#include "shim/meta/show.hpp"
#include "shim/text/port_answers.hpp"

namespace ringfence::agent::port {
namespace {

namespace meta = shim::meta;

class MetaForm final : public ReplyForm {
 public:
  explicit constexpr MetaForm(meta::Verb verb) noexcept : verb_(verb) {}

  [[nodiscard]] meta::Command command_of(const Request& request) const noexcept {
    meta::Command command;
    command.verb = verb_;
    command.is_base64 = request.is_base64;
    command.is_quiet = request.is_quiet;
    command.key = request.key;
    command.flags = request.client_flags;
    command.is_marked = true;
    command.mark = static_cast<std::uint32_t>(request.stream_begin);
    return command;
  }

  void begin_value(const Request& request, const shim::text::ReplyEvent& header,
                   ReplyText& out) const noexcept override {
    meta::show_value_head([&](std::string_view piece) { out.add(piece); }, command_of(request),
                          header.value_bytes, header.bytes);
  }
  [[nodiscard]] std::string_view end_of_value() const noexcept override { return "\r\n"; }
  void miss(const Request& request, ReplyText& out) const noexcept override {
    status(request, "EN", out);
  }
  void line(const Request& request, std::string_view line, ReplyText& out) const noexcept override {
    const meta::Command command = command_of(request);
    if (meta::is_hidden(command, line)) return;
    meta::show_line([&](std::string_view piece) { out.add(piece); }, command, line);
  }
  [[nodiscard]] Outcome outcome_of(const Request& /*request*/,
                                   std::string_view line) const noexcept override {
    if (line.starts_with("HD") || line.starts_with("ME ")) return Outcome::done;
    if (line.starts_with("NF")) return Outcome::not_found;
    return line.starts_with("EX") ? Outcome::exists : Outcome::other;
  }
  // A counter that is to be made when there is none cannot be missing.
  void not_found(const Request& request, ReplyText& out) const noexcept override {
    if (meta::creates_number(command_of(request))) {
      failure(request, shim::text::port_answers::view_changed, out);
    } else {
      status(request, "NF", out);
    }
  }
  void not_stored(const Request& request, ReplyText& out) const noexcept override {
    status(request, "NS", out);
  }
  void failure(const Request& /*request*/, std::string_view why,
               ReplyText& out) const noexcept override {
    out.add(why);
  }

 private:
  void status(const Request& request, std::string_view name, ReplyText& out) const noexcept {
    const meta::Command command = command_of(request);
    if (meta::is_hidden(command, name)) return;
    meta::show_status([&](std::string_view piece) { out.add(piece); }, command, name);
  }

  meta::Verb verb_;
};

constinit const MetaForm get_form{meta::Verb::get};
constinit const MetaForm set_form{meta::Verb::set};
constinit const MetaForm delete_form{meta::Verb::delete_key};
constinit const MetaForm arithmetic_form{meta::Verb::arithmetic};
constinit const MetaForm show_form{meta::Verb::show};

}  // namespace

const ReplyForm& meta_form(meta::Verb verb) noexcept {
  switch (verb) {
    case meta::Verb::set:
      return set_form;
    case meta::Verb::delete_key:
      return delete_form;
    case meta::Verb::arithmetic:
      return arithmetic_form;
    case meta::Verb::show:
      return show_form;
    case meta::Verb::get:
    case meta::Verb::noop:
      break;
  }
  return get_form;
}

meta::Command meta_command_of(const Request& request) noexcept {
  return static_cast<const MetaForm&>(*request.form).command_of(request);
}

}  // namespace ringfence::agent::port
