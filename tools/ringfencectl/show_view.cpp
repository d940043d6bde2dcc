// `view`, `where` and `history` for people.
#include <fmt/format.h>

#include "tools/ringfencectl/fields.hpp"
#include "tools/ringfencectl/show.hpp"
#include "tools/ringfencectl/text.hpp"

namespace ringfence::tools {
namespace {

Cell right(std::string text) {
  return {std::move(text), Colour::none, true};
}

std::string view_pool_text(const Json& pool, Style style) {
  std::string text = fmt::format("pool {}", text_of(pool, "name"));
  for (const auto& [name, value] : pool.items()) {
    if (name != "name" && !value.is_structured()) {
      text += fmt::format("   {} {}", name, text_of(pool, name.c_str()));
    }
  }
  Table table({"index", "backend", "status", "weight", "slots", "incarnation"});
  for (const Json& backend : part_of(pool, "backends")) {
    const std::string status = text_of(backend, "status");
    table.add({right(text_of(backend, "index")),
               {text_of(backend, "address")},
               {status, colour_of_state(status)},
               right(text_of(backend, "weight")),
               right(text_of(backend, "slots")),
               right(text_of(backend, "incarnation"))});
  }
  return text + "\n" + table.text(2, style.has_colour);
}

}  // namespace

std::string show_view(const Json& reply, Style style) {
  const Json& inner = part_of(reply, "view");
  const Json& view = inner.is_object() ? inner : reply;
  std::string text = fmt::format("epoch {}   digest {}   cluster id {}\n", text_of(view, "epoch"),
                                 text_of(view, "digest"), text_of(view, "cluster_id"));
  Table agents({"agent", "id", "incarnation"});
  for (const Json& agent : part_of(view, "agents")) {
    agents.add(
        {{text_of(agent, "name")}, {text_of(agent, "id")}, right(text_of(agent, "incarnation"))});
  }
  text += agents.text(2, style.has_colour);
  for (const Json& pool : part_of(view, "pools")) {
    text += "\n" + view_pool_text(pool, style);
  }
  return text;
}

std::string show_where(const Json& reply, const std::string& key) {
  const std::string backend = text_of(reply, "backend");
  return fmt::format("key {}   slot {}   {}   generation {}   {}   on the wire {}\n", key,
                     text_of(reply, "slot"), backend.empty() ? "no backend" : backend,
                     text_of(reply, "generation"), text_of(reply, "state"),
                     text_of(reply, "wire_key"));
}

std::string show_history(const Json& reply, Style style) {
  Table table({"epoch", "age", "moved slots", "propose us", "fence us", "activate us", "what",
               "why", "who"});
  for (const Json& change : part_of(reply, "changes")) {
    const auto phase = [&change](const char* name) {
      const std::int64_t us = number_of(change, name);
      return right(us == 0 ? "-" : std::to_string(us));
    };
    table.add({right(text_of(change, "epoch")),
               right(age_text(number_of(change, "age_ms", -1))),
               right(text_of(change, "moved_slots")),
               phase("propose_us"),
               phase("fence_us"),
               phase("activate_us"),
               {text_of(change, "what")},
               {text_of(change, "why"), Colour::faint},
               {text_of(change, "who")}});
  }
  return table.text(0, style.has_colour);
}

}  // namespace ringfence::tools
