#include "agent/core/reach.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace ringfence::agent::core {
namespace {

// While hundreds of agents find each other, every pair is looked at again and again: ten times a
// second is soon enough beside any patience.
constexpr Duration review_pause = 100_ms;

}  // namespace

void Reach::on_told(AgentId from, PeersTold told) {
  if (told.missing.empty()) {
    told_.erase(from);
  } else {
    told_[from] = std::move(told.missing);
  }
  is_stale_ = true;
}

void Reach::forget(AgentId agent) {
  told_.erase(agent);
  is_stale_ = true;
}

void Reach::forget_all() {
  told_.clear();
  broken_.clear();
  is_stale_ = true;
}

bool Reach::is_live(AgentId agent) const {
  return desk_.replica.view()->find(agent) != nullptr && peers_.is_connected(agent);
}

void Reach::review(Duration patience) {
  if (!is_stale_ && desk_.now < wake_at_) return;
  if (desk_.now < review_from_) {
    wake_at_ = std::min(wake_at_, review_from_);
    return;
  }
  is_stale_ = false;
  review_from_ = desk_.now + review_pause;
  wake_at_ = far_future;
  renew_pairs();
  vote(patience);
}

void Reach::renew_pairs() {
  std::map<Pair, Instant> broken;
  for (const auto& [from, missing] : told_) {
    if (!is_live(from)) continue;
    for (const AgentId to : missing) {
      // The leader itself has the connection over which this was said.
      if (to == from || to == desk_.settings.id || !is_live(to)) continue;
      const Pair pair = std::minmax(from, to);
      const auto known = broken_.find(pair);
      broken[pair] = known == broken_.end() ? desk_.now : known->second;
    }
  }
  broken_ = std::move(broken);
  broken_count_.clear();
  for (const auto& [pair, since] : broken_) {
    ++broken_count_[pair.first];
    ++broken_count_[pair.second];
  }
  live_count_ = 0;
  if (broken_.empty()) return;
  for (const Agent& agent : desk_.replica.view()->agents) live_count_ += is_live(agent.id) ? 1 : 0;
}

// The worst goes first, and what is broken with it then counts against nobody else.
void Reach::vote(Duration patience) {
  outvoted_.clear();
  std::vector<Pair> pairs;
  for (const auto& [pair, since] : broken_) {
    if (desk_.now >= since + patience) {
      pairs.push_back(pair);
    } else {
      wake_at_ = std::min(wake_at_, since + patience);
    }
  }
  while (!pairs.empty()) {
    std::map<AgentId, std::size_t> counts;
    for (const auto& [a, b] : pairs) {
      ++counts[a];
      ++counts[b];
    }
    const auto worst =
        std::max_element(counts.begin(), counts.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    const AgentId agent = worst->first;
    const bool is_worse = std::any_of(pairs.begin(), pairs.end(), [&](const Pair& pair) {
      if (pair.first != agent && pair.second != agent) return false;
      return counts[pair.first == agent ? pair.second : pair.first] < worst->second;
    });
    if (!is_worse) return;  // among equals nobody is
    outvoted_[agent] =
        fmt::format("{} of its {} peers have no connection to it", worst->second, live_count_ - 1);
    std::erase_if(
        pairs, [agent](const Pair& pair) { return pair.first == agent || pair.second == agent; });
  }
}

bool Reach::is_mostly_unreached(AgentId agent) const {
  const auto found = broken_count_.find(agent);
  return found != broken_count_.end() && found->second * 2 > live_count_ - 1;
}

}  // namespace ringfence::agent::core
