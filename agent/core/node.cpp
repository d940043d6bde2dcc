#include "agent/core/node.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "agent/core/node_parts.hpp"

namespace ringfence::agent::core {
namespace {

// To hand over the lead and the vote takes an election and a change of voters: a second at most.
constexpr Duration hand_over_limit = 2_s;

}  // namespace

void Node::Impl::on(const SnapshotRestored& event) {
  if (event.index <= desk.applied && desk.applied.value != 0) return;  // the feed was faster
  desk.applied = event.index;
  feed.on_restored();
  if (!desk.replica.restore(event.bytes)) {
    desk.log(LogLevel::error, "the snapshot does not decode: nothing is published from it");
  }
  admissions.on_view_changed();
  admissions.on_commands_applied();
  is_wanted_stale = is_dialled_stale = are_peers_stale = true;
  member.on_snapshot_restored();
}

void Node::Impl::on(const EntryApplied& event) {
  if (event.index <= desk.applied) return;  // known from the feed
  const Epoch before = desk.replica.view()->epoch;
  const OpenChange* open = desk.replica.open();
  const bool was_open = open != nullptr;
  const Proposal closing = was_open ? open->proposal : Proposal{};
  const ViewPtr next = was_open ? open->next.view : nullptr;

  feed.on_applied(desk.applied, event);
  desk.applied = event.index;
  desk.replica.apply(event.index, event.bytes);
  if (leader.is_acting()) feed.send_newest();  // before anything that takes time here
  leader.on_entry_applied(event.bytes);
  if (!was_open && desk.replica.open() != nullptr) {
    leader.on_proposal_applied();
    member.on_proposal_applied();
  }
  if (desk.replica.view()->epoch != before) {
    admissions.on_view_changed();
    reach.on_fleet_changed();
    is_wanted_stale = is_dialled_stale = are_peers_stale = true;
    member.on_view_activated();
    leader.on_change_closed(closing, desk.replica.view() == next);
  }
  admissions.on_commands_applied();
}

void Node::Impl::on(const LeadershipChanged& event) {
  desk.term = std::max(desk.term, event.term);
  follow_leadership(event.is_leader);
}

void Node::Impl::follow_leadership(bool is_leader) {
  const bool follows_another =
      member.leader().value != 0 && member.leader() != desk.settings.id && !is_leader;
  if (!follows_another) member.on_leader(AgentId{});  // a leader is followed once it acts
  admissions.on_leadership_lost();
  reports.forget_all();
  reach.forget_all();
  quarantine.forget_all();
  wanted.forget_others();
  voting.on_leadership_lost();
  wanted_sent.clear();
  leader.on_leadership(is_leader);
}

void Node::Impl::on(const QuorumConfirmed& event) {
  const bool has_begun_to_act = leader.on_quorum(event);
  const bool lacks_lease = event.is_ok && leader.is_acting() && member.lease_until() <= desk.now;
  if (!has_begun_to_act && lacks_lease) member.ask_for_lease();
  if (has_begun_to_act) begin_to_act();
}

// The others tell anew what they want and see. In a fleet, what this host saw of a backend may be
// older than another leader's flush of it: it is inspected anew.
void Node::Impl::begin_to_act() {
  peers.send_all(lead());
  member.on_leader(desk.settings.id);
  member.ask_for_lease();
  if (wanted.has_own()) wanted.on_told(desk.settings.id, wanted.take_own());
  is_wanted_stale = true;
  renew_wanted();
  admissions.review(false);  // what serves came in order, under whoever led before: know it first
  const bool is_alone = desk.replica.view()->agents.size() <= 1;
  for (const auto& [key, told] : seen) {
    if (is_alone || told.seen == BackendSeen::unreachable) {
      desk.send(desk.settings.id, told);
    } else {
      desk.emit(StopWatching{key.first, key.second});
      desk.emit(StartWatching{key.first, key.second});
    }
  }
}

void Node::Impl::on(const VotersChanged& event) {
  voting.on_voters(event.voters);
  forming.on_voters(event.voters);
}

void Node::Impl::on(const ConfigurationLoaded& event) {
  wanted.on_configuration(event.pools, event.is_reload);
  is_wanted_stale = true;
  if (leader.is_acting()) {
    wanted.on_told(desk.settings.id, wanted.take_own());
  } else if (member.leader().value != 0) {
    desk.send(member.leader(), wanted.take_own());
  }
}

// The leader makes the fleet's list from what all want; the others follow it.
void Node::Impl::renew_wanted() {
  if (!is_wanted_stale || !wanted.has_own() || !forming.has_fleet()) return;
  is_wanted_stale = false;
  if (!leader.is_acting()) {
    admissions.on_configuration(wanted.for_member());
    return;
  }
  FleetWanted fleet{wanted.of_fleet()};
  admissions.on_configuration(fleet.pools);
  // Whose source lists it is the leader's to know: it changes with every agent that tells.
  for (WantedPool& pool : fleet.pools) {
    for (WantedBackend& backend : pool.backends) backend.source.clear();
  }
  const std::string bytes = encode(fleet);
  if (bytes == wanted_sent) return;
  wanted_sent = bytes;
  peers.send_all(fleet);
}

void Node::Impl::on(const BackendAnswered& event) {
  BackendTold told{event.pool,
                   event.address,
                   BackendSeen::answers,
                   event.holds_items,
                   event.claim_is_ours,
                   event.claimed_by,
                   {}};
  tell(std::move(told));
}

void Node::Impl::on(const BackendUnreachable& event) {
  tell({event.pool, event.address, BackendSeen::unreachable, false, false, {}, event.why});
}

void Node::Impl::on(const BackendContentsLost& event) {
  tell({event.pool, event.address, BackendSeen::contents_lost, false, false, {}, event.why});
}

void Node::Impl::on(const BackendProbed& event) {
  if (member.leader().value == 0) return;
  desk.send(member.leader(), ProbeTold{event.id, event.pool, event.address, event.is_reached});
}

void Node::Impl::tell(BackendTold told) {
  told.why = cut_text(told.why);
  told.claimed_by = cut_text(told.claimed_by);
  if (member.leader().value != 0) desk.send(member.leader(), told);
  seen[{told.pool, told.address}] = std::move(told);
}

void Node::Impl::on(const FlushFinished& event) {
  if (!admissions.on_flush_finished(event)) leader.on_flush_finished(event);
}

void Node::Impl::on(const TimerFired& /*event*/) {
  timer_at = far_future;
  leader.on_timer();
  member.on_timer();
}

void Node::Impl::on(const ClockJumped& event) {
  desk.log(LogLevel::warning, "the lease is dropped: " + event.what);
  member.on_clock_jumped();
  leader.on_clock_jumped();
}

void Node::Impl::on(const ShutdownAsked& /*event*/) {
  stopping_since = desk.now;
  has_led = leader.is_leader();
  leader.on_shutdown();
  if (leader.is_leader() && voting.committed_count() > 1) desk.emit(HandOver{});
  if (!leader.is_leader() && member.leader().value != 0) {
    desk.send(member.leader(), Leaving{desk.settings.incarnation});
  }
}

void Node::Impl::review_stop() {
  if (!stopping_since.has_value() || may_stop) return;
  const bool leads_others = leader.is_leader() && voting.committed_count() > 1;
  // The next leader is told that the segments are closed, or it waits for a lease of this life.
  const bool awaits_leader =
      has_led && !leader.is_leader() && voting.committed_count() > 1 && member.leader().value == 0;
  const bool is_replaceable = voting.is_voter() && voting.has_spare() &&
                              voting.is_committed(desk.settings.id) && member.leader().value != 0;
  const bool is_over = desk.now >= *stopping_since + hand_over_limit;
  if ((leads_others || awaits_leader || is_replaceable) && !is_over) return;
  may_stop = true;
  desk.emit(MayStop{});
}

// Who may have a say, then what they say. A leader that is itself what is broken lets another lead:
// it could neither inspect nor flush what the others reach.
void Node::Impl::weigh() {
  constexpr Duration hand_over_pause = 10_s;
  Duration patience{};
  for (const WantedPool& pool : admissions.configuration()) {
    patience = std::max(patience, pool.timing.partial_patience);
  }
  reach.review(patience);
  quarantine.review(reports.contradicted());
  reports.review();
  const bool must_hand_over = quarantine.has(desk.settings.id) && voting.committed_count() > 1;
  if (!must_hand_over || desk.now < hand_over_from) return;
  hand_over_from = desk.now + hand_over_pause;
  desk.emit(HandOver{});
}

void Node::Impl::settle() {
  deliver_to_myself();
  renew_wanted();
  tell_peers_if_changed();
  if (leader.is_acting()) {
    weigh();
    admissions.review(leader.may_order());
    leader.advance();
    voting.review();
  } else {
    admissions.review_wanted();
  }
  forming.review();
  if (forming.take_engine_start()) voting.on_engine_started();
  introduce_if_changed();
  dial_if_changed();
  review_questions();
  review_stop();
}

void Node::Impl::finish() {
  route_answers();
  for (const Effect& effect : desk.effects) {
    const auto* stopped = std::get_if<StopWatching>(&effect);
    if (stopped == nullptr) continue;
    const Admissions::Key key{stopped->pool, stopped->address};
    seen.erase(key);
    if (admissions.find(key.first, key.second) != nullptr) {
      reports.forget_own(key);
    } else {
      reports.forget_backend(key);
    }
  }
  Instant wake_at = std::min(member.wake_at(), leader.wake_at());
  if (leader.is_acting()) {
    wake_at = std::min(
        {wake_at, admissions.wake_at(), voting.wake_at(), reports.wake_at(), reach.wake_at()});
  }
  wake_at = std::min(wake_at, forming.wake_at());
  const bool must_tell_peers = are_peers_stale && member.leader().value != 0;
  if (must_tell_peers) wake_at = std::min(wake_at, tell_peers_from);
  for (const auto& [id, question] : questions) wake_at = std::min(wake_at, question.due_at);
  if (stopping_since.has_value() && !may_stop) {
    wake_at = std::min(wake_at, *stopping_since + hand_over_limit);
  }
  wake_at = std::max(wake_at, desk.now);
  if (wake_at >= far_future || wake_at == timer_at) return;
  timer_at = wake_at;
  desk.emit(SetTimer{wake_at});
}

Node::Node(NodeSettings settings) : impl_(std::make_unique<Impl>(std::move(settings))) {}
Node::~Node() = default;

Effects Node::step(Instant now, std::int64_t unix_ms, const Event& event) {
  Desk& desk = impl_->desk;
  if (desk.began == Instant{}) desk.began = now;
  desk.now = now;
  desk.unix_ms = unix_ms;
  std::visit([this](const auto& some) { impl_->on(some); }, event);
  impl_->settle();
  impl_->finish();
  return std::exchange(desk.effects, {});
}

ViewPtr Node::view() const {
  return impl_->desk.replica.view();
}

}  // namespace ringfence::agent::core
