#include "agent/core/quarantine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace ringfence::agent::core {
namespace {

// Each note is an entry of the log and an epoch: a host that flaps must not fill history.
constexpr std::uint32_t note_burst = 8;
constexpr Duration note_refill = 15_s;

// How many backends a sentence names.
constexpr std::size_t named_count_max = 3;

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), named_count_max); ++i) {
    text += (text.empty() ? "" : ", ") + names[i];
  }
  return names.size() > named_count_max ? text + ", ..." : text;
}

}  // namespace

std::string Quarantine::fault_of(AgentId agent, const Contradicted& contradicted) const {
  const auto outvoted = reach_.outvoted().find(agent);
  if (outvoted != reach_.outvoted().end()) return outvoted->second;
  const auto found = contradicted.find(agent);
  if (found == contradicted.end()) return {};
  const std::size_t count = found->second.size();
  if (count < (has(agent) ? 1 : contradicted_count_min)) return {};
  return fmt::format("it cannot reach {} backend{} that other hosts reach ({})", count,
                     count == 1 ? "" : "s", join(found->second));
}

void Quarantine::review(const Contradicted& contradicted) {
  if (why_.empty() && contradicted.empty() && reach_.outvoted().empty()) return;
  struct Faulty {
    const Agent* agent;
    std::string why;
  };
  std::vector<Faulty> faulty;
  std::size_t live_count = 0;
  const ViewPtr view = desk_.replica.view();
  for (const Agent& agent : view->agents) {
    if (agent.is_witness || !peers_.is_connected(agent.id)) continue;
    ++live_count;
    std::string why = fault_of(agent.id, contradicted);
    if (!why.empty()) faulty.push_back({&agent, std::move(why)});
  }
  std::sort(faulty.begin(), faulty.end(), [this](const Faulty& a, const Faulty& b) {
    const auto rank = [this](const Agent& agent) {
      return std::make_tuple(has(agent.id), agent.joined, agent.id);
    };
    return rank(*a.agent) > rank(*b.agent);
  });
  if (faulty.size() > live_count / 2) faulty.resize(live_count / 2);
  std::map<AgentId, std::string> now;
  for (Faulty& some : faulty) now[some.agent->id] = std::move(some.why);
  const std::map<AgentId, std::string> before = std::exchange(why_, std::move(now));
  for (const auto& [agent, why] : why_) {
    if (before.count(agent) == 0) say(agent, why);
  }
  for (const auto& [agent, why] : before) {
    const bool is_there = peers_.is_connected(agent) && view->find(agent) != nullptr;
    if (why_.count(agent) == 0 && is_there) say(agent, {});
  }
}

void Quarantine::say(AgentId id, const std::string& why) {
  const Agent* agent = desk_.replica.view()->find(id);
  if (why.empty()) {
    desk_.log(LogLevel::info, "host " + agent->name + " is well again: it gets its lease and say");
    notes_.push_back({"host " + agent->name + " may route again", "it is well again"});
    return;
  }
  desk_.log(LogLevel::warning, fmt::format("host {} is quarantined, without a lease and without a "
                                           "say about backends: {}; look at its network",
                                           agent->name, why));
  notes_.push_back({"quarantined host " + agent->name, why});
}

std::string Quarantine::why(AgentId agent) const {
  const auto found = why_.find(agent);
  return found == why_.end() ? std::string() : found->second;
}

void Quarantine::forget_all() {
  why_.clear();
  notes_.clear();
}

std::vector<Quarantine::Note> Quarantine::take_notes() {
  if (notes_.empty()) return {};
  std::vector<Note> notes = std::exchange(notes_, {});
  if (!note_budget_.take(desk_.now, note_burst, note_refill)) return {};
  return notes;
}

}  // namespace ringfence::agent::core
