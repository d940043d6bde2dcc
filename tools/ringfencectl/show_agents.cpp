// `agree` and `peers` for people, and the agents in `status`.
#include <fmt/format.h>

#include <algorithm>

#include "tools/ringfencectl/fields.hpp"
#include "tools/ringfencectl/show.hpp"
#include "tools/ringfencectl/text.hpp"

namespace ringfence::tools {
namespace {

Cell right(std::string text) {
  return {std::move(text), Colour::none, true};
}

// What stands out about one agent's answer.
Cell answer_cell(const Json& agent) {
  if (!flag_of(agent, "is_connected")) {
    return {"gone", Colour::faint};
  }
  if (!flag_of(agent, "is_live")) {
    return {"does not answer", Colour::bad};
  }
  if (!flag_of(agent, "agrees")) {
    return {"differs", Colour::bad};
  }
  if (flag_of(agent, "is_witness")) {
    return {"agrees (witness, routes nothing)", Colour::good};
  }
  return flag_of(agent, "has_lease") ? Cell{"agrees", Colour::good}
                                     : Cell{"agrees, has no lease: misses", Colour::doubtful};
}

std::string names_that_differ(const Json& agents) {
  std::string names;
  for (const Json& agent : agents) {
    if (flag_of(agent, "is_connected") && !flag_of(agent, "agrees")) {
      names += (names.empty() ? "" : ", ") + text_of(agent, "name");
    }
  }
  return names;
}

std::string roles_text(const Json& agent) {
  std::string text;
  const auto add = [&text](bool is_so, const char* word) {
    if (is_so) {
      text += (text.empty() ? "" : ", ") + std::string(word);
    }
  };
  add(flag_of(agent, "is_leader"), "leader");
  add(flag_of(agent, "is_voter"), "voter");
  add(text_of(agent, "role") == "witness", "witness");
  add(!flag_of(agent, "in_view"), "not in the view");
  add(!text_of(agent, "quarantined").empty(), "quarantined");
  return text;
}

Cell contact_cell(const Json& agent) {
  if (flag_of(agent, "is_self")) {
    return {"this agent", Colour::good};
  }
  return flag_of(agent, "is_connected") ? Cell{"connected", Colour::good}
                                        : Cell{"gone", Colour::bad};
}

Cell optional(const Json& agent, const char* name) {
  const Json& part = part_of(agent, name);
  return right(part.is_number() ? count_text(part.get<double>()) : "-");
}

}  // namespace

std::string show_agents(const Json& agents, Style style) {
  const bool has_figures = std::any_of(agents.begin(), agents.end(), [](const Json& agent) {
    return !part_of(agent, "sent_bytes").is_null();
  });
  std::vector<std::string> heading{"agent", "address", "zone", "role", "contact", "since"};
  if (has_figures) {
    heading.insert(heading.end(), {"round trip us", "sent bytes", "received bytes"});
  }
  Table table(heading);
  for (const Json& agent : agents) {
    std::vector<Cell> row{
        {text_of(agent, "name")}, {text_of(agent, "address")},
        {text_of(agent, "zone")}, {roles_text(agent)},
        contact_cell(agent),      right(age_text(number_of(agent, "age_ms", -1)))};
    if (has_figures) {
      row.push_back(optional(agent, "round_trip_us"));
      row.push_back(optional(agent, "sent_bytes"));
      row.push_back(optional(agent, "received_bytes"));
    }
    table.add(std::move(row));
  }
  return table.text(2, style.has_colour);
}

std::string show_peers(const Json& reply, Style style) {
  std::string text;
  if (const std::string why = text_of(reply, "forming"); !why.empty()) {
    text += coloured("no fleet yet: " + why, Colour::bad, style.has_colour) + "\n";
  }
  text += show_agents(part_of(reply, "agents"), style);
  const Json& failing = part_of(reply, "failing");
  if (failing.empty()) {
    return text;
  }
  Table table({"nobody answers at", "last error"});
  for (const Json& address : failing) {
    table.add({{text_of(address, "address"), Colour::bad}, {text_of(address, "last_error")}});
  }
  return text + "\n" + table.text(2, style.has_colour);
}

std::string show_agree(const Json& reply, Style style) {
  const Json& agents = part_of(reply, "agents");
  const bool do_agree = flag_of(reply, "agrees");
  const std::string verdict = do_agree ? "all live agents agree"
                              : agents.empty()
                                  ? "there is no fleet yet"
                                  : "agents differ (" + names_that_differ(agents) + ")";
  std::string text =
      coloured(verdict, do_agree ? Colour::good : Colour::bad, style.has_colour) +
      fmt::format(": epoch {}, digest {}\n", text_of(reply, "epoch"), text_of(reply, "digest"));
  Table table({"agent", "address", "epoch", "digest", "since", "says"});
  for (const Json& agent : agents) {
    const bool is_live = flag_of(agent, "is_live");
    table.add({{text_of(agent, "name")},
               {text_of(agent, "address")},
               right(is_live ? text_of(agent, "epoch") : "-"),
               {is_live ? text_of(agent, "digest") : "-"},
               right(is_live ? age_text(number_of(agent, "age_ms", -1)) : "-"),
               answer_cell(agent)});
  }
  return text + table.text(2, style.has_colour);
}

}  // namespace ringfence::tools
