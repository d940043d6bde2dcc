// What each host's configuration wants, and what the fleet wants from that. Owned by Node; one
// thread.
//
// A backend is wanted while a source of any agent of the view lists it. An agent that is away
// counts with what it told last, until it leaves the view. One that has not told this leader yet
// may want anything, as may a source that never answered: until then nothing of the view is
// unwanted.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/core/desk.hpp"
#include "agent/core/messages.hpp"

namespace ringfence::agent::core {

class Wanted {
 public:
  explicit Wanted(Desk& desk) : desk_(desk) {}

  // This host's own, with its timing.
  void on_configuration(std::vector<WantedPool> pools, bool is_order);
  // As the leader: another host's.
  void on_told(AgentId from, WantedTold told);
  // As a member: what the leader made of all.
  void on_fleet_wanted(std::vector<WantedPool> pools) { fleet_ = std::move(pools); }
  void forget_others();  // another leads: it asks anew

  [[nodiscard]] bool has_own() const { return has_own_; }
  // To be told to a leader. An order is given once: repeated to a later leader, it could undo a
  // newer one of another host.
  [[nodiscard]] WantedTold take_own();
  // What all agents of the view want, by name; options are those of the order that came last, else
  // the view's, else of who has the smallest id.
  [[nodiscard]] std::vector<WantedPool> of_fleet();
  // For a member: the leader's list, or its own until that came; with this host's timing.
  [[nodiscard]] std::vector<WantedPool> for_member() const;
  // Where this host's file differs from the view's options, one sentence a pool.
  [[nodiscard]] std::vector<std::string> differences() const;

 private:
  [[nodiscard]] bool have_all_told() const;
  void add_view(std::map<std::string, WantedPool>& pools, bool have_all) const;
  void give_each_to_one(std::map<std::string, WantedPool>& pools) const;
  [[nodiscard]] std::string name_of(AgentId id) const;

  Desk& desk_;
  bool has_own_ = false;
  bool is_own_order_ = false;
  std::vector<WantedPool> own_, fleet_;
  std::map<AgentId, std::vector<WantedPool>> told_;
  std::map<std::string, PoolOptions> orders_;  // by pool; not yet in the view
};

}  // namespace ringfence::agent::core
