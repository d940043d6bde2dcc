// Which agents reach each other, as they tell the leader, and who of two that do not loses its
// lease. Owned by Node; one thread.
//
// A pair is broken while both are connected to the leader and either of them says that it has no
// connection to the other. Of a pair that stays broken, the one that more pairs are broken with is
// outvoted. In a tie, nobody is: nothing tells which of them has the fault, both follow the leader
// (so both route alike), and what either fails to reach among the backends is weighed by itself.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "agent/core/desk.hpp"
#include "agent/core/peers.hpp"

namespace ringfence::agent::core {

class Reach {
 public:
  Reach(Desk& desk, const Peers& peers) : desk_(desk), peers_(peers) {}

  void on_told(AgentId from, PeersTold told);
  void forget(AgentId agent);  // its connection is gone: what it said is old
  void forget_all();
  void on_fleet_changed() { is_stale_ = true; }

  void review(Duration patience);
  // Most of the others have no connection to it.
  [[nodiscard]] bool is_mostly_unreached(AgentId agent) const;
  // Who is out, and why, as a sentence.
  [[nodiscard]] const std::map<AgentId, std::string>& outvoted() const { return outvoted_; }
  [[nodiscard]] Instant wake_at() const { return wake_at_; }

 private:
  using Pair = std::pair<AgentId, AgentId>;  // the smaller id first
  [[nodiscard]] bool is_live(AgentId agent) const;
  void renew_pairs();
  void vote(Duration patience);

  Desk& desk_;
  const Peers& peers_;
  std::map<AgentId, std::vector<AgentId>> told_;
  std::map<Pair, Instant> broken_;  // since
  std::map<AgentId, std::size_t> broken_count_;
  std::size_t live_count_ = 0;
  std::map<AgentId, std::string> outvoted_;
  bool is_stale_ = false;
  Instant review_from_;  // not before: a pause after the last one
  Instant wake_at_ = far_future;
};

}  // namespace ringfence::agent::core
