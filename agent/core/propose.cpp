// Leader: what the next change holds. Everything that is due goes into one.
#include <fmt/format.h>

#include <algorithm>

#include "agent/core/leader.hpp"

namespace ringfence::agent::core {
namespace {

// Backends that become ready at about the same time join in one change; the first is kept waiting
// no longer than this (design goal: a join is not felt).
constexpr Duration admission_batch_wait = 50_ms;

// Keeps an entry well below the engine's 1 MiB; the rest goes into the next change.
constexpr std::size_t planned_op_count_max = 2048;

// How many names a line of history holds, and how many reasons.
constexpr std::uint32_t named_count_max = 8;
constexpr std::size_t reason_count_max = 3;

}  // namespace

struct Leader::Plan {
  std::vector<Op> ops;
  std::vector<Admissions::Key> admitted;
  std::string what, why, who;
  std::vector<std::string> reasons;
  std::uint32_t named_count = 0;

  [[nodiscard]] bool is_full() const { return ops.size() >= planned_op_count_max; }
  void add(Op op) { ops.push_back(std::move(op)); }
  void say(const std::string& text, const std::string& reason) {
    if (std::find(reasons.begin(), reasons.end(), reason) == reasons.end() && !reason.empty()) {
      reasons.push_back(reason);
      if (reasons.size() <= reason_count_max) why += (why.empty() ? "" : "; ") + reason;
    }
    ++named_count;
    if (named_count > named_count_max) return;
    if (!what.empty()) what += "; ";
    what += text;
  }
  void is_asked_by(const std::string& name) {
    if (who.empty()) who = name;
  }
  void finish() {
    if (named_count > named_count_max) {
      what += fmt::format("; and {} more", named_count - named_count_max);
    }
  }
};

void Leader::propose() {
  // What an earlier proposal was to admit that never came to be (its commit failed).
  for (auto& [key, candidate] : admissions_.all()) admissions_.put_back(key);
  Plan plan;
  plan_view(plan);
  if (admissions_.has_configuration()) {
    plan_pools(plan);
    plan_backends(plan);
    plan_flushes(plan);
    plan_admissions(plan);
  }
  for (const Quarantine::Note& note : quarantine_.take_notes()) plan.say(note.what, note.why);
  if (plan.named_count == 0 && plan.ops.empty()) return;
  plan.finish();
  Proposal proposal;
  proposal.expected = desk_.replica.view()->epoch;
  proposal.ops = std::move(plan.ops);
  proposal.what = plan.what;
  proposal.why = plan.why;
  proposal.who = plan.who.empty() ? desk_.settings.name : plan.who;
  proposal.unix_ms = desk_.unix_ms;
  for (const OpenCommand& asked : asked_commands_) proposal.commands.push_back(asked.command);
  timings_[Epoch{proposal.expected.value + 1}].committed = desk_.now;
  commit_change(proposal);
}

void Leader::plan_view(Plan& plan) {
  const ViewPtr view = desk_.replica.view();
  const NodeSettings& settings = desk_.settings;
  if (view->epoch.value == 0 && view->cluster_id != forming_.cluster_id()) {
    plan.add(SetCluster{forming_.cluster_id()});
  }
  plan_agent(plan,
             {settings.id,
              settings.name,
              settings.incarnation,
              settings.address,
              settings.zone,
              settings.is_witness,
              {}},
             view->agents.empty() ? "first start" : "it leads");
  for (const auto& [id, peer] : peers_.all()) {
    const bool is_joining = peer.is_connected && forming_.is_own(peer);
    if (!is_joining || plan.is_full()) continue;
    plan_agent(plan,
               {id,
                peer.name,
                peer.incarnation,
                peer.address,
                peer.introduction->zone,
                peer.introduction->is_witness,
                {}},
               "it found the fleet");
  }
  plan_departures(plan);
}

// Joins, or moved to another address or zone.
void Leader::plan_agent(Plan& plan, const Agent& agent, const std::string& why) {
  const Agent* known = desk_.replica.view()->find(agent.id);
  if (known == nullptr) {
    plan.add(JoinAgent{agent});
    plan.say("agent " + agent.name + " joined", why);
    return;
  }
  const bool is_same = known->name == agent.name && known->address == agent.address &&
                       known->zone == agent.zone && known->is_witness == agent.is_witness;
  // Nobody waits for a witness, so who becomes one must hold no lease any more.
  const bool is_early = agent.is_witness && !known->is_witness && !is_lease_over(agent.id);
  if (is_early) admissions_.wake_by(desk_.now + desk_.settings.lease / 4);
  if (is_same || is_early) return;
  plan.add(JoinAgent{agent});
  plan.say("agent " + agent.name + " changed", "its configuration");
}

// Another identity, of this very agent or of a peer; it may have come to belong to another fleet.
bool Leader::is_at_address_of(const Agent& gone) const {
  if (gone.address == desk_.settings.address) return true;
  const auto& peers = peers_.all();
  return std::any_of(peers.begin(), peers.end(), [&gone](const auto& peer) {
    return peer.first != gone.id && peer.second.is_connected && peer.second.address == gone.address;
  });
}

// Gone for long, or replaced by a new identity at its address. Only once its lease has surely
// ended: in the next view nobody would wait for it.
void Leader::plan_departures(Plan& plan) {
  for (const Agent& agent : desk_.replica.view()->agents) {
    if (agent.id == desk_.settings.id || peers_.is_connected(agent.id) || plan.is_full()) continue;
    const bool is_replaced = !agent.address.empty() && is_at_address_of(agent);
    const Duration silence = peers_.silence(agent.id);
    const bool is_forgotten = silence >= desk_.settings.forget_after;
    if (!is_replaced && !is_forgotten) {
      admissions_.wake_by(desk_.now + Duration{desk_.settings.forget_after.ns - silence.ns});
      continue;
    }
    if (!is_lease_over(agent.id)) {
      admissions_.wake_by(desk_.now + desk_.settings.lease / 4);
      continue;
    }
    plan.add(RemoveAgent{agent.id});
    plan.say("agent " + agent.name + " removed",
             is_replaced ? "another identity came to its address" : "not heard of for long");
  }
}

void Leader::plan_pools(Plan& plan) {
  const ViewPtr view = desk_.replica.view();
  const auto& wanted = admissions_.configuration();
  for (const WantedPool& pool : wanted) {
    const Pool* known = view->find(pool.name);
    if (known != nullptr && known->options == pool.options) continue;
    plan.add(SetPool{pool.name, pool.options});
    plan.say(fmt::format("pool {} {}", pool.name, known == nullptr ? "made" : "changed"),
             "configuration");
  }
  for (const Pool& pool : view->pools) {
    const bool is_wanted =
        std::any_of(wanted.begin(), wanted.end(),
                    [&pool](const WantedPool& some) { return some.name == pool.name; });
    if (is_wanted) continue;
    plan.add(RemovePool{pool.name});
    plan.say("pool " + pool.name + " removed", "configuration");
  }
}

void Leader::plan_backends(Plan& plan) {
  for (auto& [key, candidate] : admissions_.all()) {
    const PlacedBackend* placed = admissions_.index().find(key.first, key.second);
    if (placed == nullptr || plan.is_full()) continue;
    if (!candidate.is_wanted) {
      plan.add(RemoveBackend{key.first, key.second});
      plan.say("removed " + key.second, candidate.asked_by);
      plan.is_asked_by(candidate.who);
      continue;
    }
    plan_loss(plan, key, candidate);
    if (placed->backend->weight != candidate.weight) {
      plan.add(SetWeight{key.first, key.second, candidate.weight});
      if (candidate.is_draining) {
        plan.say("drains " + key.second, candidate.asked_by);
        plan.is_asked_by(candidate.who);
        continue;
      }
      plan.say(fmt::format("weight of {} set to {}", key.second, candidate.weight),
               candidate.asked_by);
      plan.is_asked_by(candidate.who);
    }
  }
}

// Lost: its slots are served by nobody. Reassigned: they go to the others, once `grace` is over,
// and as far as budget and floor allow; until then they wait for its return.
void Leader::plan_loss(Plan& plan, const Admissions::Key& key, Candidate& candidate) {
  const PlacedBackend& placed = *admissions_.index().find(key.first, key.second);
  const bool is_loss = candidate.is_lost_here && placed.backend->status == BackendStatus::serving;
  if (is_loss) {
    plan.add(LoseBackend{key.first, key.second});
    plan.say("lost " + key.second, candidate.trouble);
  }
  if (!is_loss && placed.kept_slots == 0) return;
  const bool is_returning = candidate.phase == Phase::flushing || candidate.phase == Phase::ready ||
                            candidate.phase == Phase::proposed;
  if (is_returning) return;
  const Instant given_up_at = candidate.lost_at + candidate.timing.grace;
  if (desk_.now < given_up_at) {
    admissions_.wake_by(given_up_at);
    return;
  }
  if (!may_reassign(key.first, candidate.timing)) return;
  plan.add(Reassign{key.first, key.second});
  if (!is_loss) plan.say("reassigned the slots of " + key.second, candidate.trouble);
}

// The floor: with less than this share of the pool's weight left, the trouble is larger than a
// backend, and emptying what still serves would make it worse (G6).
bool Leader::may_reassign(const std::string& name, const PoolTiming& timing) {
  const Pool& pool = *desk_.replica.view()->find(name);
  std::uint64_t total = 0;
  std::uint64_t serving = 0;
  for (const Backend& backend : pool.backends) {
    total += backend.weight;
    const Candidate* candidate = admissions_.find(name, backend.address);
    const bool is_lost = candidate == nullptr || candidate->is_lost_here || !candidate->is_wanted ||
                         backend.status == BackendStatus::lost;
    if (!is_lost) serving += backend.weight;
  }
  if (serving == 0 || serving * 100 < total * timing.floor_percent) return false;
  return admissions_.may_evict(name, timing);
}

void Leader::on_flush_all(const FlushAllAsked& asked) {
  const Pool* pool = desk_.replica.view()->find(asked.pool);
  std::string refusal;
  if (is_stopping_) {
    refusal = "the agent is stopping: ask again once it is back";
  } else if (!is_leader_) {
    refusal = "no quorum, or this agent does not lead: ask again";
  } else if (is_acting_ && pool == nullptr) {
    refusal = "no pool " + asked.pool + " here";
  } else if (pool != nullptr && !pool->options.allows_flush_all) {
    refusal = "pool " + asked.pool + " refuses flush_all (flush_all = false)";
  }
  if (!refusal.empty()) {
    desk_.emit(Answer{asked.id, false, refusal});
    return;
  }
  flush_alls_.push_back(FlushAll{asked.id, asked.pool, asked.who, false});
}

void Leader::plan_flushes(Plan& plan) {
  std::vector<std::string> planned;
  for (FlushAll& asked : flush_alls_) {
    asked.is_in_change = true;
    if (std::find(planned.begin(), planned.end(), asked.pool) != planned.end()) continue;
    planned.push_back(asked.pool);
    plan.add(FlushPool{asked.pool});
    plan.say("flushed pool " + asked.pool, "flush_all");
    plan.who = asked.who;
  }
}

// Those that are still on their way are waited for, but not for long.
bool Leader::is_admission_due(bool has_other_ops) {
  bool is_anyone_ready = false;
  bool is_anyone_coming = false;
  Instant first_ready = far_future;
  for (const auto& [key, candidate] : admissions_.all()) {
    if (candidate.phase == Phase::ready) {
      is_anyone_ready = true;
      first_ready = std::min(first_ready, candidate.since);
    }
    is_anyone_coming = is_anyone_coming || candidate.phase == Phase::flushing ||
                       (candidate.is_wanted && !candidate.is_heard_of);
  }
  if (!is_anyone_ready) return false;
  const Instant due_at = first_ready + admission_batch_wait;
  if (has_other_ops || !is_anyone_coming || desk_.now >= due_at) return true;
  admissions_.wake_by(due_at);
  return false;
}

void Leader::plan_admissions(Plan& plan) {
  const auto is_meaning_changed = [&plan](const std::string& pool) {
    return std::any_of(plan.ops.begin(), plan.ops.end(), [&pool](const Op& op) {
      const auto* set = std::get_if<SetPool>(&op);
      const auto* removed = std::get_if<RemovePool>(&op);
      return (set != nullptr && set->pool == pool) || (removed != nullptr && removed->pool == pool);
    });
  };
  if (!is_admission_due(!plan.ops.empty())) return;
  for (auto& [key, candidate] : admissions_.all()) {
    if (candidate.phase != Phase::ready || plan.is_full() || is_meaning_changed(key.first)) {
      continue;
    }
    plan.add(AdmitBackend{key.first, key.second, candidate.weight});
    plan.say("admitted " + key.second,
             candidate.trouble.empty() ? candidate.asked_by : "it answers again");
    if (candidate.trouble.empty()) plan.is_asked_by(candidate.who);
    admissions_.set_phase(key, candidate, Phase::proposed);
  }
}

}  // namespace ringfence::agent::core
