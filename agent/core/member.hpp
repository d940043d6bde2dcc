// The member's role: publishes views, sets fences before it acknowledges them, and holds the host's
// lease. Owned by Node; one thread.
//
// Invariants
//  1. FenceSlots is emitted before the acknowledgement, in the same step.
//  2. An epoch is never published below one published before, in this life or the last.
//  3. Nothing is published before this agent has caught up with a leader: until then the segment
//     keeps the view and the fences of the earlier life.
//  4. A deadline comes only from a grant that matches this life, the published epoch, the last
//     fence and the last question.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "agent/core/desk.hpp"

namespace ringfence::agent::core {

class Member {
 public:
  explicit Member(Desk& desk) : desk_(desk) {}

  void on_proposal_applied();
  void on_view_activated();
  void on_lease_reply(const LeaseReply& reply);
  void on_lease_refused(std::string why);
  void on_snapshot_restored();
  void on_leader(AgentId leader);  // 0: none known
  // The segments are closed: whatever was granted is used by nobody.
  void on_segments_closed();
  void on_clock_jumped();
  void on_timer();
  void ask_for_lease();

  [[nodiscard]] Instant wake_at() const {
    return is_lapse_awaited() ? std::min(ask_at_, lease_until_) : ask_at_;
  }
  [[nodiscard]] Instant lease_until() const { return lease_until_; }
  [[nodiscard]] AgentId leader() const { return leader_; }
  // Why the leader grants none, as a sentence; empty: it does, or there is no leader.
  [[nodiscard]] const std::string& refusal() const { return refusal_; }
  [[nodiscard]] Epoch published() const { return published_; }
  [[nodiscard]] Instant published_at() const { return published_at_; }

 private:
  void catch_up();
  void publish();
  void fence();
  void acknowledge();
  void tell_lapse();
  [[nodiscard]] bool is_lapse_awaited() const {
    return lease_until_ != Instant{} && !lapsed_since_.has_value() && !has_ended_;
  }
  [[nodiscard]] bool may_vouch() const { return desk_.now >= desk_.settings.earlier_leases_end; }

  Desk& desk_;
  AgentId leader_;
  std::string refusal_;
  bool has_ended_ = false;  // its segments are closed: nothing is asked for any more
  bool is_caught_up_ = false;
  Epoch published_;  // in this life
  Instant published_at_;
  LogIndex fence_;  // of the last proposal whose slots were fenced in this life
  Instant lease_until_;
  std::optional<Instant> lapsed_since_;  // and it was said
  std::uint64_t nonce_ = 0;
  Instant asked_at_;
  Instant ask_at_ = far_future;
};

}  // namespace ringfence::agent::core
