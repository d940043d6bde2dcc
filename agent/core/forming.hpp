// How an agent comes to belong to a fleet: it forms one with the other seeds, joins one that lives,
// or gives up its own fleet of one for a larger. Owned by Node; one thread.
//
// First start with seeds. The electorate is this agent and its seeds. Whoever has the smallest id
// among those that are seen without a state asks the others for a promise; the promises of a
// majority of the electorate form the fleet.
//
// Invariants
//  1. A promise is on disk before it is given, and an agent promises one cluster id in its life. So
//     of two majorities of one electorate, one does not come about.
//  2. Only an agent of the own electorate gets a promise.
//  3. Until the fleet's first entry is applied, who belongs to it tells the seeds without one that
//  it
//     is formed, again and again: the first telling may be lost, and a majority has to hear it.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/desk.hpp"
#include "agent/core/messages.hpp"
#include "agent/core/peers.hpp"

namespace ringfence::agent::core {

class Forming {
 public:
  Forming(Desk& desk, Peers& peers);

  void on_peer_changed(AgentId id) {
    settled_at_ = desk_.now;
    unreviewed_.insert(id);
  }
  void on_self_dialled(const std::string& address);
  void on_asked(AgentId from, const FormAsked& asked);
  void on_promised(AgentId from, const FormPromised& promised);
  void on_formed(const Formed& formed);
  void on_voters(std::vector<AgentId> voters) { voters_ = std::move(voters); }
  void on_bootstrap(RequestId id);
  // A living fleet takes this agent in. False: it belongs to another.
  bool adopt(const ClusterId& cluster_id, bool is_founder = false);
  // At the end of each step.
  void review();

  // Once after an engine was started to form a fleet.
  [[nodiscard]] bool take_engine_start() { return std::exchange(has_started_engine_, false); }
  [[nodiscard]] bool has_fleet() const { return has_fleet_; }
  [[nodiscard]] const ClusterId& cluster_id() const { return cluster_id_; }
  [[nodiscard]] bool is_own(const Peer& peer) const;  // introduced, and of this very fleet
  [[nodiscard]] Instant wake_at() const { return wake_at_; }
  // Why there is no fleet yet; empty: there is one.
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  struct Electorate {
    std::uint32_t size = 0;
    std::set<AgentId> present;  // without a state, this agent among them
  };
  [[nodiscard]] Electorate electorate() const;
  [[nodiscard]] bool is_seed(const Peer& peer) const;
  [[nodiscard]] bool waits_for_living_fleet();
  void review_own_fleet();
  void review_fleet_of(AgentId id, const Peer& peer, bool is_alone);
  void ask(const Electorate& electorate);
  void promise(const ClusterId& cluster_id);
  void start_engine(const std::vector<Voter>& voters);
  void form();
  void tell_formed_again();

  Desk& desk_;
  Peers& peers_;
  bool has_fleet_ = false;
  ClusterId cluster_id_{};
  ClusterId promised_{};
  std::set<std::string> own_addresses_;  // seeds that lead to this agent
  std::vector<AgentId> voters_;          // as committed
  std::set<AgentId> promises_;           // to form `cluster_id_`; empty: not asking
  std::set<AgentId> strangers_;          // of other fleets, told already
  std::set<AgentId> unreviewed_;         // peers, by a fleet that was formed
  std::optional<bool> was_alone_;        // in its view, when all peers were reviewed
  Instant settled_at_;                   // the last change among the peers
  Instant ask_at_;
  Instant wake_at_ = far_future;
  std::string why_;
  bool has_given_up_ = false;
  bool has_started_engine_ = false;
};

}  // namespace ringfence::agent::core
