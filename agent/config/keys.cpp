// The keys of the agent itself, and what is made from the whole table. See keys.hpp.
#include "agent/config/keys.hpp"

#include <fmt/core.h>

#include "agent/config/values.hpp"

namespace ringfence::agent::config {
namespace {

constexpr std::string_view name_allowed = "1 to 63 of A-Z a-z 0-9 _ -";
constexpr std::string_view path_allowed = "an absolute path";

Status store_name(std::string& place, std::string_view text) {
  if (!is_name(text)) return Error{fmt::format("\"{}\" is no name: {}", text, name_allowed)};
  place = text;
  return Done{};
}
Status store_path(std::string& place, std::string_view text) {
  if (text.empty() || text.front() != '/') {
    return Error{fmt::format("\"{}\" is no absolute path: it begins with '/'", text)};
  }
  place = text;
  return Done{};
}
Status store_path_or_nothing(std::string& place, std::string_view text) {
  if (!text.empty()) return store_path(place, text);
  place.clear();
  return Done{};
}

// Of the mesh: a port, never a path.
Status store_port(std::string& place, Result<std::string> address) {
  if (!address) return address.error();
  if (address.value().front() == '/') {
    return Error{
        fmt::format("\"{}\" is a path: agents reach each other over the network, at "
                    "host:port",
                    address.value())};
  }
  place = std::move(address).value();
  return Done{};
}

using T = Target;
using V = Value;

std::vector<Key> top_keys() {
  return {
      {Section::top, "cluster", ValueKind::text, "\"default\"", 0, 0, name_allowed,
       "names the fleet and its segments; one fleet needs no other name",
       [](const T& t, const V& v) { return store_name(t.config->cluster, v.text); }},
      {Section::top, "instance", ValueKind::text, "\"\"", 0, 0, "empty, or a name",
       "one agent a host is the rule; a name tells several apart",
       [](const T& t, const V& v) -> Status {
         t.config->instance.clear();
         if (v.text.empty()) return Done{};
         return store_name(t.config->instance, v.text);
       }},
      {Section::top, "state_dir", ValueKind::text, "\"/var/lib/ringfence\"", 0, 0, path_allowed,
       "a disk that survives a reboot: identity and the engine's log lie here",
       [](const T& t, const V& v) { return store_path(t.config->state_dir, v.text); }},
      {Section::top, "segment_dir", ValueKind::text, "\"/dev/shm/ringfence\"", 0, 0, path_allowed,
       "tmpfs: shims map it, and it need not survive a reboot",
       [](const T& t, const V& v) { return store_path(t.config->segment_dir, v.text); }},
      {Section::top, "segment_group", ValueKind::text, "\"\"", 0, 0,
       "a group of this host; empty: the agent's own",
       "only members of that group can read the segments",
       [](const T& t, const V& v) -> Status {
         t.config->segment_group.clear();
         if (v.text.empty()) return Done{};
         return store_name(t.config->segment_group, v.text);
       }},
      {Section::top, "io_threads", ValueKind::count, "1", 1, 64, "",
       "one thread serves tens of thousands of requests a second and keeps memory small",
       [](const T& t, const V& v) -> Status {
         t.config->io_threads = static_cast<std::uint32_t>(v.number);
         return Done{};
       }},
  };
}

std::vector<Key> mesh_keys() {
  return {
      {Section::mesh, "listen", ValueKind::text, "\"\"", 0, 0, "ip:port; empty: not at all",
       "a fleet of one has nobody to listen to",
       [](const T& t, const V& v) -> Status {
         t.config->mesh.listen.clear();
         if (v.text.empty()) return Done{};
         return store_port(t.config->mesh.listen, parse_listen(v.text));
       }},
      {Section::mesh, "advertise", ValueKind::text, "\"\"", 0, 0, "host:port; empty: mesh.listen",
       "others reach this agent where it listens; not so behind NAT, or when it listens on 0.0.0.0",
       [](const T& t, const V& v) -> Status {
         t.config->mesh.advertise.clear();
         if (v.text.empty()) return Done{};
         return store_port(t.config->mesh.advertise, parse_address(v.text));
       }},
      {Section::mesh, "seeds", ValueKind::texts, "[]", 0, 64, "host:port", "empty: a fleet of one",
       [](const T& t, const V& v) -> Status {
         std::string seed;
         if (Status status = store_port(seed, parse_address(v.text)); !status) return status;
         t.config->mesh.seeds.push_back(std::move(seed));
         return Done{};
       },
       [](const T& t) { t.config->mesh.seeds.clear(); }},
      {Section::mesh, "key_file", ValueKind::text, "\"\"", 0, 0, path_allowed,
       "one cluster key, or certificates: never both",
       [](const T& t, const V& v) {
         return store_path_or_nothing(t.config->mesh.key_file, v.text);
       }},
      {Section::mesh, "cert_file", ValueKind::text, "\"\"", 0, 0, path_allowed,
       "goes with private_key_file and ca_file",
       [](const T& t, const V& v) {
         return store_path_or_nothing(t.config->mesh.cert_file, v.text);
       }},
      {Section::mesh, "private_key_file", ValueKind::text, "\"\"", 0, 0, path_allowed,
       "goes with cert_file and ca_file",
       [](const T& t, const V& v) {
         return store_path_or_nothing(t.config->mesh.private_key_file, v.text);
       }},
      {Section::mesh, "ca_file", ValueKind::text, "\"\"", 0, 0, path_allowed,
       "goes with cert_file and private_key_file",
       [](const T& t, const V& v) {
         return store_path_or_nothing(t.config->mesh.ca_file, v.text);
       }},
      {Section::mesh, "insecure", ValueKind::truth, "false", 0, 0, "",
       "plaintext only when asked for, and only on loopback",
       [](const T& t, const V& v) -> Status {
         t.config->mesh.is_insecure = v.is_true;
         return Done{};
       }},
      {Section::mesh, "role", ValueKind::choice, "\"auto\"", 0, 0, "auto | witness",
       "a witness votes and has no traffic; a fleet of one needs none",
       [](const T& t, const V& v) -> Status {
         t.config->mesh.role = v.text;
         return Done{};
       }},
      {Section::mesh, "zone", ValueKind::text, "\"\"", 0, 0, "empty, or a name",
       "where hosts fail together, a name for each such place spreads the voters over them",
       [](const T& t, const V& v) -> Status {
         t.config->mesh.zone.clear();
         if (v.text.empty()) return Done{};
         return store_name(t.config->mesh.zone, v.text);
       }},
      {Section::mesh, "forget_after", ValueKind::duration, "\"1h\"", 1'000'000'000,
       30 * std::int64_t{86400} * 1'000'000'000, "",
       "an agent that nobody heard of for so long leaves the view; a host that reboots does not",
       [](const T& t, const V& v) -> Status {
         t.config->mesh.forget_after = core::Duration{v.number};
         return Done{};
       }},
  };
}

std::vector<Key> other_keys() {
  return {
      {Section::control, "listen", ValueKind::text, "\"/run/ringfence/control.sock\"", 0, 0,
       "an absolute path of at most 107 bytes", "where ringfencectl looks",
       [](const T& t, const V& v) -> Status {
         if (v.text.empty() || v.text.front() != '/') {
           return store_path(t.config->control.listen, v.text);
         }
         Result<std::string> path = parse_listen(v.text);
         if (!path) return path.error();
         t.config->control.listen = std::move(path).value();
         return Done{};
       }},
      {Section::lease, "length", ValueKind::duration, "\"2s\"", 100'000'000, 60'000'000'000, "",
       "a dead agent's host misses after this; renewed every quarter of it",
       [](const T& t, const V& v) -> Status {
         t.config->lease.length = {v.number};
         return Done{};
       }},
      {Section::lease, "margin", ValueKind::duration, "\"50ms\"", 1'000'000, 10'000'000'000,
       "below a quarter of length", "clock drift and a late thread; 2 s drift by 1 ms at 500 ppm",
       [](const T& t, const V& v) -> Status {
         t.config->lease.margin = {v.number};
         return Done{};
       }},
      {Section::log, "level", ValueKind::choice, "\"info\"", 0, 0, "debug | info | warning | error",
       "each change of the view is one line",
       [](const T& t, const V& v) -> Status {
         t.config->log.level = v.text;
         return Done{};
       }},
  };
}

std::string limits_of_number(const Key& key, bool is_duration) {
  const auto show = [&](std::int64_t n) {
    return is_duration ? show_duration({n}) : fmt::format("{}", n);
  };
  std::string limits = fmt::format("{} to {}", show(key.min), show(key.max));
  if (!key.allowed.empty()) limits += fmt::format(", {}", key.allowed);
  return limits;
}

}  // namespace

std::vector<Key> detail::agent_keys() {
  std::vector<Key> keys = top_keys();
  for (Key& key : mesh_keys()) keys.push_back(key);
  for (Key& key : other_keys()) keys.push_back(key);
  return keys;
}

std::string_view section_name(Section section) {
  switch (section) {
    case Section::top:
      return "";
    case Section::mesh:
      return "mesh";
    case Section::control:
      return "control";
    case Section::lease:
      return "lease";
    case Section::log:
      return "log";
    case Section::pool:
      break;
  }
  return "pool";
}

const std::vector<Key>& all_keys() {
  static const std::vector<Key> keys = [] {
    std::vector<Key> made = detail::agent_keys();
    for (Key& key : detail::pool_keys()) made.push_back(key);
    return made;
  }();
  return keys;
}

const Key* find_key(Section section, std::string_view name) {
  for (const Key& key : all_keys()) {
    if (key.section == section && key.name == name) return &key;
  }
  return nullptr;
}

std::string limits_of(const Key& key) {
  switch (key.kind) {
    case ValueKind::text:
    case ValueKind::choice:
      return std::string(key.allowed);
    case ValueKind::truth:
      return "true | false";
    case ValueKind::texts:
      return fmt::format("at most {}, each {}", key.max, key.allowed);
    case ValueKind::duration:
      return limits_of_number(key, true);
    case ValueKind::count:
      break;
  }
  return limits_of_number(key, false);
}

std::vector<std::string_view> choices_of(const Key& key) {
  constexpr std::string_view between = " | ";
  std::vector<std::string_view> choices;
  std::string_view rest = key.allowed;
  for (std::size_t at = rest.find(between); at != std::string_view::npos; at = rest.find(between)) {
    choices.push_back(rest.substr(0, at));
    rest.remove_prefix(at + between.size());
  }
  choices.push_back(rest);
  return choices;
}

std::string defaults_table() {
  std::string table = "| key | default | allowed | why this default |\n|---|---|---|---|\n";
  for (const Key& key : all_keys()) {
    const std::string_view section = section_name(key.section);
    std::string limits = limits_of(key);
    // A bare '|' would end the table's cell.
    for (std::size_t at = limits.find(" | "); at != std::string::npos; at = limits.find(" | ")) {
      limits.replace(at, 3, " or ");
    }
    table += fmt::format("| `{}{}{}` | `{}` | {} | {} |\n", section, section.empty() ? "" : ".",
                         key.name, key.default_text, limits, key.reason);
  }
  return table;
}

}  // namespace ringfence::agent::config
