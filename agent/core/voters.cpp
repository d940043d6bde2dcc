#include "agent/core/voters.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace ringfence::agent::core {

std::vector<Voter> choose_voters(std::vector<VoterCandidate> candidates) {
  const std::size_t target = voter_count_for(candidates.size());
  std::map<std::string, std::size_t> in_zone;
  std::vector<Voter> voters;
  while (voters.size() < target && !candidates.empty()) {
    const auto rank = [&in_zone](const VoterCandidate& candidate) {
      const auto zone = in_zone.find(candidate.zone);
      const std::size_t crowd = candidate.zone.empty() || zone == in_zone.end() ? 0 : zone->second;
      return std::make_tuple(!candidate.is_usable, crowd, !candidate.is_voter,
                             !candidate.is_witness, candidate.joined, candidate.id);
    };
    const auto best = std::min_element(
        candidates.begin(), candidates.end(),
        [&rank](const VoterCandidate& a, const VoterCandidate& b) { return rank(a) < rank(b); });
    ++in_zone[best->zone];
    voters.push_back({best->id, best->address});
    candidates.erase(best);
  }
  std::sort(voters.begin(), voters.end(),
            [](const Voter& a, const Voter& b) { return a.id < b.id; });
  return voters;
}

}  // namespace ringfence::agent::core
