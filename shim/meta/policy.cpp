#include "shim/meta/policy.hpp"

#include "shim/meta/show.hpp"

namespace ringfence::shim::meta {

text::Verb policy_of(const Request& request) noexcept {
  switch (request.command.verb) {
    case Verb::get: {
      const bool changes = request.changes_time || request.may_create || request.may_win;
      return changes ? text::Verb::gat : text::Verb::get;
    }
    case Verb::set:
      break;
    case Verb::delete_key:
      return text::Verb::delete_key;
    case Verb::arithmetic:
      return request.is_decrement ? text::Verb::decr : text::Verb::incr;
    case Verb::show:
    case Verb::noop:
      return text::Verb::get;
  }
  switch (request.mode) {
    case Mode::add:
      return text::Verb::add;
    case Mode::append:
      return text::Verb::append;
    case Mode::prepend:
      return text::Verb::prepend;
    case Mode::replace:
      return request.has_cas ? text::Verb::cas : text::Verb::replace;
    case Mode::set:
      break;
  }
  return request.has_cas ? text::Verb::cas : text::Verb::set;
}

bool creates_number(const Command& command) noexcept {
  return command.verb == Verb::arithmetic && place_of(command.flags, 'N') != std::string_view::npos;
}

}  // namespace ringfence::shim::meta
