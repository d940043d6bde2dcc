#include "tests/sim/fleet_engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ringfence::sim {
namespace {

bool holds(const std::vector<AgentId>& ids, AgentId id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

FleetEngine::FleetEngine(Schedule& schedule, EngineWorld world)
    : schedule_(schedule), world_(std::move(world)), patience_(300_ms) {
  schedule_.after(30_ms, [this] { tick(); });
}

// --- as an agent's engine ------------------------------------------------------------------------

bool FleetEngine::start(AgentId id, const std::vector<Voter>& bootstrap) {
  Member& member = members_[id];
  member.runs = true;
  if (bootstrap.empty()) return true;
  std::vector<AgentId> ids;
  for (const Voter& voter : bootstrap) ids.push_back(voter.id);
  std::sort(ids.begin(), ids.end());
  if (!bootstrap_.empty()) return ids == bootstrap_;
  bootstrap_ = voters_ = ids;
  return true;
}

void FleetEngine::restore(AgentId id) {
  Member& member = members_[id];
  const std::uint64_t life = member.life;
  member.voters = voters_;
  world_.tell(id, VotersChanged{voters_});
  if (snapshot_index_ != 0 && snapshot_index_ <= member.stored && schedule_.chance(70)) {
    member.told = snapshot_index_;
    world_.tell(id, SnapshotRestored{LogIndex{snapshot_index_}, snapshot_});
  }
  while (member.life == life && member.told < member.stored) {
    const Entry& entry = log_[member.told++];
    world_.tell(id, EntryApplied{LogIndex{member.told}, entry.term, entry.bytes});
  }
}

void FleetEngine::crash(AgentId id) {
  const auto found = members_.find(id);
  if (found == members_.end()) return;
  Member& member = found->second;
  const std::size_t stored = std::max(member.stored, member.told);
  if (leader_ == id) {
    leader_.reset();
    for (const Task& task : member.tasks) {
      if (!task.bytes.empty()) limbo_.push_back(task.bytes);
    }
  }
  const std::uint64_t life = member.life + 1;
  member = Member{};
  member.life = life;
  member.stored = stored;
}

void FleetEngine::delete_log(AgentId id) {
  crash(id);
  members_[id].stored = 0;
}

void FleetEngine::commit(AgentId id, RequestId request, std::string bytes) {
  members_[id].tasks.push_back({request, std::move(bytes), {}, {}});
  turn(id);
}

void FleetEngine::confirm(AgentId id, Instant submitted_at) {
  members_[id].tasks.push_back({{}, {}, submitted_at, schedule_.now()});
  turn(id);
}

// One task at a time, in order; a barrier proves what stood before it.
void FleetEngine::turn(AgentId id) {
  Member& member = members_[id];
  if (!member.runs || member.is_busy || member.tasks.empty()) return;
  member.is_busy = true;
  const bool stalls = is_slow && schedule_.chance(3);
  const Duration delay =
      stalls ? schedule_.between(100_ms, 2500_ms) : schedule_.between(Duration{500'000}, 3_ms);
  schedule_.after(delay, [this, id, life = member.life] {
    if (members_[id].life == life) complete(id);
  });
}

void FleetEngine::complete(AgentId id) {
  Member& member = members_[id];
  member.is_busy = false;
  if (member.tasks.empty() || !member.believes) return;
  if (leader_ != id) return;  // deposed: it will be told
  if (!has_majority(id, voters_)) {
    member.is_busy = true;
    schedule_.after(20_ms, [this, id, life = member.life] {
      if (members_[id].life == life) complete(id);
    });
    return;
  }
  const Task task = std::move(member.tasks.front());
  member.tasks.pop_front();
  const std::uint64_t life = member.life;
  const bool is_commit = !task.bytes.empty();
  const bool seems_failed = is_commit && has_unknown_outcomes && schedule_.chance(5);
  if (seems_failed) world_.tell(id, CommitFinished{task.request, false, "simulated"});
  if (is_commit && (!seems_failed || schedule_.chance(50))) append(task.bytes);
  if (member.life != life) return;
  tell_all(id);
  if (member.life != life) return;
  if (is_commit && !seems_failed) world_.tell(id, CommitFinished{task.request, true, ""});
  if (!is_commit) {
    world_.confirmed(task.submitted_truly_at);
    world_.tell(id, QuorumConfirmed{task.submitted_at, true});
  }
  if (member.life == life) turn(id);
}

void FleetEngine::append(const std::string& bytes) {
  log_.push_back({term_, bytes});
  world_.committed(LogIndex{log_.size()}, bytes);
  if (log_.size() < snapshot_index_ + 12) return;
  snapshot_index_ = log_.size();
  snapshot_ = world_.snapshot();
}

void FleetEngine::tell_all(AgentId id) {
  Member& member = members_[id];
  const std::uint64_t life = member.life;
  while (member.life == life && member.told < log_.size()) {
    const Entry entry = log_[member.told++];
    member.stored = std::max(member.stored, member.told);
    world_.tell(id, EntryApplied{LogIndex{member.told}, entry.term, entry.bytes});
  }
  if (member.life != life || member.voters == voters_) return;
  member.voters = voters_;
  world_.tell(id, VotersChanged{voters_});
}

// --- who leads -----------------------------------------------------------------------------------

bool FleetEngine::has_majority(AgentId id, const std::vector<AgentId>& voters) const {
  std::size_t reached = 0;
  for (const AgentId voter : voters) {
    const auto member = members_.find(voter);
    const bool runs = member != members_.end() && member->second.runs;
    if (runs && world_.reaches(voter, voter) && world_.reaches(id, voter)) ++reached;
  }
  return world_.reaches(id, id) && reached * 2 > voters.size();
}

void FleetEngine::tick() {
  schedule_.after(schedule_.between(20_ms, 50_ms), [this] { tick(); });
  if (voters_.empty()) return;
  const bool is_led =
      leader_.has_value() && members_[*leader_].runs && has_majority(*leader_, voters_);
  if (!is_led) {
    if (!leaderless_since_.has_value()) {
      leaderless_since_ = schedule_.now();
      patience_ = schedule_.between(120_ms, 450_ms);
    }
    if (schedule_.now() - *leaderless_since_ > patience_) elect();
    return;
  }
  leaderless_since_.reset();
  std::vector<AgentId> late;
  for (const auto& [id, member] : members_) {
    const bool is_behind = member.told < log_.size() || member.voters != voters_;
    const bool is_follower = member.runs && id != *leader_ && holds(voters_, id);
    if (is_behind && is_follower && schedule_.chance(60)) late.push_back(id);
  }
  for (const AgentId id : late) {
    if (leader_.has_value() && world_.reaches(*leader_, id)) tell_all(id);
  }
  if (leader_.has_value()) change_voters();
}

void FleetEngine::elect() {
  std::vector<AgentId> candidates;
  for (const AgentId voter : voters_) {
    if (members_[voter].runs && has_majority(voter, voters_)) candidates.push_back(voter);
  }
  if (!candidates.empty()) {
    lead(candidates[schedule_.random(candidates.size())]);
  } else if (leader_.has_value() && members_[*leader_].believes) {
    // It hears nothing of a majority: it steps down by itself, sooner or later.
    const AgentId former = *leader_;
    for (const Task& task : members_[former].tasks) {
      if (!task.bytes.empty()) limbo_.push_back(task.bytes);
    }
    leader_.reset();
    step_down_later(former, schedule_.between(1_ms, 1500_ms));
  }
}

// The former leader goes on believing. What it had in hand may have come to enough voters.
void FleetEngine::lead(AgentId id) {
  if (leader_ == id && members_[id].believes) return;
  if (leader_.has_value() && *leader_ != id && members_[*leader_].believes) {
    for (const Task& task : members_[*leader_].tasks) {
      if (!task.bytes.empty()) limbo_.push_back(task.bytes);
    }
    step_down_later(*leader_, schedule_.between(1_ms, 2500_ms));
  }
  leaderless_since_.reset();
  Member& member = members_[id];
  const std::uint64_t life = member.life;
  if (member.believes) step_down(id, member.term);
  if (member.life != life) return;
  leader_ = id;
  term_ = Term{term_.value + 1};
  wanted_.clear();
  world_.note(fmt::format("agent {:x} is elected in term {}", id.value, term_.value));
  while (!limbo_.empty() && schedule_.chance(60)) {
    append(limbo_.front());
    limbo_.erase(limbo_.begin());
  }
  limbo_.clear();
  member.believes = true;
  member.term = term_;
  world_.tell(id, LeadershipChanged{true, term_});
}

void FleetEngine::depose() {
  std::vector<AgentId> others;
  for (const AgentId voter : voters_) {
    const bool is_fit = members_[voter].runs && has_majority(voter, voters_);
    if (leader_ != voter && is_fit) others.push_back(voter);
  }
  if (!others.empty()) lead(others[schedule_.random(others.size())]);
}

void FleetEngine::step_down_later(AgentId id, Duration delay) {
  const Member& member = members_[id];
  schedule_.after(delay, [this, id, life = member.life, term = member.term] {
    if (members_[id].life == life) step_down(id, term);
  });
}

void FleetEngine::step_down(AgentId id, Term term) {
  Member& member = members_[id];
  if (!member.believes || member.term != term) return;
  if (leader_ == id) return;
  member.believes = false;
  std::deque<Task> tasks;
  tasks.swap(member.tasks);
  member.is_busy = false;
  const std::uint64_t life = member.life;
  const bool is_told_first = schedule_.chance(50);
  if (is_told_first) world_.tell(id, LeadershipChanged{false, term_});
  for (const Task& task : tasks) {
    if (members_[id].life != life) return;
    if (task.bytes.empty()) world_.tell(id, QuorumConfirmed{task.submitted_at, false});
    if (!task.bytes.empty()) world_.tell(id, CommitFinished{task.request, false, "deposed"});
  }
  if (members_[id].life == life && !is_told_first) {
    world_.tell(id, LeadershipChanged{false, term_});
  }
}

// --- who votes -----------------------------------------------------------------------------------

void FleetEngine::set_voters(AgentId id, const std::vector<Voter>& wanted) {
  if (leader_ != id) return;
  wanted_.clear();
  for (const Voter& voter : wanted) wanted_.push_back(voter.id);
}

void FleetEngine::hand_over(AgentId id) {
  if (leader_ == id) depose();
}

// One change at a time, and only to a set that has a majority here: who does not answer is dropped
// first, then who is wanted comes, and then who is not wanted goes.
std::vector<AgentId> FleetEngine::next_voters() {
  const auto without = [this](AgentId id) {
    std::vector<AgentId> next = voters_;
    std::erase(next, id);
    return next;
  };
  std::vector<std::vector<AgentId>> choices;
  for (const AgentId id : voters_) {
    const bool is_silent = !holds(wanted_, id) && !world_.reaches(*leader_, id);
    if (is_silent) choices.push_back(without(id));
  }
  bool is_waiting = false;
  for (const AgentId id : wanted_) {
    if (holds(voters_, id)) continue;
    is_waiting = true;
    std::vector<AgentId> next = voters_;
    next.insert(std::upper_bound(next.begin(), next.end(), id), id);
    if (members_[id].runs && world_.reaches(*leader_, id)) choices.push_back(std::move(next));
  }
  for (const AgentId id : voters_) {
    const bool is_odd = !is_waiting && !holds(wanted_, id) && id != *leader_;
    if (is_odd) choices.push_back(without(id));
  }
  for (std::vector<AgentId>& next : choices) {
    if (has_majority(*leader_, next)) return std::move(next);
  }
  return voters_;
}

void FleetEngine::change_voters() {
  if (wanted_.empty() || !schedule_.chance(50)) return;
  std::vector<AgentId> next = next_voters();
  if (next == voters_) {
    if (!holds(wanted_, *leader_)) depose();
    return;
  }
  world_.note(fmt::format("{} agents vote", next.size()));
  voters_ = std::move(next);
  tell_all(*leader_);
}

}  // namespace ringfence::sim
