// Agents that are themselves what is broken: no lease for their hosts, and no say about backends
// (G6). Kept by the leader alone; the next one comes to its own opinion by what it is told. Owned
// by Node; one thread.
//
// In:  it cannot reach two backends or more that others reach; or it is outvoted (reach.hpp).
// Out: it reaches all of those again; or its peers reach it again.
// Never the last that is live, and at most half of those that route. The younger go first: of two,
// the elder stays.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/core/budget.hpp"
#include "agent/core/desk.hpp"
#include "agent/core/peers.hpp"
#include "agent/core/reach.hpp"

namespace ringfence::agent::core {

// From this many on, it is not the backends: one may be cut off from one host by chance.
inline constexpr std::size_t contradicted_count_min = 2;

class Quarantine {
 public:
  // By agent: the backends that it cannot reach and others do.
  using Contradicted = std::map<AgentId, std::vector<std::string>>;

  Quarantine(Desk& desk, const Peers& peers, const Reach& reach)
      : desk_(desk), peers_(peers), reach_(reach) {}

  void review(const Contradicted& contradicted);
  void forget_all();

  [[nodiscard]] bool has(AgentId agent) const { return why_.count(agent) > 0; }
  // As a sentence; empty: it is well.
  [[nodiscard]] std::string why(AgentId agent) const;

  struct Note {
    std::string what, why;
  };
  // For history: what came since the last call, unless it comes too often.
  [[nodiscard]] std::vector<Note> take_notes();

 private:
  [[nodiscard]] std::string fault_of(AgentId agent, const Contradicted& contradicted) const;
  void say(AgentId agent, const std::string& why);

  Desk& desk_;
  const Peers& peers_;
  const Reach& reach_;
  std::map<AgentId, std::string> why_;
  std::vector<Note> notes_;
  TokenBucket note_budget_;
};

}  // namespace ringfence::agent::core
