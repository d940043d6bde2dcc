#include "agent/core/reports.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ringfence::agent::core {

void Reports::on_told(AgentId from, BackendTold told) {
  const Admissions::Key key{told.pool, told.address};
  const bool is_own = from == desk_.settings.id;
  // It answers all the same, and its watcher does not say so again.
  if (!is_own && told.seen == BackendSeen::contents_lost) told.seen = BackendSeen::answers;
  told_[key][from] = told;
  if (told.seen == BackendSeen::answers) {
    if (is_own) passed_.erase(key);  // it was inspected anew
    pass_on(key);
    return;
  }
  passed_.erase(key);
  if (!is_own) {
    const Peer* peer = peers_.find(from);
    told.why = fmt::format("{}: {}", peer != nullptr ? peer->name : "an agent", told.why);
  }
  admissions_.on_told(told);
}

void Reports::pass_on(const Admissions::Key& key) {
  const auto found = told_.find(key);
  if (found == told_.end() || passed_.count(key) > 0) return;
  const ByAgent& by_agent = found->second;
  const auto says_so = [&by_agent](AgentId agent) {
    const auto told = by_agent.find(agent);
    return told != by_agent.end() && told->second.seen == BackendSeen::answers;
  };
  const auto own = by_agent.find(desk_.settings.id);
  if (own == by_agent.end() || own->second.seen != BackendSeen::answers) return;
  const auto& agents = desk_.replica.view()->agents;
  const bool is_reached = std::all_of(agents.begin(), agents.end(), [&](const Agent& agent) {
    return agent.is_witness || !peers_.is_connected(agent.id) || says_so(agent.id);
  });
  if (!is_reached) return;
  passed_.insert(key);
  admissions_.on_told(own->second);
}

void Reports::review() {
  for (const auto& [key, by_agent] : told_) pass_on(key);
}

void Reports::forget(AgentId agent) {
  for (auto& [key, by_agent] : told_) by_agent.erase(agent);
}

void Reports::forget_backend(const Admissions::Key& key) {
  told_.erase(key);
  passed_.erase(key);
}

void Reports::forget_own(const Admissions::Key& key) {
  passed_.erase(key);
  const auto found = told_.find(key);
  if (found != told_.end()) found->second.erase(desk_.settings.id);
}

void Reports::forget_all() {
  told_.clear();
  passed_.clear();
}

}  // namespace ringfence::agent::core
