#include "agent/core/node.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "agent/core/admission.hpp"
#include "agent/core/desk.hpp"
#include "agent/core/leader.hpp"
#include "agent/core/member.hpp"

namespace ringfence::agent::core {

struct Node::Impl {
  explicit Impl(NodeSettings settings) : desk(std::move(settings)) {}

  Desk desk;
  Admissions admissions{desk};
  Leader leader{desk, admissions};
  Member member{desk};
  // What this host saw last of each backend: told to each new leader.
  std::map<Admissions::Key, BackendTold> seen;
  Instant timer_at = far_future;

  void on(const SnapshotRestored& event);
  void on(const EntryApplied& event);
  void on(const LeadershipChanged& event);
  void on(const CommitFinished& event) { leader.on_commit_finished(event); }
  void on(const QuorumConfirmed& event);
  void on(const ConfigurationLoaded& event) { admissions.on_configuration(event.pools); }
  void on(const FlushAllAsked& event) { leader.on_flush_all(event); }
  void on(const BackendAddAsked& event);
  void on(const BackendRemoveAsked& event);
  void on(const BackendAnswered& event);
  void on(const BackendUnreachable& event);
  void on(const BackendContentsLost& event);
  void on(const FlushFinished& event);
  void on(const MessageReceived& event) { deliver(event.from, event.bytes); }
  void on(const TimerFired& event);
  void on(const ClockJumped& event);
  void on(const ShutdownAsked& /*event*/) { leader.on_shutdown(); }

  void tell(BackendTold told);
  void deliver(AgentId from, const std::string& bytes);
  void deliver_to_myself();
  void settle();
  void finish();
  [[nodiscard]] std::vector<BackendReport> report_backends();
};

void Node::Impl::on(const SnapshotRestored& event) {
  desk.applied = event.index;
  if (!desk.replica.restore(event.bytes)) {
    desk.log(LogLevel::error,
             "the engine's snapshot does not decode: nothing is published from it");
  }
  admissions.on_view_changed();
}

void Node::Impl::on(const EntryApplied& event) {
  const Epoch before = desk.replica.view()->epoch;
  const OpenChange* open = desk.replica.open();
  const bool was_open = open != nullptr;
  const Proposal closing = was_open ? open->proposal : Proposal{};
  const ViewPtr next = was_open ? open->next.view : nullptr;

  desk.applied = event.index;
  desk.term = std::max(desk.term, event.term);
  desk.replica.apply(event.index, event.bytes);
  leader.on_entry_applied(event.bytes);
  if (!was_open && desk.replica.open() != nullptr) {
    leader.on_proposal_applied();
    member.on_proposal_applied();
  }
  if (desk.replica.view()->epoch != before) {
    admissions.on_view_changed();
    member.on_view_activated();
    leader.on_change_closed(closing, desk.replica.view() == next);
  }
  admissions.on_commands_applied();
}

void Node::Impl::on(const LeadershipChanged& event) {
  desk.term = std::max(desk.term, event.term);
  member.on_leader(AgentId{});  // a leader is followed once it acts
  admissions.on_leadership_lost();
  leader.on_leadership(event.is_leader);
}

void Node::Impl::on(const QuorumConfirmed& event) {
  const bool has_begun_to_act = leader.on_quorum(event);
  const bool lacks_lease = event.is_ok && leader.is_acting() && member.lease_until() <= desk.now;
  if (!has_begun_to_act && lacks_lease) member.ask_for_lease();
  if (!has_begun_to_act) return;
  member.on_leader(desk.settings.id);
  member.ask_for_lease();
  admissions.review(false);  // what serves came in order, under whoever led before: know it first
  for (const auto& [key, told] : seen) desk.send(desk.settings.id, told);
}

void Node::Impl::on(const BackendAddAsked& event) {
  leader.on_backend_command(event.id, {event.pool, event.address, event.weight, true, event.who});
}

void Node::Impl::on(const BackendRemoveAsked& event) {
  leader.on_backend_command(event.id, {event.pool, event.address, 1, false, event.who});
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

void Node::Impl::tell(BackendTold told) {
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

void Node::Impl::deliver(AgentId from, const std::string& bytes) {
  const std::optional<Message> message = decode_message(bytes);
  if (!message.has_value()) {
    desk.log(LogLevel::warning, "a message that does not decode was dropped");
    return;
  }
  if (const auto* request = std::get_if<LeaseRequest>(&*message)) {
    leader.on_lease_request(from, *request);
  } else if (const auto* reply = std::get_if<LeaseReply>(&*message)) {
    if (from == member.leader()) member.on_lease_reply(*reply);
  } else if (const auto* ack = std::get_if<FenceAck>(&*message)) {
    leader.on_fence_ack(from, *ack);
  } else if (leader.is_acting()) {
    admissions.on_told(std::get<BackendTold>(*message));
  }
}

void Node::Impl::deliver_to_myself() {
  while (!desk.to_myself.empty()) {
    const std::string bytes = std::move(desk.to_myself.front());
    desk.to_myself.pop_front();
    deliver(desk.settings.id, bytes);
  }
}

void Node::Impl::settle() {
  deliver_to_myself();
  if (leader.is_acting()) {
    admissions.review(leader.may_order());
    leader.advance();
  } else {
    admissions.review_wanted();
  }
}

void Node::Impl::finish() {
  for (const Effect& effect : desk.effects) {
    const auto* stopped = std::get_if<StopWatching>(&effect);
    if (stopped != nullptr) seen.erase({stopped->pool, stopped->address});
  }
  Instant wake_at = std::min(member.wake_at(), leader.wake_at());
  if (leader.is_acting()) wake_at = std::min(wake_at, admissions.wake_at());
  wake_at = std::max(wake_at, desk.now);
  if (wake_at >= far_future || wake_at == timer_at) return;
  timer_at = wake_at;
  desk.emit(SetTimer{wake_at});
}

std::vector<BackendReport> Node::Impl::report_backends() {
  std::vector<BackendReport> reports;
  for (const auto& [key, candidate] : std::as_const(admissions).all()) {
    BackendReport report;
    report.pool = key.first;
    report.address = key.second;
    report.state = describe(candidate.phase);
    report.reason = candidate.reason;
    report.since = candidate.since;
    report.weight = candidate.weight;
    report.flush_count = candidate.flush_count;
    if (const PlacedBackend* placed = admissions.index().find(key.first, key.second)) {
      report.is_in_view = true;
      report.index = placed->backend->index;
      report.slot_count = placed->served_slots;
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

Node::Node(NodeSettings settings) : impl_(std::make_unique<Impl>(std::move(settings))) {}
Node::~Node() = default;

Effects Node::step(Instant now, std::int64_t unix_ms, const Event& event) {
  Desk& desk = impl_->desk;
  desk.now = now;
  desk.unix_ms = unix_ms;
  std::visit([this](const auto& some) { impl_->on(some); }, event);
  impl_->settle();
  impl_->finish();
  return std::exchange(desk.effects, {});
}

NodeReport Node::report() const {
  NodeReport report;
  const Replica& replica = impl_->desk.replica;
  report.view = replica.view();
  report.digest = digest_of(*report.view);
  report.is_leader = impl_->leader.is_leader();
  report.term = impl_->desk.term;
  report.lease_until = impl_->member.lease_until();
  report.is_changing = replica.open() != nullptr;
  report.backends = impl_->report_backends();
  for (const PastChange& past : replica.history()) {
    ChangeRecord record;
    record.epoch = past.epoch;
    record.unix_ms = past.unix_ms;
    record.what = past.what;
    record.why = past.why;
    record.who = past.who;
    record.moved_slots = past.moved_slots;
    report.history.push_back(std::move(record));
  }
  impl_->leader.fill_timings(report.history);
  return report;
}

ViewPtr Node::view() const {
  return impl_->desk.replica.view();
}

}  // namespace ringfence::agent::core
