// The leader's choice of voters, carried out by the engine one change at a time; and what an agent
// does when it is asked to vote, or no longer to. Owned by Node; one thread.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "agent/core/desk.hpp"
#include "agent/core/forming.hpp"
#include "agent/core/messages.hpp"
#include "agent/core/peers.hpp"

namespace ringfence::agent::core {

class Voting {
 public:
  Voting(Desk& desk, const Peers& peers, const Forming& forming)
      : desk_(desk), peers_(peers), forming_(forming), is_voter_(desk.settings.is_voter) {}

  void on_voters(std::vector<AgentId> voters);
  void on_vote_asked(const VoteAsked& asked);
  void on_leaving(AgentId from, const Leaving& leaving) { leaving_[from] = leaving.incarnation; }
  void on_engine_started() { is_voter_ = true; }
  // At the end of a step of a leader that acts.
  void review();
  void on_leadership_lost() { ordered_at_ = Instant{}; }

  [[nodiscard]] bool is_voter() const { return is_voter_; }  // runs an engine
  [[nodiscard]] bool is_committed(AgentId agent) const;
  [[nodiscard]] std::size_t committed_count() const { return committed_.size(); }
  // Another agent could take this one's place.
  [[nodiscard]] bool has_spare() const;
  [[nodiscard]] Instant wake_at() const { return wake_at_; }

 private:
  [[nodiscard]] std::vector<Voter> choose() const;
  [[nodiscard]] bool runs_engine(AgentId agent) const;
  [[nodiscard]] std::vector<Voter> ready_of(const std::vector<Voter>& wanted) const;

  Desk& desk_;
  const Peers& peers_;
  const Forming& forming_;
  bool is_voter_ = false;
  std::vector<AgentId> committed_;
  std::map<AgentId, Incarnation> leaving_;
  std::vector<Voter> ordered_;
  Instant ordered_at_;
  Instant wake_at_ = far_future;
};

}  // namespace ringfence::agent::core
