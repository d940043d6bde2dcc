// `status` for people.
#include <fmt/format.h>

#include "shm_layout/layout.hpp"
#include "tools/ringfencectl/fields.hpp"
#include "tools/ringfencectl/show.hpp"
#include "tools/ringfencectl/text.hpp"

namespace ringfence::tools {
namespace {

constexpr unsigned bar_cells = 16;

std::string listen_text(const Json& pool) {
  const Json& listen = part_of(pool, "listen");
  if (!listen.is_array()) {
    return text_of(pool, "listen");
  }
  std::string text;
  for (const Json& address : listen) {
    text += (text.empty() ? "" : ", ") + (address.is_string() ? address.get<std::string>() : "?");
  }
  return text;
}

std::string lease_text(std::int64_t left_ms) {
  return left_ms > 0 ? "lease " + age_text(left_ms) + " left" : "no lease: this host misses";
}

std::string change_text(const Json& change) {
  if (number_of(change, "epoch") == 0) {
    return "none yet";
  }
  std::string text =
      fmt::format("epoch {}, {} ago: {}", number_of(change, "epoch"),
                  age_text(number_of(change, "age_ms", -1)), text_of(change, "what"));
  if (const std::string why = text_of(change, "why"); !why.empty()) {
    text += " (" + why + ")";
  }
  if (const std::string who = text_of(change, "who"); !who.empty()) {
    text += ", by " + who;
  }
  return text;
}

// "leader in term 3", "led by h2 in term 3".
std::string lead_text(const Json& status) {
  const std::string leader = text_of(status, "leader");
  const std::string term = fmt::format("in term {}", number_of(status, "term"));
  if (flag_of(status, "is_leader")) {
    return "leader " + term;
  }
  return leader.empty() ? "no leader known" : "led by " + leader + " " + term;
}

std::string fleet_text(const Json& status, Style style) {
  const Json& agents = part_of(status, "agents");
  std::size_t in_view = 0;
  std::size_t connected = 0;
  for (const Json& agent : agents) {
    const bool is_counted = flag_of(agent, "in_view");
    in_view += is_counted ? 1 : 0;
    connected += is_counted && flag_of(agent, "is_connected") ? 1 : 0;
  }
  std::string text;
  if (const std::string why = text_of(status, "forming"); !why.empty()) {
    text += coloured("no fleet yet: " + why, Colour::bad, style.has_colour) + "\n";
  } else if (in_view > 1) {
    text += coloured(fmt::format("{} agents in the view, {} connected", in_view, connected),
                     in_view == connected ? Colour::good : Colour::doubtful, style.has_colour) +
            "\n";
  }
  for (const Json& agent : agents) {
    const std::string why = text_of(agent, "quarantined");
    if (why.empty()) continue;
    const char* who = flag_of(agent, "is_self") ? " (this host)" : "";
    text += coloured(fmt::format("quarantined: host {}{} has no lease and misses: {}",
                                 text_of(agent, "name"), who, why),
                     Colour::bad, style.has_colour) +
            "\n";
  }
  for (const Json& difference : part_of(status, "differences")) {
    text += coloured("differs: " + (difference.is_string() ? difference.get<std::string>() : "?"),
                     Colour::doubtful, style.has_colour) +
            "\n";
  }
  return text;
}

std::string head_text(const Json& status, Style style) {
  const Json& agent = part_of(status, "agent");
  const std::string instance = text_of(status, "instance");
  std::string text = fmt::format(
      "cluster {}{}   agent {} (pid {}, version {}), up {}\n", text_of(status, "cluster"),
      instance.empty() ? "" : "-" + instance, text_of(agent, "name"), text_of(agent, "pid"),
      text_of(agent, "version"), age_text(number_of(agent, "uptime_ms", -1)));
  const std::int64_t lease_left_ms = number_of(status, "lease_left_ms");
  text += fmt::format("epoch {}   digest {}   {}   {}{}\n", number_of(status, "epoch"),
                      text_of(status, "digest"), lead_text(status),
                      coloured(lease_text(lease_left_ms),
                               lease_left_ms > 0 ? Colour::good : Colour::bad, style.has_colour),
                      flag_of(status, "is_changing") ? "   a change is under way" : "");
  return text + fleet_text(status, style) +
         "last change: " + change_text(part_of(status, "last_change")) + "\n";
}

Cell right(std::string text) {
  return {std::move(text), Colour::none, true};
}

std::vector<Cell> backend_row(const std::string& pool, const Json& backend, const Rates& rates,
                              Style style) {
  const std::string state = text_of(backend, "state");
  const std::int64_t slots = number_of(backend, "slots");
  const double share = static_cast<double>(slots) / shm_layout::slot_count;
  const auto rate = rates.find(rate_key(pool, text_of(backend, "address")));
  return {{text_of(backend, "address")},
          {state, colour_of_state(state)},
          right(age_text(number_of(backend, "age_ms", -1))),
          {bar_text(share, bar_cells, style.is_ascii)},
          right(fmt::format("{:.1f}", share * 100)),
          right(text_of(backend, "weight")),
          right(rate == rates.end() ? "-" : count_text(rate->second)),
          right(count_text(static_cast<double>(number_of(backend, "requests")))),
          right(count_text(static_cast<double>(number_of(backend, "hits")))),
          right(text_of(backend, "errors")),
          right(text_of(backend, "flushes")),
          right(text_of(backend, "probe_us")),
          {text_of(backend, "reason"), Colour::faint}};
}

// What it lists, or what is wrong with it and since when.
std::string source_text(const Json& source, Style style) {
  const bool has_listed = flag_of(source, "has_listed");
  const std::string lists = has_listed
                                ? fmt::format("lists {} backends", number_of(source, "backends"))
                                : "not known yet, so nobody leaves the pool";
  const std::string head = fmt::format("  source {}: ", text_of(source, "name"));
  const std::string trouble = text_of(source, "trouble");
  if (trouble.empty()) {
    return head + lists + "\n";
  }
  return head +
         coloured(fmt::format("{}: for {}: {}", has_listed ? "the last list stays" : lists,
                              age_text(number_of(source, "trouble_age_ms", -1)), trouble),
                  Colour::doubtful, style.has_colour) +
         "\n";
}

std::string pool_text(const Json& pool, const Rates& rates, Style style) {
  const std::string name = text_of(pool, "name");
  std::string text = fmt::format("pool {} on {}   tags {}\n", name, listen_text(pool),
                                 flag_of(pool, "tags") ? "on" : "off: stale hits are possible");
  text += fmt::format("  segment {}\n", text_of(pool, "segment"));
  for (const Json& source : part_of(pool, "sources")) text += source_text(source, style);
  Table table({"backend", "state", "age", "share", "%", "weight", "requests/s", "requests", "hits",
               "errors", "flushes", "probe us", "why"});
  for (const Json& backend : part_of(pool, "backends")) {
    table.add(backend_row(name, backend, rates, style));
  }
  return text + table.text(2, style.has_colour);
}

}  // namespace

std::string rate_key(const std::string& pool, const std::string& address) {
  return pool + " " + address;
}

std::string show_status(const Json& status, const Rates& rates, Style style) {
  std::string text = head_text(status, style);
  if (part_of(status, "agents").size() > 1) {
    text += "\n" + show_agents(part_of(status, "agents"), style);
  }
  for (const Json& pool : part_of(status, "pools")) {
    text += "\n" + pool_text(pool, rates, style);
  }
  return text;
}

std::string show_line(const Json& status, const Rates& rates) {
  std::string text = fmt::format("epoch {}", number_of(status, "epoch"));
  const Json& agents = part_of(status, "agents");
  if (agents.size() > 1) {
    text += fmt::format("   {}", lead_text(status));
    for (const Json& agent : agents) {
      text += fmt::format("   {} {}", text_of(agent, "name"),
                          flag_of(agent, "is_connected") ? "here" : "gone");
    }
  }
  for (const Json& pool : part_of(status, "pools")) {
    for (const Json& backend : part_of(pool, "backends")) {
      const double share =
          static_cast<double>(number_of(backend, "slots")) / shm_layout::slot_count;
      const auto rate = rates.find(rate_key(text_of(pool, "name"), text_of(backend, "address")));
      text += fmt::format("   {} {} {:.0f} % {}/s", text_of(backend, "address"),
                          text_of(backend, "state"), share * 100,
                          count_text(rate == rates.end() ? 0 : rate->second));
    }
  }
  return text + "   last change: " + change_text(part_of(status, "last_change")) + "\n";
}

}  // namespace ringfence::tools
