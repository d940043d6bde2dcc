// The leader's role: grants leases, proposes changes one at a time, and activates each once every
// agent has fenced or can no longer route. Owned by Node; one thread.
//
// Invariants
//  1. Nothing is granted or proposed before a barrier of its own term was applied.
//  2. A grant ends at tq + L at the latest (tq: submit time of the last barrier that completed),
//     and is only for the newest activated epoch; while a change is open, only for a request that
//     shows the change's fence.
//  3. An activation is committed only when every agent of the view acknowledged this very proposal
//     with the same digest, or can hold no lease any more.
//  4. In a pool without tags, flushes are ordered after the last acknowledgement and verified
//     before the activation.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/admission.hpp"
#include "agent/core/desk.hpp"
#include "agent/core/forming.hpp"
#include "agent/core/peers.hpp"
#include "agent/core/quarantine.hpp"

namespace ringfence::agent::core {

class Leader {
 public:
  Leader(Desk& desk, Admissions& admissions, const Peers& peers, const Forming& forming,
         Quarantine& quarantine)
      : desk_(desk),
        admissions_(admissions),
        peers_(peers),
        forming_(forming),
        quarantine_(quarantine) {}

  void on_leadership(bool is_leader);
  // True when this completes the barrier that makes this agent a leader that acts.
  bool on_quorum(const QuorumConfirmed& quorum);
  void on_commit_finished(const CommitFinished& finished);
  void on_entry_applied(std::string_view bytes);
  void on_proposal_applied();
  // `closed` was open until this step's entry.
  void on_change_closed(const Proposal& closed, bool is_moved);
  void on_lease_request(AgentId from, const LeaseRequest& request);
  void on_fence_ack(AgentId from, const FenceAck& ack);
  void on_lease_ended(AgentId from, const LeaseEnded& ended);
  void on_flush_finished(const FlushFinished& finished);
  void on_flush_all(const FlushAllAsked& asked);
  void on_backend_command(RequestId id, BackendCommand command);
  void on_clock_jumped();
  void on_shutdown();
  void on_timer();

  // At the end of a step that changed something: goes on with the open change, or proposes.
  void advance();

  [[nodiscard]] bool is_leader() const { return is_leader_; }
  [[nodiscard]] bool is_acting() const { return is_acting_; }
  [[nodiscard]] bool may_order() const { return is_acting_ && !is_stopping_; }
  [[nodiscard]] Instant wake_at() const { return std::min(confirm_at_, advance_at_); }
  void fill_timings(std::vector<ChangeRecord>& history) const;

 private:
  enum class FlushState : std::uint8_t { ordered, verified };
  struct OpenFlush {
    RequestId id;
    FlushState state = FlushState::ordered;
  };
  struct FlushAll {
    RequestId id;
    std::string pool, who;
    bool is_in_change = false;
  };
  // After a flush_all's change: the real flushes of a pool, and who waits for them.
  struct MemoryFlush {
    std::string pool;
    std::vector<RequestId> asked;
    std::map<RequestId, std::string> ordered;  // not finished; by address
  };
  struct OpenCommand {
    RequestId asked;
    std::string text;  // the answer once it is committed
    BackendCommand command;
  };
  struct Timing {
    Instant committed, applied, acknowledged;
    std::uint32_t propose_us = 0, fence_us = 0, activate_us = 0;
  };
  struct Plan;  // propose.cpp

  void confirm();
  void commit_change(const Entry& entry);
  [[nodiscard]] bool has_quorum() const {
    return quorum_at_.has_value() && *quorum_at_ >= barrier_from_;
  }
  [[nodiscard]] bool may_propose() const;
  void commit_commands(bool are_carried);
  void answer_commands(const CommitFinished& finished);

  // the open change
  void advance_open(const OpenChange& open);
  [[nodiscard]] bool is_fenced_everywhere(const OpenChange& open);
  // The latest end of what this leader granted and of what earlier ones may have granted.
  [[nodiscard]] Instant leases_end(AgentId agent) const;
  [[nodiscard]] bool is_lease_over(AgentId agent) const;
  [[nodiscard]] bool must_abandon(const OpenChange& open) const;
  [[nodiscard]] bool are_flushes_done() const;
  void order_open_flushes(const OpenChange& open);
  void activate(const OpenChange& open, bool is_moved);
  void answer_flushes(const Proposal& closed, bool is_moved);
  void flush_for_memory(const FlushAll& asked);
  bool finish_memory_flush(RequestId id);
  void drop_memory_flushes_of_the_gone();

  // the next change
  void propose();
  void plan_view(Plan& plan);
  void plan_agent(Plan& plan, const Agent& agent, const std::string& why);
  void plan_departures(Plan& plan);
  [[nodiscard]] bool is_at_address_of(const Agent& gone) const;
  void plan_pools(Plan& plan);
  void plan_backends(Plan& plan);
  void plan_loss(Plan& plan, const Admissions::Key& key, Candidate& candidate);
  void plan_flushes(Plan& plan);
  void plan_admissions(Plan& plan);
  [[nodiscard]] bool may_reassign(const std::string& pool, const PoolTiming& timing);
  [[nodiscard]] bool is_admission_due(bool has_other_ops);

  Desk& desk_;
  Admissions& admissions_;
  const Peers& peers_;
  const Forming& forming_;
  Quarantine& quarantine_;

  bool is_leader_ = false;
  bool is_acting_ = false;
  bool is_stopping_ = false;
  Instant elected_at_;
  std::optional<Instant> quorum_at_;  // tq
  bool is_confirming_ = false;
  Instant confirmed_at_;  // when the barrier in flight was submitted
  Instant confirm_at_ = far_future;
  Instant advance_at_ = far_future;
  Instant barrier_from_;  // a commit's outcome is unknown: propose after a barrier of then

  std::map<AgentId, Instant> leases_;  // the latest end that was granted to each, on this clock
  std::set<AgentId> ended_;            // said in this term that no lease of earlier leaders is used
  std::map<AgentId, LogIndex> acks_;   // that count for the proposal they name
  std::optional<RequestId> commit_;    // of a proposal or activation in flight
  std::string commit_bytes_;
  Instant commit_from_;  // not before: a pause after a commit that failed
  std::map<Admissions::Key, OpenFlush> open_flushes_;
  bool are_flushes_ordered_ = false;
  std::string open_flush_failure_;
  std::vector<FlushAll> flush_alls_;
  std::vector<MemoryFlush> memory_flushes_;
  std::vector<OpenCommand> asked_commands_;         // of this step: the proposal may carry them
  std::multimap<RequestId, OpenCommand> commands_;  // by the id of their commit
  std::map<Epoch, Timing> timings_;
};

}  // namespace ringfence::agent::core
