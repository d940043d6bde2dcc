// Fleet: hosts that do not reach some backends or peers, and what must not come of that (G6).
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "agent/core/host_part.hpp"
#include "tests/sim/fleet.hpp"

namespace ringfence::sim {

bool Fleet::is_on_host(std::size_t host, std::size_t backend) const {
  return host_part(backends_[backend].address) == hosts_[host].address;
}

void Fleet::cut_off(std::size_t host, std::size_t backend, Duration length) {
  trace(host, "cannot reach " + backends_[backend].address);
  if (hosts_[host].reaches[backend]) hosts_[host].cut_at[backend] = now();
  hosts_[host].reaches[backend] = false;
  after(length, [this, host, backend] {
    hosts_[host].reaches[backend] = true;
    if (hosts_[host].node != nullptr) look_soon(host, backend);
  });
  if (hosts_[host].node != nullptr) look_soon(host, backend);
}

// Some hosts cannot reach it for a while; the others can, and it keeps what it holds.
void Fleet::cut_from_some(std::size_t backend) {
  for (std::size_t host = 0; host < hosts_.size(); ++host) {
    if (chance(30)) cut_off(host, backend, between(10_ms, 3000_ms));
  }
}

// It reaches no backend but its own. One at a time, and once all serve: what is still on its way in
// is turned back by any host's word.
void Fleet::break_host() {
  const Realm* realm = main_realm();
  const Pool* pool = realm == nullptr ? nullptr : realm->truth.view()->find("p");
  if (now() < broken_until_ || pool == nullptr || pool->backends.size() < backends_.size()) return;
  const bool do_all_serve =
      std::all_of(pool->backends.begin(), pool->backends.end(),
                  [](const Backend& some) { return some.status == BackendStatus::serving; });
  if (!do_all_serve && !plan_.has_backend_faults) return;
  const std::size_t host = some_host();
  if (hosts_[host].node == nullptr) return;
  const Duration length = between(300_ms, 4000_ms);
  broken_until_ = now() + length + 1_s;
  trace(host, "is broken");
  for (std::size_t backend = 0; backend < backends_.size(); ++backend) {
    if (!is_on_host(host, backend)) cut_off(host, backend, length);
  }
}

void Fleet::cut_one() {
  const std::size_t host = random(hosts_.size());
  const std::size_t backend = random(backends_.size());
  if (hosts_[host].reaches[backend]) cut_off(host, backend, between(3_s, 7_s));
}

// Two agents that hear each other no more, or one the other.
void Fleet::cut_pair() {
  const std::size_t a = random(hosts_.size());
  const std::size_t b = random(hosts_.size());
  if (a == b || main_realm() == nullptr) return;
  trace(a, "is cut from " + hosts_[b].address);
  const Duration length = between(500_ms, 6_s);
  const bool is_both = chance(60);
  mesh_.cut(a, b);
  if (is_both) mesh_.cut(b, a);
  after(length, [this, a, b] {
    mesh_.heal(a, b);
    mesh_.heal(b, a);
  });
}

// While every backend is well and one host is not, no more than one is lost to it: its first report
// may have met another's.
void Fleet::judge_losses(const Proposal& proposal) {
  const Realm* realm = main_realm();
  const Pool* pool = realm == nullptr ? nullptr : realm->truth.view()->find("p");
  if (!plan_.has_broken_hosts || plan_.has_backend_faults || pool == nullptr) return;
  const auto gone =
      std::count_if(pool->backends.begin(), pool->backends.end(),
                    [](const Backend& some) { return some.status == BackendStatus::lost; });
  const auto going = std::count_if(proposal.ops.begin(), proposal.ops.end(), [](const Op& op) {
    return std::holds_alternative<LoseBackend>(op);
  });
  if (going == 0 || gone + going <= 1) return;
  check_.fail(
      fmt::format("G6: {} backends are lost, and all are well: {}", gone + going, proposal.what));
}

// None is admitted that a host which may route has not reached for longer than a report, a lease
// and all delays take, unless it was found out to be what is broken.
void Fleet::judge_admissions(std::size_t leader, const Proposal& proposal) {
  if (!plan_.has_lone_cuts || plan_.has_agent_faults) return;
  for (const Op& op : proposal.ops) {
    const auto* admit = std::get_if<AdmitBackend>(&op);
    if (admit == nullptr) continue;
    const std::size_t place = find(admit->address);
    std::set<AgentId> quarantined;
    for (const PeerReport& peer : hosts_[leader].node->report().peers) {
      if (!peer.quarantined.empty()) quarantined.insert(peer.id);
    }
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      const Host& host = hosts_[i];
      const bool is_cut = !host.reaches[place] && now() > host.cut_at[place] + 3_s;
      if (!is_cut || quarantined.count(host.disk.id) > 0) continue;
      if (host.segment->deadline <= clock_of(i)) continue;
      check_.fail(fmt::format("G6: {} is admitted, and {} does not reach it", admit->address,
                              host.address));
    }
  }
}

}  // namespace ringfence::sim
