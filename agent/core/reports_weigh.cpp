// Reports: whether a backend that some cannot reach is lost for everyone.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "agent/core/host_part.hpp"
#include "agent/core/reports.hpp"

namespace ringfence::agent::core {
namespace {

constexpr std::size_t witness_count = 3;
// Witnesses whose answers were lost on the way, or who are gone, are replaced after this.
constexpr Duration ask_again = 1_s;
// Of a reporter of several backends, witnesses are always heard: as long as a hung memcached takes
// to be noticed (probe_timeout).
constexpr Duration witness_patience = 300_ms;

// Spreads the backends over the witnesses, the same way on every machine.
std::uint64_t mixed(const std::string& text, AgentId agent) {
  std::uint64_t mix = agent.value;
  for (const char c : text) mix = (mix ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return mix;
}

}  // namespace

bool Reports::counts(AgentId id) const {
  if (id == desk_.settings.id && desk_.replica.view()->agents.empty()) return true;  // first start
  const Agent* agent = desk_.replica.view()->find(id);
  return agent != nullptr && !agent->is_witness && peers_.is_connected(id) &&
         !quarantine_.has(id) && !reach_.is_mostly_unreached(id);
}

bool Reports::is_host_of(AgentId id, const std::string& address) const {
  const Agent* agent = desk_.replica.view()->find(id);
  const std::string_view host = host_part(address);
  return agent != nullptr && !host.empty() &&
         (host == host_part(agent->address) || host == agent->name);
}

// Several backends of other hosts are out of its reach, and others say that they answer.
bool Reports::is_in_trouble(AgentId id) const {
  const auto found = cannot_reach_.find(id);
  if (found == cannot_reach_.end()) return false;
  std::size_t count = 0;
  for (const Key& key : found->second) {
    const bool is_answering = told_.at(key).answer_count > 0 && !is_host_of(id, key.second);
    count += is_answering ? 1 : 0;
    if (count >= contradicted_count_min) return true;
  }
  return false;
}

// Whose word would count, and who does not say that it is out of reach: it reaches it, or has not
// told yet.
std::size_t Reports::count_others(const Words& words) const {
  const auto& agents = desk_.replica.view()->agents;
  return static_cast<std::size_t>(
      std::count_if(agents.begin(), agents.end(), [&](const Agent& agent) {
        return peers_.is_connected(agent.id) && words.against.count(agent.id) == 0 &&
               !quarantine_.has(agent.id);
      }));
}

std::string Reports::name_of(AgentId id) const {
  const Agent* agent = desk_.replica.view()->find(id);
  if (agent != nullptr) return agent->name;
  const Peer* peer = peers_.find(id);
  return peer != nullptr ? peer->name : "an agent";
}

std::string Reports::sentence_of(const Words& words, AgentId agent) const {
  const std::string& why = words.by_agent.at(agent).told.why;
  return agent == desk_.settings.id ? why : name_of(agent) + ": " + why;
}

void Reports::weigh(const Key& key, Words& words) {
  // Of what does not serve, this agent's own word counts whatever is said of it: it flushes.
  const bool serves = admissions_.serves(key);
  std::vector<AgentId> against;
  for (const AgentId agent : words.against) {
    if (counts(agent) || (!serves && agent == desk_.settings.id)) against.push_back(agent);
  }
  const Candidate* candidate = admissions_.find(key.first, key.second);
  if (candidate == nullptr) return;
  if (against.empty()) return ask_witnesses(key, words);
  std::optional<std::string> why;
  if (serves) {
    why = why_lost(key, words, against);
  } else if (candidate->is_answering || candidate->trouble.empty()) {
    why = sentence_of(words, against.front());  // it cannot join while one does not reach it
  }
  // What is lost for certain needs no witnesses now: who would be asked is about to fence.
  if (!serves || !why.has_value()) ask_witnesses(key, words);
  if (!why.has_value()) return;
  BackendTold lost = words.by_agent.at(against.front()).told;
  lost.why = std::string(cut_text(*why));
  passed_.erase(key);
  admissions_.on_told(lost);
}

std::optional<std::string> Reports::why_lost(const Key& key, const Words& words,
                                             const std::vector<AgentId>& against) {
  AgentId first = against.front();
  for (const AgentId agent : against) {
    if (words.by_agent.at(agent).since < words.by_agent.at(first).since) first = agent;
  }
  const std::string said = sentence_of(words, first);
  bool is_anyone_credible = false;
  std::optional<AgentId> second;
  for (const AgentId agent : words.against) {
    const Agent* known = desk_.replica.view()->find(agent);
    const bool confirms = known != nullptr && known->is_witness;  // and accuses nobody
    if (!confirms && !counts(agent)) continue;
    const bool is_credible = !is_in_trouble(agent);
    is_anyone_credible = is_anyone_credible || is_credible;
    if (agent != first) second = agent;
    if (is_credible && !confirms && is_host_of(agent, key.second)) {
      return said + ", says the agent of its own host";
    }
  }
  const bool are_most = against.size() > count_others(words);
  if (second.has_value() && (is_anyone_credible || are_most)) {
    return fmt::format("{}; confirmed by {}", said, name_of(*second));
  }
  if (are_most) return said;
  Duration patience = admissions_.find(key.first, key.second)->timing.partial_patience;
  if (!is_anyone_credible) patience = std::max(patience, witness_patience);
  const Instant over_at = words.by_agent.at(first).since + patience;
  if (desk_.now >= over_at) {
    return fmt::format("{}; others reach it, but all must, and it lasted {} ms", said,
                       patience.ns / 1'000'000);
  }
  wake_at_ = std::min(wake_at_, over_at);
  return std::nullopt;
}

// Asked once as soon as somebody is against it: what they find goes the ordinary way.
void Reports::ask_witnesses(const Key& key, Words& words) {
  const bool is_asked = words.question != RequestId{};
  const bool is_dead = words.answer_count == 0 && !admissions_.serves(key);
  if (words.is_reached || is_dead) return;
  if (is_asked && desk_.now < words.asked_at + ask_again) {
    wake_at_ = std::min(wake_at_, words.asked_at + ask_again);
    return;
  }
  words.question = desk_.next_id();
  words.asked_at = desk_.now;
  wake_at_ = std::min(wake_at_, words.asked_at + ask_again);
  for (const AgentId witness : choose_witnesses(key, words)) {
    desk_.send(witness, ProbeAsked{words.question, key.first, key.second});
  }
}

// Its own host's agent, and three others: rather of other zones than who is against it, and rather
// such as said that they reach it.
std::vector<AgentId> Reports::choose_witnesses(const Key& key, const Words& words) const {
  const ViewPtr view = desk_.replica.view();
  std::set<std::string> zones;
  for (const AgentId agent : words.against) {
    if (const Agent* known = view->find(agent); known != nullptr) zones.insert(known->zone);
  }
  using Rank = std::tuple<bool, bool, bool, std::uint64_t, AgentId>;
  std::vector<Rank> ranks;
  for (const Agent& agent : view->agents) {
    const bool is_fit = peers_.is_connected(agent.id) && words.against.count(agent.id) == 0 &&
                        !quarantine_.has(agent.id);
    if (!is_fit) continue;
    const auto word = words.by_agent.find(agent.id);
    const bool answers = word != words.by_agent.end();
    ranks.emplace_back(!is_host_of(agent.id, key.second), !answers, zones.count(agent.zone) > 0,
                       mixed(key.second, agent.id), agent.id);
  }
  std::sort(ranks.begin(), ranks.end());
  const bool has_host = !ranks.empty() && !std::get<0>(ranks.front());
  const std::size_t wanted = witness_count + (has_host ? 1 : 0);
  if (ranks.size() > wanted) ranks.resize(wanted);
  std::vector<AgentId> chosen;
  for (const Rank& rank : ranks) chosen.push_back(std::get<4>(rank));
  return chosen;
}

void Reports::on_probed(AgentId from, const ProbeTold& told) {
  const auto found = told_.find({told.pool, told.address});
  if (found == told_.end() || found->second.question != told.id || told.id == RequestId{}) return;
  Words& words = found->second;
  words.is_reached = words.is_reached || (told.is_reached && words.against.count(from) == 0);
}

// A witness reached it since somebody was against it, and as many agents at least say that it
// answers as say that it does not.
Quarantine::Contradicted Reports::contradicted() const {
  Quarantine::Contradicted made;
  for (const Key& key : disputed_) {
    const Words& words = told_.at(key);
    if (!words.is_reached || words.answer_count < words.against.size()) continue;
    for (const AgentId agent : words.against) made[agent].push_back(key.second);
  }
  return made;
}

}  // namespace ringfence::agent::core
