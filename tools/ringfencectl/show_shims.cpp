// `shims` for people: a row a process, and below it what its backends did.
#include <fmt/format.h>

#include "tools/ringfencectl/fields.hpp"
#include "tools/ringfencectl/show.hpp"
#include "tools/ringfencectl/text.hpp"

namespace ringfence::tools {
namespace {

constexpr std::int64_t us_per_ms = 1000;
constexpr std::int64_t us_per_s = 1'000'000;

Cell right(std::string text, Colour colour = Colour::none) {
  return {std::move(text), colour, true};
}

Cell count_cell(const Json& json, const char* name) {
  return right(count_text(static_cast<double>(number_of(json, name))));
}

// A count that should stay 0.
Cell trouble_cell(const Json& json, const char* name) {
  Cell cell = count_cell(json, name);
  cell.colour = number_of(json, name) > 0 ? Colour::doubtful : Colour::none;
  return cell;
}

// The answers came within this; "-" where there were none.
Cell quantile_cell(const Json& json, const char* name) {
  if (!part_of(json, name).is_number()) return right("-");
  const std::int64_t us = number_of(json, name);
  if (us < 0) return right("more");
  if (us < us_per_ms) return right(fmt::format("{} us", us));
  const bool is_short = us < us_per_s;
  return right(fmt::format("{:.1f} {}", static_cast<double>(us) / (is_short ? us_per_ms : us_per_s),
                           is_short ? "ms" : "s"));
}

Cell hit_ratio_cell(const Json& shim) {
  const auto hits = static_cast<double>(number_of(shim, "hits"));
  const double asked = hits + static_cast<double>(number_of(shim, "misses"));
  return right(asked > 0 ? fmt::format("{:.1f}", 100 * hits / asked) : "-");
}

std::string who_text(const Json& shim) {
  const std::string kind = text_of(shim, "kind");
  return text_of(shim, "process") + (kind == "linked" ? "" : " (" + kind + ")");
}

std::vector<Cell> shim_row(const Json& shim) {
  return {right(text_of(shim, "pid")),
          right(text_of(shim, "uid")),
          {who_text(shim)},
          {text_of(shim, "pool")},
          right(age_text(number_of(shim, "age_ms", -1))),
          count_cell(shim, "requests"),
          hit_ratio_cell(shim),
          quantile_cell(shim, "p50_us"),
          quantile_cell(shim, "p99_us"),
          trouble_cell(shim, "refused_by_lease"),
          trouble_cell(shim, "refused_by_fence"),
          trouble_cell(shim, "redone"),
          trouble_cell(shim, "timed_out"),
          trouble_cell(shim, "overflowed"),
          trouble_cell(shim, "errors")};
}

std::string backend_name(const Json& backend) {
  const std::string address = text_of(backend, "address");
  return address.empty() ? "number " + text_of(backend, "index") + ", no longer in the view"
                         : address;
}

void add_backends(Table& table, const Json& shim) {
  for (const Json& backend : part_of(shim, "backends")) {
    table.add({right(text_of(shim, "pid")),
               {text_of(shim, "pool")},
               {backend_name(backend)},
               count_cell(backend, "answers"),
               quantile_cell(backend, "p50_us"),
               quantile_cell(backend, "p99_us"),
               trouble_cell(backend, "errors")});
  }
}

std::string note(std::int64_t count, const char* one, const char* several) {
  return count == 0 ? "" : fmt::format("{} {}\n", count, count == 1 ? one : several);
}

std::string notes_text(const Json& reply) {
  std::string text = note(number_of(reply, "left_out"), "more process is not shown",
                          "more processes are not shown");
  text += note(number_of(reply, "other_version"), "process counts in another version's format",
               "processes count in another version's format");
  text += note(number_of(reply, "unreadable"), "file there is no process's counters",
               "files there are no process's counters");
  if (flag_of(reply, "is_cut")) text += "the directory holds too many files: not all were read\n";
  return text;
}

}  // namespace

std::string show_shims(const Json& reply, Style style) {
  const Json& shims = part_of(reply, "shims");
  if (!shims.is_array() || shims.empty()) {
    return "no process counts for this agent's pools\n" + notes_text(reply);
  }
  Table processes({"pid", "uid", "process", "pool", "age", "requests", "hit %", "p50 <", "p99 <",
                   "no lease", "fenced", "redone", "timed out", "overflow", "errors"});
  Table backends({"pid", "pool", "backend", "answers", "p50 <", "p99 <", "errors"});
  bool has_backends = false;
  for (const Json& shim : shims) {
    processes.add(shim_row(shim));
    add_backends(backends, shim);
    has_backends = has_backends || !part_of(shim, "backends").empty();
  }
  std::string text = processes.text(0, style.has_colour);
  if (has_backends) text += "\n" + backends.text(0, style.has_colour);
  return text + notes_text(reply);
}

}  // namespace ringfence::tools
