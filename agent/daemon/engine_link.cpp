#include "agent/daemon/engine_link.hpp"

#include <utility>

namespace ringfence::agent::daemon {

EngineLink::EngineLink(Inbox& inbox, Sink sink, Carry carry, Fatal fatal)
    : inbox_(inbox), sink_(std::move(sink)), carry_(std::move(carry)), fatal_(std::move(fatal)) {}

void EngineLink::hand_over(core::Event event) {
  inbox_.post([this, event = std::move(event)] {
    if (!is_silent_) sink_(event);
  });
}

void EngineLink::on_send(core::AgentId to, std::string bytes) {
  inbox_.post([this, to, bytes = std::move(bytes)] { carry_(to, bytes); });
}

void EngineLink::on_voters(std::vector<core::AgentId> voters) {
  hand_over(core::VotersChanged{std::move(voters)});
}

void EngineLink::on_restored(core::LogIndex index, std::string snapshot) {
  hand_over(core::SnapshotRestored{index, std::move(snapshot)});
}

void EngineLink::on_applied(core::LogIndex index, core::Term term, std::string entry) {
  hand_over(core::EntryApplied{index, term, std::move(entry)});
}

void EngineLink::on_leadership(bool is_leader, core::Term term) {
  hand_over(core::LeadershipChanged{is_leader, term});
}

void EngineLink::on_committed(core::RequestId id, bool is_ok, std::string why) {
  hand_over(core::CommitFinished{id, is_ok, std::move(why)});
}

void EngineLink::on_quorum(core::Instant submitted_at, bool is_ok) {
  hand_over(core::QuorumConfirmed{submitted_at, is_ok});
}

void EngineLink::on_fatal(Error error) {
  inbox_.post([this, error = std::move(error)] { fatal_(error); });
}

void EngineLink::apply(core::LogIndex index, std::string_view entry) {
  replica_.apply(index, entry);
}

std::string EngineLink::snapshot() const {
  return replica_.snapshot();
}

bool EngineLink::restore(std::string_view snapshot) {
  return replica_.restore(snapshot);
}

}  // namespace ringfence::agent::daemon
