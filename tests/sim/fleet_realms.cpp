// Fleet: how it comes to be. By the majority of its seeds; by a command where they never come; or
// with a host that was a fleet of its own before it was given seeds.
#include <algorithm>

#include "tests/sim/fleet.hpp"

namespace ringfence::sim {

// --- of one cluster id ---------------------------------------------------------------------------

Fleet::Realm& Fleet::found_realm(const ClusterId& id) {
  const bool may_be_second = plan_.beginning == Beginning::with_loner;
  if (!realms_.empty() && !may_be_second) check_.fail("G1: two fleets were formed");
  FleetCheck check(check_, segments_, [this](std::size_t host) { return clock_of(host); });
  realms_.push_back(std::make_unique<Realm>(schedule_, engine_world(id), std::move(check), id));
  return *realms_.back();
}

EngineWorld Fleet::engine_world(const ClusterId& id) {
  EngineWorld world;
  world.reaches = [this](AgentId a, AgentId b) {
    const auto first = host_of(a);
    const auto second = host_of(b);
    return first.has_value() && second.has_value() && mesh_.is_connected(*first, *second);
  };
  world.tell = [this](AgentId agent, Event event) {
    if (const auto host = host_of(agent); host.has_value()) give(*host, std::move(event));
  };
  world.committed = [this, id](LogIndex index, const std::string& bytes) {
    realm_of(id)->truth.committed(index, bytes);
    check_.logged(index, bytes, id);
  };
  world.snapshot = [this, id] { return realm_of(id)->truth.snapshot(); };
  world.confirmed = [this, id](Instant submitted_at) {
    realm_of(id)->truth.confirmed(submitted_at);
  };
  world.note = [this](const std::string& text) { trace(text); };
  return world;
}

Fleet::Realm* Fleet::realm_of(const ClusterId& id) const {
  for (const auto& realm : realms_) {
    if (realm->cluster_id == id) return realm.get();
  }
  return nullptr;
}

Fleet::Realm* Fleet::realm_of(std::size_t host) const {
  const Disk& disk = hosts_[host].disk;
  return disk.has_fleet ? realm_of(disk.cluster_id) : nullptr;
}

Fleet::Realm* Fleet::main_realm() const {
  Realm* largest = nullptr;
  std::ptrdiff_t most = 0;
  for (const auto& realm : realms_) {
    const auto count = std::count_if(hosts_.begin(), hosts_.end(), [&realm](const Host& host) {
      return host.disk.has_fleet && host.disk.cluster_id == realm->cluster_id;
    });
    if (count <= most) continue;
    most = count;
    largest = realm.get();
  }
  return largest;
}

std::uint64_t Fleet::epoch() const {
  const Realm* realm = main_realm();
  return realm == nullptr ? 0 : realm->truth.view()->epoch.value;
}

std::uint64_t Fleet::entry_count() const {
  const Realm* realm = main_realm();
  return realm == nullptr ? 0 : realm->engine.entry_count();
}

// --- what each host is told ----------------------------------------------------------------------

std::vector<std::string> Fleet::seeds_of(std::size_t host) const {
  if (hosts_[host].is_alone) return {};
  if (plan_.beginning == Beginning::by_bootstrap) return {hosts_[0].address, "nobody", "nobody2"};
  std::vector<std::string> seeds;
  for (std::size_t seed = 0; seed < std::min(plan_.seed_count, hosts_.size()); ++seed) {
    seeds.push_back(hosts_[seed].address);
  }
  return seeds;
}

WantedPool Fleet::wanted_by(std::size_t host) const {
  WantedPool wanted = pool_;
  if (hosts_[host].is_alone) wanted.backends.resize(1);
  return wanted;
}

// --- alone ---------------------------------------------------------------------------------------

// As the daemon: without seeds, a first start makes a fleet of this agent.
void Fleet::begin_alone(std::size_t place) {
  Disk& disk = hosts_[place].disk;
  disk.has_fleet = disk.is_voter = disk.is_founder = true;
  (void)found_realm(disk.cluster_id).engine.start(disk.id, {{disk.id, hosts_[place].address}});
}

// Once the others are one fleet: one of them that had none could come to this one, and then neither
// would give way.
void Fleet::give_seeds(std::size_t place) {
  Host& host = hosts_[place];
  for (std::size_t other = 0; other < hosts_.size(); ++other) {
    if (other == place || (realm_of(other) != nullptr && realm_of(other) == main_realm())) continue;
    return after(200_ms, [this, place] { give_seeds(place); });
  }
  trace(place, "is given seeds");
  host.is_alone = false;
  if (host.node == nullptr) return;  // it reads them when it starts
  if (chance(50)) return crash_agent(place, false);
  give(place, ShutdownAsked{});
}

// As the daemon: the segments are closed, the state is set aside, and it begins again. Nobody
// renews the claims of that fleet any more.
void Fleet::give_up(std::size_t place, const std::string& why) {
  Host& host = hosts_[place];
  const Realm& realm = *realm_of(place);
  trace(place, "gives up its fleet: " + why);
  if (realm.truth.view()->agents.size() > 1 || realm.engine.voters().size() > 1) {
    check_.fail("G1: an agent gives up a fleet that has others: " + why);
  }
  host.is_closed = true;
  host.segment->deadline = Instant{};
  after(1_s, [this, id = host.disk.cluster_id] {
    for (Memcached& backend : backends_) {
      if (backend.claim == id) backend.claim = ClusterId{};
    }
  });
  crash_agent(place, true);
}

// --- by command ----------------------------------------------------------------------------------

void Fleet::bootstrap() {
  const Host& host = hosts_[0];
  if (host.disk.has_fleet) return;
  after(500_ms, [this] { bootstrap(); });
  if (host.node == nullptr) return;
  trace(0, "is asked to form the fleet");
  give(0, BootstrapAsked{RequestId{++last_request_}});
}

}  // namespace ringfence::sim
