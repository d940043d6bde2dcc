#include "shim/text/command.hpp"

namespace ringfence::shim::text {

std::string_view name_of(Verb verb) noexcept {
  static constexpr std::array<std::string_view, 19> names = {
      "get",       "gets",    "gat",       "gats",  "set",  "add",   "replace",
      "append",    "prepend", "cas",       "incr",  "decr", "touch", "delete",
      "flush_all", "version", "verbosity", "stats", "quit"};
  static_assert(static_cast<std::size_t>(Verb::quit) + 1 == names.size());
  return names[static_cast<std::size_t>(verb)];
}

}  // namespace ringfence::shim::text
