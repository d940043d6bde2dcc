// `plan` for people.
#include <fmt/format.h>

#include "tools/ringfencectl/fields.hpp"
#include "tools/ringfencectl/show.hpp"
#include "tools/ringfencectl/text.hpp"

namespace ringfence::tools {
namespace {

double fraction_of(const Json& object, const char* field) {
  const Json& value = part_of(object, field);
  return value.is_number() ? value.get<double>() : 0;
}

std::string percent(const Json& object, const char* field) {
  return fmt::format("{:.2f}", fraction_of(object, field) * 100);
}

Cell end_of(const Json& move, const char* field) {
  const std::string address = text_of(move, field);
  return {address.empty() ? "nobody" : address};
}

Cell number(const std::string& text) {
  return {text, Colour::none, true};
}

}  // namespace

std::string show_plan(const Json& plan, Style style) {
  std::string text =
      fmt::format("pool {}, epoch {}: {} would move {} % of the keys ({} slots)\n",
                  text_of(plan, "pool"), number_of(plan, "epoch"), text_of(plan, "what"),
                  percent(plan, "share"), number_of(plan, "moved_slots"));
  Table moves({"from", "to", "%", "slots"});
  for (const Json& move : part_of(plan, "moves")) {
    moves.add({end_of(move, "from"), end_of(move, "to"), number(percent(move, "share")),
               number(text_of(move, "slots"))});
  }
  Table backends({"backend", "% now", "% then"});
  for (const Json& backend : part_of(plan, "backends")) {
    backends.add({{text_of(backend, "address")},
                  number(percent(backend, "share_before")),
                  number(percent(backend, "share_after"))});
  }
  if (!part_of(plan, "moves").empty()) {
    text += moves.text(2, style.has_colour) + "\n";
  }
  return text + backends.text(2, style.has_colour) + "nothing was changed\n";
}

}  // namespace ringfence::tools
