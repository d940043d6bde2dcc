#include "shim/binary/policy.hpp"

namespace ringfence::shim::binary {

text::Verb policy_of(const Header& header) noexcept {
  const bool is_cas = header.cas != 0;
  switch (backend_form(header.opcode)) {
    case Opcode::set:
      return is_cas ? text::Verb::cas : text::Verb::set;
    case Opcode::add:
      return is_cas ? text::Verb::cas : text::Verb::add;
    case Opcode::replace:
      return is_cas ? text::Verb::cas : text::Verb::replace;
    case Opcode::append:
      return text::Verb::append;
    case Opcode::prepend:
      return text::Verb::prepend;
    case Opcode::delete_key:
      return text::Verb::delete_key;
    case Opcode::incr:
      return text::Verb::incr;
    case Opcode::decr:
      return text::Verb::decr;
    case Opcode::touch:
      return text::Verb::touch;
    case Opcode::gat:
      return text::Verb::gat;
    default:
      return text::Verb::get;
  }
}

bool may_tell_failure(Opcode get) noexcept {
  return !is_hidden(get, Status::not_found);
}

bool creates_number(text::Verb policy, std::string_view extras) noexcept {
  constexpr std::string_view never = "\xff\xff\xff\xff";
  const bool is_number = policy == text::Verb::incr || policy == text::Verb::decr;
  return is_number && !extras.ends_with(never);
}

}  // namespace ringfence::shim::binary
