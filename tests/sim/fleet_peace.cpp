// Fleet: the faults end, and within `peace` all must be well: every host that is there publishes
// the newest view of one fleet and routes by it, the view holds them and nobody else, and votes lie
// where they should.
#include <fmt/format.h>

#include <algorithm>

#include "agent/core/voters.hpp"
#include "tests/sim/fleet.hpp"

namespace ringfence::sim {

void Fleet::make_peace() {
  trace("--- peace ---");
  for (const auto& realm : realms_) {
    realm->engine.is_slow = realm->engine.has_unknown_outcomes = false;
  }
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
  const Realm* realm = main_realm();
  if (realm == nullptr) {
    const Node* first = hosts_[0].node.get();
    return check_.fail("liveness: in peace there is no fleet: " +
                       (first == nullptr ? "a0 is down" : first->report().forming));
  }
  if (!realm->engine.leader().has_value()) {
    return check_.fail("liveness: in peace nobody leads");
  }
  const View& newest = *realm->truth.view();
  for (std::size_t host = 0; host < hosts_.size(); ++host) {
    if (!hosts_[host].is_gone) verify(host, newest);
  }
  verify_agents(newest);
  verify_voters(*realm);
  verify_backends(*realm);
}

void Fleet::verify(std::size_t place, const View& newest) {
  const Host& host = hosts_[place];
  if (host.node == nullptr || host.segment->view == nullptr) {
    return check_.fail("liveness: in peace " + host.address + " publishes nothing: " +
                       (host.node == nullptr ? "it is down" : host.node->report().forming));
  }
  const View& view = *host.segment->view;
  if (view.cluster_id != newest.cluster_id) {
    return check_.fail("liveness: in peace " + host.address + " belongs to another fleet");
  }
  if (view.epoch != newest.epoch) {
    check_.fail(fmt::format("liveness: in peace {} publishes epoch {}, the newest is {}",
                            host.address, view.epoch.value, newest.epoch.value));
  }
  if (host.is_witness) return;
  if (host.segment->deadline <= clock_of(place)) {
    check_.fail("liveness: in peace " + host.address + " has no lease");
  }
  for (std::uint32_t slot = 0; slot < shm_layout::slot_count; ++slot) {
    if (host.segment->is_routable(slot)) continue;
    return check_.fail(
        fmt::format("liveness: in peace {} does not route slot {}", host.address, slot));
  }
}

void Fleet::verify_backends(const Realm& realm) {
  const auto leader = host_of(*realm.engine.leader());
  if (!leader.has_value() || hosts_[*leader].node == nullptr) {
    return check_.fail("liveness: in peace the leader does not run");
  }
  for (const BackendReport& report : hosts_[*leader].node->report().backends) {
    if (report.state == "serving") continue;
    check_.fail("liveness: in peace " + report.address + " is " + report.state + ": " +
                report.reason);
  }
}

// Who is there is in the view, in its role; who is gone for good, and former identities, are not.
void Fleet::verify_agents(const View& view) {
  for (const Host& host : hosts_) {
    const Agent* agent = view.find(host.disk.id);
    if (host.is_gone == (agent == nullptr)) {
      if (agent != nullptr && agent->is_witness != host.is_witness) {
        check_.fail("liveness: in peace the view has " + host.address + " in another role");
      }
      continue;
    }
    check_.fail("liveness: in peace " + host.address +
                (host.is_gone ? ", which is gone, is in the view" : " is not in the view"));
  }
  for (const Agent& agent : view.agents) {
    if (host_of(agent.id).has_value()) continue;
    check_.fail("liveness: in peace the view has a former identity of " + agent.address);
  }
}

std::size_t Fleet::voters_in(const Realm& realm, const std::string& zone) const {
  const auto& voters = realm.engine.voters();
  return static_cast<std::size_t>(
      std::count_if(voters.begin(), voters.end(), [this, &zone](AgentId voter) {
        const auto host = host_of(voter);
        return host.has_value() && hosts_[*host].zone == zone;
      }));
}

void Fleet::verify_voters(const Realm& realm) {
  const auto& voters = realm.engine.voters();
  const std::size_t wanted = voter_count_for(realm.truth.view()->agents.size());
  if (voters.size() != wanted) {
    check_.fail(
        fmt::format("liveness: in peace {} agents vote, and not {}", voters.size(), wanted));
  }
  for (const AgentId voter : voters) {
    const auto host = host_of(voter);
    const bool is_there = host.has_value() && !hosts_[*host].is_gone;
    if (!is_there) check_.fail("liveness: in peace one votes that is gone");
  }
  for (const Host& host : hosts_) {
    const bool votes = std::find(voters.begin(), voters.end(), host.disk.id) != voters.end();
    if (votes || host.is_gone || plan_.zone_count == 0) continue;
    const std::size_t here = voters_in(realm, host.zone);
    for (const Host& other : hosts_) {
      const std::size_t there = voters_in(realm, other.zone);
      if (there < here + 2) continue;
      return check_.fail(fmt::format("liveness: in peace {} of zone {} vote, and {} of {}", there,
                                     other.zone, here, host.zone));
    }
  }
}

}  // namespace ringfence::sim
