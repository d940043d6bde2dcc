// See check.hpp; and what a reload cannot change.
#include "agent/config/check.hpp"

#include <fmt/core.h>

#include "agent/config/keys.hpp"
#include "agent/config/values.hpp"

namespace ringfence::agent::config {
namespace {

Error at(const Lines& lines, std::uint32_t line, const std::string& what) {
  return Error{fmt::format("{}:{}: {}", lines.path, line, what)};
}

std::uint32_t line_of(const Lines& lines, const std::string& key) {
  const auto found = lines.keys.find(key);
  return found == lines.keys.end() ? 1 : found->second;
}

Status check_mesh(const Config& config, const Lines& lines) {
  const auto& mesh = config.mesh;
  if (mesh.role == "witness" && mesh.seeds.empty()) {
    return at(lines, line_of(lines, "mesh.role"),
              "mesh.role = \"witness\" needs other agents to vote with, and without mesh.seeds "
              "this is a fleet of one: give mesh.seeds, or remove the line");
  }
  if (!mesh.key_file.empty() && !mesh.cert_file.empty()) {
    return at(lines, line_of(lines, "mesh.cert_file"),
              "mesh.key_file and mesh.cert_file exclude each other: keep one");
  }
  const int certificate_files =
      !mesh.cert_file.empty() + !mesh.private_key_file.empty() + !mesh.ca_file.empty();
  if (certificate_files != 0 && certificate_files != 3) {
    const std::string named = !mesh.cert_file.empty()          ? "mesh.cert_file"
                              : !mesh.private_key_file.empty() ? "mesh.private_key_file"
                                                               : "mesh.ca_file";
    return at(lines, line_of(lines, named),
              "mesh.cert_file, mesh.private_key_file and mesh.ca_file go together: give all three");
  }
  if (mesh.is_insecure && !mesh.listen.empty() && !is_loopback(mesh.listen)) {
    return at(lines, line_of(lines, "mesh.insecure"),
              fmt::format("mesh.insecure = true is for loopback alone, and mesh.listen is {}: give "
                          "mesh.key_file, or listen on 127.0.0.1",
                          mesh.listen));
  }
  return Done{};
}

Status check_lease(const Config& config, const Lines& lines) {
  if (config.lease.margin.ns * 4 < config.lease.length.ns) return Done{};
  const bool names_margin = lines.keys.count("lease.margin") != 0;
  return at(lines, line_of(lines, names_margin ? "lease.margin" : "lease.length"),
            fmt::format("lease.margin ({}) must be below a quarter of lease.length ({}): a lease "
                        "is renewed every quarter",
                        show_duration(config.lease.margin), show_duration(config.lease.length)));
}

std::uint32_t element_line(const PoolLines& lines, std::string_view key, std::size_t n) {
  const auto found = lines.elements.find(key);
  return found == lines.elements.end() ? lines.pool : found->second[n];
}

Status check_backends(const PoolConfig& pool, const PoolLines& at_lines, const Lines& lines) {
  std::map<std::string, std::uint32_t> seen;
  for (std::size_t i = 0; i < pool.backends.size(); i++) {
    const std::uint32_t line = element_line(at_lines, "backends", i);
    const auto [first, is_new] = seen.emplace(pool.backends[i].address, line);
    if (is_new) continue;
    return at(lines, line,
              fmt::format("backend {} stands twice in pool \"{}\" (first in line {}): remove one",
                          pool.backends[i].address, pool.name, first->second));
  }
  return Done{};
}

// Every host of a fleet connects to each address: behind this one each would find its own.
Status check_backends_are_shared(const Config& config, const Lines& lines) {
  const std::string& listen = config.mesh.listen;
  if (listen.empty() || is_loopback(listen)) return Done{};
  const auto check_list = [&](const std::vector<core::WantedBackend>& list, std::size_t pool,
                              std::string_view key) -> Status {
    for (std::size_t n = 0; n < list.size(); n++) {
      const std::string& address = list[n].address;
      if (!is_loopback(address) && address.rfind("localhost:", 0) != 0) continue;
      return at(lines, element_line(lines.pools[pool], key, n),
                fmt::format("backend {} is another memcached on each host of a fleet: give the "
                            "address at which all hosts reach it (mesh.listen is {})",
                            address, listen));
    }
    return Done{};
  };
  for (std::size_t i = 0; i < config.pools.size(); i++) {
    const PoolConfig& pool = config.pools[i];
    if (Status status = check_list(pool.backends, i, "backends"); !status) return status;
    if (Status status = check_list(pool.discovery.announce, i, "announce"); !status) return status;
  }
  return Done{};
}

// Two pools would share the keys on its wire, and its claim: neither could tell what is its own.
Status check_backends_across_pools(const Config& config, const Lines& lines) {
  std::map<std::string, std::string> owners;
  for (std::size_t i = 0; i < config.pools.size(); i++) {
    const PoolConfig& pool = config.pools[i];
    for (std::size_t n = 0; n < pool.backends.size(); n++) {
      const std::string& address = pool.backends[n].address;
      const auto [owner, is_first] = owners.emplace(address, pool.name);
      if (is_first) continue;
      return at(lines, element_line(lines.pools[i], "backends", n),
                fmt::format("backend {} of pool \"{}\" is one of pool \"{}\" already, and a "
                            "memcached serves one pool: remove one, or start another memcached",
                            address, pool.name, owner->second));
    }
  }
  return Done{};
}

Status check_discovery(const DiscoveryConfig& discovery, const PoolLines& here,
                       const Lines& lines) {
  const bool is_program = discovery.exec.empty() || discovery.exec.front().front() == '/';
  if (is_program) return Done{};
  return at(
      lines, element_line(here, "backends_exec", 0),
      fmt::format("pool.backends_exec: \"{}\" is no absolute path: the command runs without a "
                  "shell, so the first element is the program's path and each argument is an "
                  "element of its own",
                  discovery.exec.front()));
}

Status check_pools(const Config& config, const Lines& lines) {
  if (lines.pools.empty()) return Done{};
  if (config.pools.size() > pool_count_max) {
    return at(lines, lines.pools[pool_count_max].pool,
              fmt::format("{} pools: at most {} are allowed", config.pools.size(), pool_count_max));
  }
  std::map<std::string, std::uint32_t> names;
  std::map<std::string, std::string> listens;
  for (std::size_t i = 0; i < config.pools.size(); i++) {
    const PoolConfig& pool = config.pools[i];
    const PoolLines& here = lines.pools[i];
    const auto [first, is_new] = names.emplace(pool.name, here.pool);
    if (!is_new) {
      return at(lines, here.pool,
                fmt::format("pool \"{}\" stands twice (first in line {}): give each its own name",
                            pool.name, first->second));
    }
    if (pool.timing.hold_down_max < pool.timing.hold_down) {
      const auto line = here.keys.find("hold_down_max");
      return at(lines, line != here.keys.end() ? line->second : here.keys.at("hold_down"),
                fmt::format("pool.hold_down_max ({}) is below pool.hold_down ({})",
                            show_duration(pool.timing.hold_down_max),
                            show_duration(pool.timing.hold_down)));
    }
    if (Status status = check_discovery(pool.discovery, here, lines); !status) return status;
    if (Status status = check_backends(pool, here, lines); !status) return status;
    for (std::size_t n = 0; n < pool.listen.size(); n++) {
      const bool lets_kernel_pick =
          pool.listen[n].front() != '/' && pool.listen[n].substr(pool.listen[n].rfind(':')) == ":0";
      const auto [owner, is_first] = listens.emplace(pool.listen[n], pool.name);
      if (is_first || lets_kernel_pick) continue;
      return at(lines, element_line(here, "listen", n),
                fmt::format("{} is listened on twice (pool \"{}\" has it already): remove one",
                            pool.listen[n], owner->second));
    }
  }
  if (Status status = check_backends_are_shared(config, lines); !status) return status;
  return check_backends_across_pools(config, lines);
}

}  // namespace

Status check(const Config& config, const Lines& lines) {
  if (Status status = check_mesh(config, lines); !status) return status;
  if (Status status = check_lease(config, lines); !status) return status;
  return check_pools(config, lines);
}

std::vector<std::string> needs_restart(const Config& running, const Config& loaded) {
  std::vector<std::string> found;
  const auto compare = [&](std::string_view key, const auto& was, const auto& is) {
    if (was == is) return;
    found.push_back(fmt::format("{} was changed and takes effect at the next start", key));
  };
  compare("cluster", running.cluster, loaded.cluster);
  compare("instance", running.instance, loaded.instance);
  compare("state_dir", running.state_dir, loaded.state_dir);
  compare("segment_dir", running.segment_dir, loaded.segment_dir);
  compare("segment_group", running.segment_group, loaded.segment_group);
  compare("io_threads", running.io_threads, loaded.io_threads);
  compare("mesh.listen", running.mesh.listen, loaded.mesh.listen);
  compare("mesh.advertise", running.mesh.advertise, loaded.mesh.advertise);
  compare("mesh.key_file", running.mesh.key_file, loaded.mesh.key_file);
  compare("mesh.cert_file", running.mesh.cert_file, loaded.mesh.cert_file);
  compare("mesh.private_key_file", running.mesh.private_key_file, loaded.mesh.private_key_file);
  compare("mesh.ca_file", running.mesh.ca_file, loaded.mesh.ca_file);
  compare("mesh.insecure", running.mesh.is_insecure, loaded.mesh.is_insecure);
  compare("mesh.role", running.mesh.role, loaded.mesh.role);
  compare("mesh.zone", running.mesh.zone, loaded.mesh.zone);
  compare("control.listen", running.control.listen, loaded.control.listen);
  compare("lease.length", running.lease.length, loaded.lease.length);
  compare("lease.margin", running.lease.margin, loaded.lease.margin);
  return found;
}

}  // namespace ringfence::agent::config
