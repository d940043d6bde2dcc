#include "tests/sim/fleet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "tests/sim/seeds.hpp"

namespace ringfence::sim {

Fleet::Fleet(std::uint64_t seed, FleetPlan plan)
    : plan_(plan),
      is_traced_(is_traced()),
      schedule_(seed),
      budgets_(check_, plan.timing),
      mesh_(schedule_, plan.host_count, mesh_ends()),
      hosts_(plan.host_count),
      backends_(plan.backend_count),
      trouble_ends_(schedule_.now() + plan.trouble) {
  pool_.name = "p";
  for (std::size_t i = 0; i < backends_.size(); ++i) {
    // Every other one runs on a host with an agent.
    const bool has_agent = i % 2 == 1 && i / 2 < hosts_.size();
    backends_[i].address = has_agent ? fmt::format("a{}:{}", i / 2, i) : fmt::format("b{}", i);
    pool_.backends.push_back({backends_[i].address, 1, NamedBy::configuration});
  }
  pool_.options.has_tags = plan.has_tags;
  pool_.timing = plan.timing;
  pool_.timing.grace = chance(50) ? 0_ms : 500_ms;
  if (plan.mutation == Mutation::ignores_budgets) {
    pool_.timing.eviction_burst = pool_.timing.admission_burst = 1000;
  }
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    Host& host = hosts_[i];
    host.address = "a" + std::to_string(i);
    host.drift_ppm = static_cast<std::int64_t>(random(401)) - 200;
    host.reaches.assign(backends_.size(), true);
    host.cut_at.resize(backends_.size());
    host.peers.resize(hosts_.size());
    host.is_witness = i + plan.witness_count >= hosts_.size();
    if (plan.zone_count > 0) host.zone = "z" + std::to_string(i % plan.zone_count);
    renew_identity(i);
    renew_segment(i);
  }
  if (plan.beginning == Beginning::with_loner) hosts_.back().is_alone = true;
  for (std::size_t i = 0; i < plan.client_count; ++i) {
    const std::size_t host = i % hosts_.size();
    clients_.push_back({host, hosts_[host].segment});
  }
}

MeshEnds Fleet::mesh_ends() {
  MeshEnds ends;
  ends.up = [this](std::size_t host, std::size_t peer) {
    const Host& other = hosts_[peer];
    hosts_[host].peers[peer] = other.disk.id;
    give(
        host,
        PeerUp{
            other.disk.id, Incarnation{other.life}, other.address, other.address, {other.address}});
  };
  ends.down = [this](std::size_t host, std::size_t peer) {
    trace(host, "loses its connection to " + hosts_[peer].address);
    give(host, PeerDown{hosts_[host].peers[peer]});
  };
  ends.message = [this](std::size_t host, std::size_t from, std::string bytes) {
    give(host, MessageReceived{hosts_[host].peers[from], std::move(bytes)});
  };
  return ends;
}

void Fleet::run() {
  for (std::size_t host = 0; host < hosts_.size(); ++host) {
    after(between(1_ms, 300_ms), [this, host] { start_agent(host); });
  }
  for (std::size_t client = 0; client < clients_.size(); ++client) {
    after(between(1_ms, 20_ms), [this, client] { client_turn(client); });
  }
  after(between(100_ms, 1000_ms), [this] { draw_fault(); });
  if (plan_.has_departures) after(between(2_s, 4_s), [this] { draw_departure(); });
  if (plan_.beginning == Beginning::by_bootstrap) after(1_s, [this] { bootstrap(); });
  if (plan_.beginning == Beginning::with_loner) {
    after(between(500_ms, 5_s), [this] { give_seeds(hosts_.size() - 1); });
  }
  after(plan_.trouble, [this] { make_peace(); });
  const Instant end = trouble_ends_ + plan_.peace;
  while (check_.failures().empty() && schedule_.step(end)) {
  }
  if (check_.failures().empty()) verify();
}

void Fleet::after_in_life(std::size_t host, Duration delay, std::function<void()> action) {
  after(delay, [this, host, life = hosts_[host].life, run = std::move(action)] {
    if (hosts_[host].life == life && hosts_[host].node != nullptr) run();
  });
}

std::optional<std::size_t> Fleet::host_of(AgentId id) const {
  for (std::size_t host = 0; host < hosts_.size(); ++host) {
    if (hosts_[host].disk.id == id) return host;
  }
  return std::nullopt;
}

std::optional<std::size_t> Fleet::host_at(const std::string& address) const {
  for (std::size_t host = 0; host < hosts_.size(); ++host) {
    if (hosts_[host].address == address) return host;
  }
  return std::nullopt;
}

Instant Fleet::clock_of(std::size_t place) const {
  const Host& host = hosts_[place];
  return now() + Duration{now().ns * host.drift_ppm / 1'000'000 + host.jumped.ns};
}

Instant Fleet::truly(std::size_t place, Instant local) const {
  const Duration ahead = local - clock_of(place);
  return now() + Duration{ahead.ns - ahead.ns * hosts_[place].drift_ppm / 1'000'000};
}

void Fleet::trace(const std::string& text) const {
  if (!is_traced_) return;
  fmt::print(stderr, "{:11.6f}      {}\n", static_cast<double>(now().ns) / 1e9, text);
}

void Fleet::trace(std::size_t host, const std::string& text) const {
  if (!is_traced_) return;
  fmt::print(stderr, "{:11.6f} {:>4} {}\n", static_cast<double>(now().ns) / 1e9,
             hosts_[host].address, text);
}

}  // namespace ringfence::sim
