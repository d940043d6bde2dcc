#include "agent/core/reports.hpp"

#include <algorithm>

namespace ringfence::agent::core {

void Reports::on_told(AgentId from, BackendTold told) {
  const Key key{told.pool, told.address};
  const bool is_own = from == desk_.settings.id;
  if (!is_own && told.seen == BackendSeen::contents_lost) {
    desk_.emit(ProbeBackend{RequestId{}, told.pool, told.address});
    // It answers all the same, and its watcher does not say so again.
    told.seen = BackendSeen::answers;
  }
  set_word(key, from, told);
  if (told.seen == BackendSeen::answers) {
    if (is_own) passed_.erase(key);  // it was inspected anew
    pass_on(key);
    return;
  }
  if (told.seen == BackendSeen::unreachable) return weigh(key, told_[key]);
  passed_.erase(key);
  admissions_.on_told(told);
}

void Reports::set_word(const Key& key, AgentId from, BackendTold told) {
  Words& words = told_[key];
  const auto known = words.by_agent.find(from);
  const bool is_same = known != words.by_agent.end() && known->second.told.seen == told.seen;
  const Instant since = is_same ? known->second.since : desk_.now;
  unsay(key, words, from);
  if (told.seen == BackendSeen::answers) ++words.answer_count;
  if (told.seen == BackendSeen::unreachable) {
    words.against.insert(from);
    cannot_reach_[from].insert(key);
    disputed_.insert(key);
  }
  words.by_agent[from] = Word{std::move(told), since};
}

void Reports::unsay(const Key& key, Words& words, AgentId agent) {
  const auto known = words.by_agent.find(agent);
  if (known == words.by_agent.end()) return;
  if (known->second.told.seen == BackendSeen::answers) --words.answer_count;
  words.by_agent.erase(known);
  if (words.against.erase(agent) == 0) return;
  const auto others = cannot_reach_.find(agent);
  others->second.erase(key);
  if (others->second.empty()) cannot_reach_.erase(others);
  if (!words.against.empty()) return;
  disputed_.erase(key);
  words.question = RequestId{};
  words.is_reached = false;
}

void Reports::erase_word(const Key& key, AgentId agent) {
  const auto found = told_.find(key);
  if (found != told_.end()) unsay(key, found->second, agent);
}

void Reports::pass_on(const Key& key) {
  const auto found = told_.find(key);
  if (found == told_.end() || passed_.count(key) > 0) return;
  const auto& by_agent = found->second.by_agent;
  const auto says_so = [&by_agent](AgentId agent) {
    const auto word = by_agent.find(agent);
    return word != by_agent.end() && word->second.told.seen == BackendSeen::answers;
  };
  if (!says_so(desk_.settings.id)) return;
  const auto& agents = desk_.replica.view()->agents;
  const bool is_reached = std::all_of(agents.begin(), agents.end(), [&](const Agent& agent) {
    return agent.is_witness || !peers_.is_connected(agent.id) || quarantine_.has(agent.id) ||
           says_so(agent.id);
  });
  if (!is_reached) return;
  passed_.insert(key);
  admissions_.on_told(by_agent.at(desk_.settings.id).told);
}

void Reports::review() {
  wake_at_ = far_future;
  for (const Key& key : disputed_) weigh(key, told_.at(key));
  for (const auto& [key, words] : told_) pass_on(key);
}

void Reports::forget(AgentId agent) {
  for (auto& [key, words] : told_) unsay(key, words, agent);
}

void Reports::forget_backend(const Key& key) {
  const auto found = told_.find(key);
  if (found == told_.end()) return;
  while (!found->second.by_agent.empty()) {
    unsay(key, found->second, found->second.by_agent.begin()->first);
  }
  told_.erase(found);
  passed_.erase(key);
}

void Reports::forget_own(const Key& key) {
  passed_.erase(key);
  erase_word(key, desk_.settings.id);
}

void Reports::forget_all() {
  told_.clear();
  disputed_.clear();
  cannot_reach_.clear();
  passed_.clear();
  wake_at_ = far_future;
}

}  // namespace ringfence::agent::core
