#include "agent/core/voting.hpp"

#include <algorithm>
#include <utility>

#include "agent/core/voters.hpp"

namespace ringfence::agent::core {
namespace {

// A host that reboots or a cable that is changed is no reason to change who votes.
constexpr Duration voter_patience = 10_s;
constexpr Duration order_again = 1_s;

}  // namespace

void Voting::on_voters(std::vector<AgentId> voters) {
  committed_ = std::move(voters);
}

bool Voting::is_committed(AgentId agent) const {
  return std::find(committed_.begin(), committed_.end(), agent) != committed_.end();
}

// A leader of an older term may not know who votes now, and to stop an engine forgets its votes.
void Voting::on_vote_asked(const VoteAsked& asked) {
  if (asked.cluster_id != forming_.cluster_id() || asked.term < desk_.term) return;
  if (asked.is_wanted == is_voter_) return;
  is_voter_ = asked.is_wanted;
  if (is_voter_) {
    desk_.emit(StartEngine{});
  } else {
    desk_.emit(StopEngine{});
  }
}

std::vector<Voter> Voting::choose() const {
  std::vector<VoterCandidate> candidates;
  for (const Agent& agent : desk_.replica.view()->agents) {
    const auto leaving = leaving_.find(agent.id);
    const Peer* peer = peers_.find(agent.id);
    const bool is_leaving = leaving != leaving_.end() &&
                            (peer == nullptr || peer->incarnation.value <= leaving->second.value);
    const bool is_usable = !is_leaving && peers_.silence(agent.id) < voter_patience;
    candidates.push_back({agent.id, agent.address, agent.zone, agent.joined, agent.is_witness,
                          is_usable, is_committed(agent.id)});
  }
  return choose_voters(std::move(candidates));
}

bool Voting::runs_engine(AgentId agent) const {
  if (agent == desk_.settings.id) return is_voter_;
  const Peer* peer = peers_.find(agent);
  return peer != nullptr && peer->introduction.has_value() && forming_.is_own(*peer) &&
         peer->introduction->is_voter;
}

// Nobody becomes a voter before its engine runs, and will run in its next life: a leader that dies
// with such a change in its log could never be elected again. Who is to be replaced votes until
// then.
std::vector<Voter> Voting::ready_of(const std::vector<Voter>& wanted) const {
  std::vector<Voter> ready;
  for (const Voter& voter : wanted) {
    if (is_committed(voter.id) || runs_engine(voter.id)) ready.push_back(voter);
  }
  if (ready.size() == wanted.size()) return ready;
  for (const Agent& agent : desk_.replica.view()->agents) {
    const bool is_ready = std::any_of(
        ready.begin(), ready.end(), [&agent](const Voter& voter) { return voter.id == agent.id; });
    if (!is_ready && is_committed(agent.id)) ready.push_back({agent.id, agent.address});
  }
  // An even number of voters survives no more deaths than one voter less, and needs one more of
  // them.
  if (ready.size() % 2 == 0) {
    const auto spare = std::find_if(ready.rbegin(), ready.rend(),
                                    [this](const Voter& voter) { return !is_committed(voter.id); });
    if (spare != ready.rend()) ready.erase(std::next(spare).base());
  }
  std::sort(ready.begin(), ready.end(), [](const Voter& a, const Voter& b) { return a.id < b.id; });
  return ready;
}

void Voting::review() {
  wake_at_ = far_future;
  const std::vector<Voter> wanted = choose();
  if (wanted.empty() || committed_.empty()) return;
  const std::vector<Voter> ready = ready_of(wanted);
  const auto is_wanted = [&wanted](AgentId id) {
    return std::any_of(wanted.begin(), wanted.end(),
                       [id](const Voter& voter) { return voter.id == id; });
  };
  bool is_done = wanted.size() == committed_.size();
  for (const Voter& voter : wanted) is_done = is_done && is_committed(voter.id);
  // Engines that run for nobody any more: a removed server is not told by libraft.
  std::vector<std::pair<AgentId, bool>> asks;
  for (const auto& [id, peer] : peers_.all()) {
    if (!peer.introduction.has_value() || !forming_.is_own(peer)) continue;
    const bool should_run = is_wanted(id) || is_committed(id);
    if (should_run != peer.introduction->is_voter) asks.emplace_back(id, should_run);
  }
  if (is_done && asks.empty()) return;
  const bool is_due = desk_.now - ordered_at_ >= order_again || (!is_done && ready != ordered_);
  if (!is_due) {
    wake_at_ = ordered_at_ + order_again;
    return;
  }
  ordered_ = ready;
  ordered_at_ = desk_.now;
  wake_at_ = desk_.now + order_again;
  for (const auto& [id, should_run] : asks) {
    desk_.send(id, VoteAsked{forming_.cluster_id(), desk_.term, should_run});
  }
  if (!is_done) desk_.emit(SetVoters{ready});
}

bool Voting::has_spare() const {
  const auto& agents = desk_.replica.view()->agents;
  return std::any_of(agents.begin(), agents.end(), [this](const Agent& agent) {
    return agent.id != desk_.settings.id && peers_.is_connected(agent.id) &&
           !is_committed(agent.id);
  });
}

}  // namespace ringfence::agent::core
