// Fleet: an agent's process, its state on disk, its segment.
#include <fmt/format.h>

#include <algorithm>

#include "agent/core/messages.hpp"
#include "tests/sim/fleet.hpp"

namespace ringfence::sim {
namespace {

constexpr Duration lease = 2_s;

// Something on disk changes: what was done before it, and what comes after, had better not rely on
// each other.
bool is_kept(const Effect& effect) {
  return std::holds_alternative<AdoptFleet>(effect) ||
         std::holds_alternative<PromiseFleet>(effect) ||
         std::holds_alternative<RememberTerm>(effect) ||
         std::holds_alternative<StartEngine>(effect) || std::holds_alternative<StopEngine>(effect);
}

}  // namespace

// --- a life --------------------------------------------------------------------------------------

void Fleet::renew_identity(std::size_t place) {
  Disk& disk = hosts_[place].disk;
  disk = Disk{};
  disk.id = AgentId{++last_id_ * 0x9e3779b97f4a7c15U};
  for (std::size_t i = 0; i < 8; ++i) {
    disk.cluster_id[i] = static_cast<std::uint8_t>(disk.id.value >> (8 * i));
  }
}

// Processes hold on to the former one until its deadline.
void Fleet::renew_segment(std::size_t place) {
  auto segment = std::make_shared<Segment>();
  segment->host = place;
  segment->fenced.assign(shm_layout::slot_count, false);
  segment->is_raised = plan_.mutation != Mutation::generations_are_not_raised;
  std::erase_if(segments_, [](const auto& weak) { return weak.expired(); });
  segments_.push_back(segment);
  hosts_[place].segment = std::move(segment);
}

NodeSettings Fleet::settings_of(std::size_t place) {
  const Host& host = hosts_[place];
  NodeSettings settings;
  settings.cluster_id = host.disk.cluster_id;
  settings.id = host.disk.id;
  settings.name = settings.address = host.address;
  settings.incarnation = Incarnation{host.life};
  settings.earlier_leases_end = host.earlier_leases_end;
  settings.seeds = seeds_of(place);
  settings.zone = host.zone;
  settings.is_witness = host.is_witness;
  settings.forget_after = plan_.forget_after;
  settings.has_fleet = host.disk.has_fleet;
  settings.is_voter = host.disk.is_voter;
  settings.term = host.disk.term;
  settings.promised = host.disk.promised;
  if (host.segment->view != nullptr) settings.published_epoch = host.segment->view->epoch;
  return settings;
}

void Fleet::start_agent(std::size_t place) {
  Host& host = hosts_[place];
  ++host.life;
  host.is_closed = host.must_tell_jump = false;
  if (host.is_alone && !host.disk.has_fleet) begin_alone(place);
  const bool changes_role = plan_.witness_count > 0 && host.life > 1 && place % 2 == 1;
  if (changes_role && chance(20)) host.is_witness = !host.is_witness;
  host.node = std::make_unique<Node>(settings_of(place));
  host.watches.assign(backends_.size(), Watch{});
  trace(place,
        fmt::format("starts as agent {:x}{}{}", host.disk.id.value,
                    host.disk.is_voter ? ", a voter" : "", host.is_witness ? ", a witness" : ""));
  mesh_.start(place);
  const std::uint64_t life = host.life;
  if (host.disk.is_voter) {
    Realm* realm = realm_of(place);
    if (realm == nullptr) realm = &found_realm(host.disk.cluster_id);
    std::vector<Voter> bootstrap;
    if (host.disk.is_founder) bootstrap.push_back({host.disk.id, host.address});
    (void)realm->engine.start(host.disk.id, bootstrap);
    realm->engine.restore(host.disk.id);
  }
  if (host.node == nullptr || host.life != life) return;
  give(place, ConfigurationLoaded{{wanted_by(place)}, false});
}

void Fleet::crash_agent(std::size_t place, bool loses_state) {
  Host& host = hosts_[place];
  if (host.node == nullptr) return;
  trace(place, loses_state ? "crashes and loses its state" : "crashes");
  if (Realm* realm = realm_of(place); realm != nullptr) realm->engine.crash(host.disk.id);
  mesh_.stop(place, chance(30));
  host.node.reset();
  host.inbox.clear();
  host.is_paused = false;
  host.has_lost_state = loses_state;
  host.earlier_leases_end = Instant{};
  const Instant former_end = clock_of(place) + lease;
  if (host.is_closed) {
    host.segment->deadline = Instant{};
    renew_segment(place);
  } else if (loses_state || chance(20)) {  // it can't be taken over: old mappings live on
    renew_segment(place);
    host.earlier_leases_end = former_end;
  }
  if (host.is_gone) return;
  Duration pause = now() < trouble_ends_ ? between(10_ms, 4000_ms) : 10_ms;
  if (host.absence > Duration{}) pause = host.absence;
  after(pause, [this, place, loses_state] {
    if (loses_state) renew_identity(place);
    hosts_[place].absence = Duration{};
    hosts_[place].has_lost_state = false;
    start_agent(place);
  });
}

// SIGTERM: the segments are closed once it may stop.
void Fleet::end_in_order(std::size_t place) {
  Host& host = hosts_[place];
  trace(place, "stops in good order");
  host.is_closed = true;
  host.segment->deadline = Instant{};
  give(place, SegmentsClosed{});
  after_in_life(place, 5_ms, [this, place] { crash_agent(place, false); });
}

// --- what it is told -----------------------------------------------------------------------------

void Fleet::give(std::size_t host, Event event) {
  if (hosts_[host].node == nullptr) return;
  hosts_[host].inbox.push_back(std::move(event));
  work(host);
}

void Fleet::work(std::size_t place) {
  Host& host = hosts_[place];
  if (host.is_in_step || host.is_paused) return;
  host.is_in_step = true;
  while (!host.inbox.empty() && host.node != nullptr && !host.is_paused) {
    if (std::exchange(host.must_tell_jump, false)) step(place, ClockJumped{"simulated"});
    if (host.node == nullptr) break;
    const Event next = std::move(host.inbox.front());
    host.inbox.pop_front();
    step(place, next);
  }
  host.is_in_step = false;
}

void Fleet::before_step(std::size_t place, const Event& event) {
  Host& host = hosts_[place];
  if (const auto* told = std::get_if<BackendUnreachable>(&event)) {
    check_.told_trouble(told->address, place);
  } else if (const auto* lost = std::get_if<BackendContentsLost>(&event)) {
    check_.told_trouble(lost->address, place);
  } else if (const auto* flushed = std::get_if<FlushFinished>(&event)) {
    if (flushed->outcome == FlushOutcome::verified) check_.told_flushed(flushed->address, place);
  } else if (const auto* led = std::get_if<LeadershipChanged>(&event)) {
    host.disk.term = std::max(host.disk.term, led->term);
    trace(place, fmt::format("is told that it {} in term {}", led->is_leader ? "leads" : "follows",
                             led->term.value));
    host.asked_at = Instant{};  // of another leader, perhaps
  } else if (const auto* entry = std::get_if<EntryApplied>(&event)) {
    host.disk.term = std::max(host.disk.term, entry->term);
  }
}

// Effects are performed in order; the process may die between any two of them.
void Fleet::step(std::size_t place, const Event& event) {
  Host& host = hosts_[place];
  before_step(place, event);
  Instant clock = clock_of(place);
  const auto* led = std::get_if<LeadershipChanged>(&event);
  if (plan_.mutation == Mutation::new_leader_activates_at_once && led != nullptr) {
    clock = clock - lease * 2;
  }
  const Effects effects = host.node->step(clock, now().ns / 1'000'000, event);
  for (const Effect& effect : effects) {
    if (host.node == nullptr) return;
    const bool may_die = plan_.has_agent_faults && now() < trouble_ends_;
    const bool dies = may_die && random(is_kept(effect) ? plan_.odds_at_disk : 20'000) == 0;
    if (dies) return crash_agent(place, false);
    perform(place, effect);
  }
}

// --- what it orders ------------------------------------------------------------------------------

void Fleet::perform(std::size_t host, const Effect& effect) {
  Disk& disk = hosts_[host].disk;
  if (const auto* message = std::get_if<SendMessage>(&effect)) {
    send(host, *message);
  } else if (const auto* fenced = std::get_if<FenceSlots>(&effect)) {
    fence(host, *fenced);
  } else if (const auto* order = std::get_if<PublishView>(&effect)) {
    publish(host, *order);
  } else if (const auto* deadline = std::get_if<SetDeadline>(&effect)) {
    set_deadline(host, *deadline);
  } else if (const auto* timer = std::get_if<SetTimer>(&effect)) {
    set_timer(host, *timer);
  } else if (const auto* watch = std::get_if<StartWatching>(&effect)) {
    hosts_[host].watches[find(watch->address)] = Watch{false, false, false, true};
    look_soon(host, find(watch->address));
  } else if (const auto* watched = std::get_if<StopWatching>(&effect)) {
    hosts_[host].watches[find(watched->address)] = Watch{};
  } else if (const auto* flushed = std::get_if<FlushBackend>(&effect)) {
    flush(host, *flushed);
  } else if (const auto* probed = std::get_if<ProbeBackend>(&effect)) {
    probe(host, *probed);
  } else if (const auto* peers = std::get_if<DialPeers>(&effect)) {
    dial(host, *peers);
  } else if (const auto* fleet = std::get_if<AdoptFleet>(&effect)) {
    disk.cluster_id = fleet->cluster_id;
    disk.has_fleet = true;
    if (fleet->is_founder) disk.is_voter = disk.is_founder = true;
  } else if (const auto* promise = std::get_if<PromiseFleet>(&effect)) {
    disk.promised = promise->cluster_id;
  } else if (const auto* term = std::get_if<RememberTerm>(&effect)) {
    disk.term = std::max(disk.term, term->term);
  } else if (const auto* answer = std::get_if<Answer>(&effect)) {
    if (answer->is_ok) flush_all_answered(answer->id);
  } else if (const auto* line = std::get_if<WriteLog>(&effect)) {
    trace(host, "log: " + line->text);
  } else if (std::holds_alternative<MayStop>(effect)) {
    after_in_life(host, 1_ms, [this, host] { end_in_order(host); });
  } else if (const auto* given_up = std::get_if<GiveUpFleet>(&effect)) {
    give_up(host, given_up->why);
  } else {
    perform_on_engine(host, effect);
  }
}

void Fleet::perform_on_engine(std::size_t place, const Effect& effect) {
  Host& host = hosts_[place];
  const AgentId id = host.disk.id;
  if (const auto* start = std::get_if<StartEngine>(&effect)) return start_engine(place, *start);
  Realm* realm = realm_of(place);
  if (realm == nullptr) return;
  FleetEngine& engine = realm->engine;
  if (const auto* order = std::get_if<Commit>(&effect)) {
    commit(place, *order);
  } else if (std::holds_alternative<ConfirmQuorum>(effect)) {
    engine.confirm(id, clock_of(place));
  } else if (const auto* voters = std::get_if<SetVoters>(&effect)) {
    trace(place, fmt::format("wants {} voters", voters->voters.size()));
    engine.set_voters(id, voters->voters);
  } else if (std::holds_alternative<HandOver>(effect)) {
    engine.hand_over(id);
  } else if (std::holds_alternative<StopEngine>(effect)) {
    trace(place, "votes no more");
    host.disk.is_voter = host.disk.is_founder = false;
    engine.delete_log(id);
  }
}

void Fleet::start_engine(std::size_t place, const StartEngine& order) {
  Disk& disk = hosts_[place].disk;
  trace(place, order.bootstrap.empty() ? "is to vote" : "forms the fleet");
  disk.is_voter = true;
  disk.is_founder = order.bootstrap.size() == 1;
  Realm* realm = realm_of(place);
  if (realm == nullptr) realm = &found_realm(disk.cluster_id);
  if (!realm->engine.start(disk.id, order.bootstrap)) check_.fail("G1: two fleets were formed");
  realm->engine.restore(disk.id);
}

void Fleet::commit(std::size_t place, const Commit& order) {
  const Host& host = hosts_[place];
  check_.committing(order.bytes, place, host.disk.cluster_id);
  const auto entry = decode_entry(order.bytes);
  if (entry.has_value() && std::holds_alternative<Proposal>(*entry)) {
    budgets_.proposing({place, host.life}, clock_of(place), std::get<Proposal>(*entry));
    judge_losses(std::get<Proposal>(*entry));
    judge_admissions(place, std::get<Proposal>(*entry));
  }
  realm_of(place)->engine.commit(host.disk.id, order.id, order.bytes);
}

void Fleet::send(std::size_t host, const SendMessage& order) {
  if (plan_.mutation == Mutation::counts_lease_from_arrival) {
    const auto message = decode_message(order.bytes);
    const bool asks = message.has_value() && std::holds_alternative<LeaseRequest>(*message);
    if (asks) hosts_[host].asked_at = clock_of(host);
  }
  if (const auto to = host_of(order.to); to.has_value()) mesh_.send(host, *to, order.bytes);
}

void Fleet::dial(std::size_t host, const DialPeers& order) {
  std::vector<std::size_t> peers;
  for (const std::string& address : order.addresses) {
    if (const auto peer = host_at(address); peer.has_value()) peers.push_back(*peer);
  }
  mesh_.dial(host, peers);
}

void Fleet::fence(std::size_t host, const FenceSlots& order) {
  realm_of(host)->truth.fencing(host, order);
  trace(host, fmt::format("fences {} slots", order.slots.size()));
  if (plan_.mutation == Mutation::acknowledges_without_fencing) return;
  for (const std::uint32_t slot : order.slots) hosts_[host].segment->fenced[slot] = true;
}

void Fleet::publish(std::size_t host, const PublishView& order) {
  Segment& segment = *hosts_[host].segment;
  trace(host, fmt::format("publishes epoch {} of {} agents, digest {:x}", order.view->epoch.value,
                          order.view->agents.size(), order.digest));
  const bool is_own = order.view->cluster_id == hosts_[host].disk.cluster_id;
  if (!is_own) check_.fail("G1: an agent publishes another fleet's view");
  check_.published(order, host);
  realm_of(host)->truth.publishing(segment, order);
  segment.view = order.view;
  segment.pool = order.view->find("p");
  segment.fenced.assign(shm_layout::slot_count, false);
  for (const FenceSlots& fenced : order.still_fenced) fence(host, fenced);
}

void Fleet::set_deadline(std::size_t host, const SetDeadline& order) {
  Instant until = order.until;
  const bool came_by_mesh = hosts_[host].asked_at != Instant{} && until != Instant{};
  if (plan_.mutation == Mutation::counts_lease_from_arrival && came_by_mesh) {
    until = until + (clock_of(host) - hosts_[host].asked_at);
  }
  if (until != Instant{}) {
    realm_of(host)->truth.setting_deadline(host, truly(host, until));
    if (hosts_[host].is_witness) check_.fail("G2: a witness, which nobody waits for, has a lease");
  }
  if (!hosts_[host].is_closed) hosts_[host].segment->deadline = until;
}

void Fleet::set_timer(std::size_t host, const SetTimer& order) {
  const std::uint64_t number = ++hosts_[host].timer;
  const Duration delay = truly(host, order.at) - now();
  after_in_life(host, Duration{delay.ns + 1000}, [this, host, number] {
    if (number == hosts_[host].timer) give(host, TimerFired{});
  });
}

}  // namespace ringfence::sim
