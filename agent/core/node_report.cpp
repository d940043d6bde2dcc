// Node: what people are shown.
#include <set>
#include <utility>

#include "agent/core/node_parts.hpp"

namespace ringfence::agent::core {

namespace {

// Only the leader admits: what others know is the view, and that they watch it.
void tell_as_follower(BackendReport& report, const PlacedBackend* placed) {
  if (placed == nullptr) {
    report.state = "not in the view";
    report.reason = "the leader decides when it joins: `ringfencectl status` there says how far";
    return;
  }
  const bool is_serving = placed->backend->status == BackendStatus::serving;
  report.state = describe(is_serving ? Phase::serving : Phase::lost);
  report.reason.clear();
}

}  // namespace

std::vector<BackendReport> Node::Impl::report_backends() const {
  std::vector<BackendReport> made;
  const ViewIndex index(desk.replica.view());
  for (const auto& [key, candidate] : admissions.all()) {
    BackendReport report;
    report.pool = key.first;
    report.address = key.second;
    report.state = describe(candidate.phase);
    report.reason = candidate.reason;
    report.asked_by = candidate.asked_by;
    report.since = candidate.since;
    report.weight = candidate.weight;
    report.flush_count = candidate.flush_count;
    const PlacedBackend* placed = index.find(key.first, key.second);
    if (!leader.is_acting()) tell_as_follower(report, placed);
    if (placed != nullptr) {
      report.is_in_view = true;
      report.index = placed->backend->index;
      report.slot_count = placed->served_slots;
    }
    made.push_back(std::move(report));
  }
  return made;
}

std::vector<PeerReport> Node::Impl::report_peers() const {
  std::map<AgentId, PeerReport> by_id;
  for (const Agent& agent : desk.replica.view()->agents) {
    PeerReport& report = by_id[agent.id];
    report.name = agent.name;
    report.address = agent.address;
    report.zone = agent.zone;
    report.incarnation = agent.incarnation;
    report.is_witness = agent.is_witness;
    report.is_in_view = true;
    report.since = desk.began;
  }
  for (const auto& [id, peer] : peers.all()) {
    if (!peer.is_connected && by_id.count(id) == 0) continue;
    PeerReport& report = by_id[id];
    report.name = peer.name;
    report.address = peer.address;
    report.incarnation = peer.incarnation;
    report.is_connected = peer.is_connected;
    report.since = peer.since;
    report.is_voter = peer.introduction.has_value() && peer.introduction->is_voter;
  }
  PeerReport& own = by_id[desk.settings.id];
  own.name = desk.settings.name;
  own.address = desk.settings.address;
  own.zone = desk.settings.zone;
  own.incarnation = desk.settings.incarnation;
  own.is_witness = desk.settings.is_witness;
  own.is_connected = own.is_self = true;
  own.is_voter = voting.is_voter();
  own.since = desk.began;
  std::vector<PeerReport> made;
  for (auto& [id, report] : by_id) {
    report.id = id;
    report.is_leader = id == member.leader();
    report.quarantined = leader.is_acting() ? quarantine.why(id) : std::string();
    if (report.is_self && report.quarantined.empty()) report.quarantined = member.refusal();
    if (voting.committed_count() > 0) report.is_voter = voting.is_committed(id);
    made.push_back(std::move(report));
  }
  return made;
}

NodeReport Node::report() const {
  NodeReport report;
  const Replica& replica = impl_->desk.replica;
  report.view = replica.view();
  report.digest = replica.digest();
  report.is_leader = impl_->leader.is_leader();
  report.leader = impl_->member.leader();
  report.forming = impl_->forming.why();
  report.peers = impl_->report_peers();
  report.differences = impl_->wanted.differences();
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
    record.propose_us = past.propose_us;
    record.fence_us = past.fence_us;
    report.history.push_back(std::move(record));
  }
  impl_->leader.fill_timings(report.history);
  return report;
}

}  // namespace ringfence::agent::core
