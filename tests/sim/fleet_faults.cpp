// Fleet: what goes wrong.
#include <fmt/format.h>

#include <algorithm>

#include "tests/sim/fleet.hpp"

namespace ringfence::sim {

void Fleet::draw_fault() {
  if (now() >= trouble_ends_) return;
  after(between(30_ms, plan_.fault_pause_max), [this] { draw_fault(); });
  const std::uint64_t kind = random(11);
  if (kind < 4 && plan_.has_backend_faults) draw_backend_fault();
  if (kind >= 4 && kind < 7 && plan_.has_agent_faults) draw_agent_fault();
  if (kind >= 7 && kind < 10 && plan_.has_network_faults) draw_network_fault();
  if (kind == 10 && plan_.has_flush_alls) flush_all();
  if (plan_.has_broken_hosts) break_host();
  if (plan_.has_lone_cuts && chance(40)) cut_one();
  if (plan_.has_mass_failures && chance(15)) fail_many();
  if (plan_.has_option_changes && chance(10)) change_options();
}

// A host stays away for longer than the fleet remembers it, or for good. At most a third are gone.
void Fleet::draw_departure() {
  if (now() >= trouble_ends_) return;
  after(between(500_ms, 3_s), [this] { draw_departure(); });
  const std::size_t place = random(hosts_.size());
  Host& host = hosts_[place];
  const auto away =
      std::count_if(hosts_.begin(), hosts_.end(), [](const Host& some) { return some.is_gone; });
  if (host.node == nullptr || !may_lose_state(place)) return;
  if (chance(50) && static_cast<std::size_t>(away + 1) * 3 <= hosts_.size()) {
    trace(place, "leaves for good");
    host.is_gone = true;
  } else {
    trace(place, "leaves for long");
    host.absence = between(plan_.forget_after, Duration{plan_.forget_after.ns + (3_s).ns});
  }
  crash_agent(place, false);
}

// People change the file everywhere, and have one agent read it.
void Fleet::change_options() {
  const std::size_t place = random(hosts_.size());
  if (hosts_[place].node == nullptr) return;
  pool_.options.has_tags = !pool_.options.has_tags;
  trace(place, pool_.options.has_tags ? "is told to use tags" : "is told to use no tags");
  give(place, ConfigurationLoaded{{wanted_by(place)}, true});
}

// Most backends die at once, and are back at about the same time.
void Fleet::fail_many() {
  trace("many backends die");
  const std::uint64_t percent = 20 + random(80);
  for (std::size_t place = 0; place < backends_.size(); ++place) {
    if (!chance(percent)) continue;
    Memcached& backend = backends_[place];
    had_trouble(place);
    backend.store.clear();
    backend.claim = ClusterId{};
    backend.is_up = false;
    all_look_soon(place);
    after(between(500_ms, 3_s), [this, place] {
      backends_[place].is_up = true;
      all_look_soon(place);
    });
  }
}

// Leaders are rare, and worth it.
std::size_t Fleet::some_host() {
  const Realm* realm = main_realm();
  const auto id = realm == nullptr ? std::nullopt : realm->engine.leader();
  const auto leader = id.has_value() ? host_of(*id) : std::nullopt;
  if (leader.has_value() && chance(40)) return *leader;
  return random(hosts_.size());
}

void Fleet::draw_backend_fault() {
  const std::size_t backend = random(backends_.size());
  if (chance(30)) {
    cut_from_some(backend);
  } else {
    break_backend(backend);
  }
}

void Fleet::draw_agent_fault() {
  const std::size_t place = some_host();
  Host& host = hosts_[place];
  if (host.node == nullptr) return;
  for (const auto& realm : realms_) {
    realm->engine.has_unknown_outcomes = chance(20);
    realm->engine.is_slow = chance(20);
  }
  switch (random(5)) {
    case 0:
      return crash_agent(place, may_lose_state(place) && chance(40));
    case 1:
    case 2:
      return pause(place, chance(50) ? between(10_ms, 1000_ms) : between(1000_ms, 4000_ms));
    case 3:
      trace(place, "sees its clock jump");
      host.jumped = Duration{host.jumped.ns + between(1_ms, 5000_ms).ns};
      host.must_tell_jump = true;
      return;
    default:
      if (host.is_paused || host.is_closed) return;
      trace(place, "is asked to stop");
      return give(place, ShutdownAsked{});
  }
}

void Fleet::pause(std::size_t place, Duration length) {
  Host& host = hosts_[place];
  if (host.is_paused) return;
  trace(place, fmt::format("stands still for {} ms", length.ns / 1'000'000));
  host.is_paused = true;
  mesh_.pause(place, true);
  after_in_life(place, length, [this, place, length] {
    Host& then = hosts_[place];
    trace(place, "goes on");
    then.is_paused = false;
    then.must_tell_jump = then.must_tell_jump || length > 2_s;
    mesh_.pause(place, false);
    work(place);
  });
}

// Of a voter only while the others all have theirs: what a quorum lost is lost. Of a seed only
// while most of the others have theirs: a majority of seeds without a state forms a fleet, as at
// the first start.
bool Fleet::may_lose_state(std::size_t place) const {
  if (realms_.size() > 1) return false;  // it could come back into the one that is to give way
  const std::size_t seeds = std::min(plan_.seed_count, hosts_.size());
  std::size_t without = 0;
  for (std::size_t seed = 0; seed < seeds; ++seed) {
    const bool keeps = !hosts_[seed].has_lost_state && realm_of(seed) != nullptr;
    without += seed == place || !keeps ? 1 : 0;
  }
  if (place < seeds && without * 2 > seeds) return false;
  const Realm* realm = realm_of(place);
  const AgentId id = hosts_[place].disk.id;
  if (realm == nullptr || realm->truth.view()->find(id) == nullptr) return false;
  const std::vector<AgentId>& voters = realm->engine.voters();
  bool is_voter = hosts_[place].disk.is_voter;
  for (const AgentId voter : voters) {
    is_voter = is_voter || voter == id;
    const auto other = host_of(voter);
    if (!other.has_value()) return false;
    const Host& host = hosts_[*other];
    if (host.has_lost_state || host.is_gone || host.absence > Duration{}) return false;
  }
  return !is_voter || voters.size() >= 3;
}

void Fleet::draw_network_fault() {
  switch (random(5)) {
    case 0:
      return split();
    case 4:
      return cut_pair();
    case 1:
    case 2:
      return cut_some();
    default:
      break;
  }
  for (int i = 0; i < 3; ++i) {
    const std::size_t a = some_host();
    const std::size_t b = random(hosts_.size());
    if (a != b) mesh_.break_connection(a, b);
  }
  if (chance(50) && main_realm() != nullptr) main_realm()->engine.depose();
}

// Two sides that hear nothing of each other; one of them may be a single host.
void Fleet::split() {
  std::vector<bool> is_left(hosts_.size());
  if (chance(50)) {
    is_left[some_host()] = true;
  } else {
    for (std::size_t i = 0; i < is_left.size(); ++i) is_left[i] = chance(50);
  }
  std::string left;
  for (std::size_t i = 0; i < is_left.size(); ++i) {
    if (is_left[i]) left += " " + hosts_[i].address;
  }
  trace("the mesh splits:" + left + " and the others");
  const Duration length = between(50_ms, 4000_ms);
  for (std::size_t a = 0; a < hosts_.size(); ++a) {
    for (std::size_t b = 0; b < hosts_.size(); ++b) {
      if (is_left[a] == is_left[b]) continue;
      mesh_.cut(a, b);
      after(length, [this, a, b] { mesh_.heal(a, b); });
    }
  }
}

// One host is heard by some no more, or hears some no more.
void Fleet::cut_some() {
  const std::size_t place = some_host();
  const bool is_outward = chance(50);
  const std::uint64_t percent = chance(50) ? 100 : 40;
  trace(place, is_outward ? "is not heard by some" : "does not hear some");
  const Duration length = between(20_ms, 3000_ms);
  for (std::size_t peer = 0; peer < hosts_.size(); ++peer) {
    if (peer == place || !chance(percent)) continue;
    const std::size_t from = is_outward ? place : peer;
    const std::size_t to = is_outward ? peer : place;
    mesh_.cut(from, to);
    after(length, [this, from, to] { mesh_.heal(from, to); });
  }
}

void Fleet::flush_all() {
  const std::size_t host = random(hosts_.size());
  if (hosts_[host].node == nullptr) return;
  const RequestId id{++last_request_};
  if (realm_of(host) == nullptr) return;
  flush_all_begin_[id.value] = {now(), hosts_[host].disk.cluster_id};
  realm_of(host)->truth.flush_all_asked();
  trace(host, "is asked to flush the pool");
  give(host, FlushAllAsked{id, "p", "sim"});
}

}  // namespace ringfence::sim
