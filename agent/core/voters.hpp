// Which agents vote. Pure and deterministic; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "agent/core/types.hpp"

namespace ringfence::agent::core {

struct VoterCandidate {
  AgentId id;
  std::string address, zone;
  Epoch joined;
  bool is_witness = false;
  bool is_usable = true;  // heard of lately, and not about to leave
  bool is_voter = false;  // already
};

// One voter for one or two agents, three for three or four, five for more.
[[nodiscard]] constexpr std::size_t voter_count_for(std::size_t agent_count) {
  if (agent_count >= 5) return 5;
  return agent_count >= 3 ? 3 : 1;
}

// As many as voter_count_for(). Who is usable comes first; then zones are filled evenly; then who
// votes already stays, witnesses before others, the elder before the younger. By id.
[[nodiscard]] std::vector<Voter> choose_voters(std::vector<VoterCandidate> candidates);

}  // namespace ringfence::agent::core
