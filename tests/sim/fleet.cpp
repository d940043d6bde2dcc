#include "tests/sim/fleet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace ringfence::sim {

Fleet::Fleet(std::uint64_t seed, FleetPlan plan)
    : plan_(plan),
      is_traced_(std::getenv("RINGFENCE_SIM_TRACE") != nullptr),  // NOLINT(concurrency-mt-unsafe)
      schedule_(seed),
      truth_(check_, [this](std::size_t host) { return clock_of(host); }),
      mesh_(schedule_, plan.host_count, mesh_ends()),
      engine_(schedule_, engine_world()),
      hosts_(plan.host_count),
      backends_(plan.backend_count),
      trouble_ends_(schedule_.now() + plan.trouble) {
  pool_.name = "p";
  for (std::size_t i = 0; i < backends_.size(); ++i) {
    backends_[i].address = "b" + std::to_string(i);
    pool_.backends.push_back({backends_[i].address, 1, NamedBy::configuration});
  }
  pool_.timing.hold_down = 200_ms;
  pool_.timing.hold_down_max = 800_ms;
  pool_.timing.eviction_refill = pool_.timing.admission_refill = 200_ms;
  pool_.timing.grace = chance(50) ? 0_ms : 500_ms;
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    Host& host = hosts_[i];
    host.address = "a" + std::to_string(i);
    host.drift_ppm = static_cast<std::int64_t>(random(401)) - 200;
    host.reaches.assign(backends_.size(), true);
    host.peers.resize(hosts_.size());
    renew_identity(i);
    renew_segment(i);
  }
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

EngineWorld Fleet::engine_world() {
  EngineWorld world;
  world.reaches = [this](AgentId a, AgentId b) {
    const auto first = host_of(a);
    const auto second = host_of(b);
    return first.has_value() && second.has_value() && mesh_.is_connected(*first, *second);
  };
  world.tell = [this](AgentId id, Event event) {
    if (const auto host = host_of(id); host.has_value()) give(*host, std::move(event));
  };
  world.committed = [this](LogIndex index, const std::string& bytes) {
    truth_.committed(index, bytes);
  };
  world.snapshot = [this] { return truth_.snapshot(); };
  world.confirmed = [this](Instant submitted_at) { truth_.confirmed(submitted_at); };
  world.note = [this](const std::string& text) { trace(text); };
  return world;
}

void Fleet::run() {
  for (std::size_t host = 0; host < hosts_.size(); ++host) {
    after(between(1_ms, 300_ms), [this, host] { start_agent(host); });
  }
  for (std::size_t client = 0; client < clients_.size(); ++client) {
    after(between(1_ms, 20_ms), [this, client] { client_turn(client); });
  }
  after(between(100_ms, 1000_ms), [this] { draw_fault(); });
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

// --- peace ---------------------------------------------------------------------------------------

void Fleet::make_peace() {
  trace("--- peace ---");
  engine_.is_slow = engine_.has_unknown_outcomes = false;
  for (std::size_t a = 0; a < hosts_.size(); ++a) {
    for (std::size_t b = 0; b < hosts_.size(); ++b) {
      if (a != b) mesh_.heal(a, b);
    }
    hosts_[a].reaches.assign(backends_.size(), true);
  }
  for (std::size_t backend = 0; backend < backends_.size(); ++backend) {
    Memcached& some = backends_[backend];
    some.is_up = true;
    some.refuses_flush = some.lies_about_flush = false;
    all_look_soon(backend);
  }
}

void Fleet::verify() {
  if (!engine_.leader().has_value()) return check_.fail("liveness: in peace nobody leads");
  for (std::size_t host = 0; host < hosts_.size(); ++host) verify(host);
  const auto leader = host_of(*engine_.leader());
  if (!leader.has_value() || hosts_[*leader].node == nullptr) {
    return check_.fail("liveness: in peace the leader does not run");
  }
  for (const BackendReport& report : hosts_[*leader].node->report().backends) {
    if (report.state == "serving") continue;
    check_.fail("liveness: in peace " + report.address + " is " + report.state + ": " +
                report.reason);
  }
}

void Fleet::verify(std::size_t place) {
  const Host& host = hosts_[place];
  if (host.node == nullptr || host.segment->view == nullptr) {
    return check_.fail("liveness: in peace " + host.address + " publishes nothing: " +
                       (host.node == nullptr ? "it is down" : host.node->report().forming));
  }
  const std::uint64_t epoch = host.segment->view->epoch.value;
  if (epoch != this->epoch()) {
    check_.fail(fmt::format("liveness: in peace {} publishes epoch {}, the newest is {}",
                            host.address, epoch, this->epoch()));
  }
  if (host.segment->deadline <= clock_of(place)) {
    check_.fail("liveness: in peace " + host.address + " has no lease");
  }
  for (std::uint32_t slot = 0; slot < shm_layout::slot_count; ++slot) {
    if (host.segment->is_routable(slot)) continue;
    return check_.fail(
        fmt::format("liveness: in peace {} does not route slot {}", host.address, slot));
  }
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
