#include "agent/core/leader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ringfence::agent::core {
namespace {

// A commit that fails at once (a full disk) must not be retried in a busy loop.
constexpr Duration commit_retry_pause = 100_ms;

// Another backend could take over the slots of this one.
bool has_others(const Pool* pool, const std::string& address) {
  return pool == nullptr || pool->find(address) == nullptr ||
         std::any_of(pool->backends.begin(), pool->backends.end(), [&address](const Backend& some) {
           return some.address != address && some.status == BackendStatus::serving &&
                  some.weight > 0;
         });
}

}  // namespace

void Leader::on_leadership(bool is_leader) {
  is_leader_ = is_leader;
  is_acting_ = false;
  quorum_at_.reset();
  is_confirming_ = false;
  leases_.clear();
  ended_.clear();
  acks_.clear();
  commit_.reset();
  admissions_.on_commands_asked({});
  open_flushes_.clear();
  are_flushes_ordered_ = false;
  open_flush_failure_.clear();
  confirm_at_ = advance_at_ = far_future;
  for (FlushAll& asked : flush_alls_) asked.is_in_change = false;
  if (!is_leader) {
    for (const FlushAll& asked : flush_alls_) {
      desk_.emit(Answer{asked.id, false, "this agent lost the lead while it flushed: ask again"});
    }
    flush_alls_.clear();
    return;
  }
  elected_at_ = barrier_from_ = desk_.now;  // read after the votes arrived
  confirm();
}

void Leader::confirm() {
  confirm_at_ = desk_.now + desk_.settings.lease / 4;
  const bool is_waiting = is_confirming_ && desk_.now - confirmed_at_ < desk_.settings.lease;
  if (is_waiting) return;
  is_confirming_ = true;
  confirmed_at_ = desk_.now;
  desk_.emit(ConfirmQuorum{});
}

bool Leader::on_quorum(const QuorumConfirmed& quorum) {
  is_confirming_ = false;
  if (!is_leader_ || !quorum.is_ok || quorum.submitted_at < elected_at_) return false;
  quorum_at_ = std::max(quorum_at_.value_or(quorum.submitted_at), quorum.submitted_at);
  if (is_acting_) return false;
  is_acting_ = true;
  return true;
}

// Its own deadline may rest on a clock that stood still: only a new barrier counts. And for whom it
// granted leases no time may have passed: each counts as granted now, as do earlier leaders'.
void Leader::on_clock_jumped() {
  if (!is_leader_) return;
  quorum_at_.reset();
  elected_at_ = std::max(elected_at_, desk_.now);
  for (auto& [agent, until] : leases_) until = std::max(until, desk_.now + desk_.settings.lease);
  is_confirming_ = false;
  confirm();
}

void Leader::on_timer() {
  // Within a sixteenth of a lease counts as due, so that an idle agent wakes once for all roles.
  if (is_leader_ && confirm_at_ <= desk_.now + desk_.settings.lease / 16) confirm();
}

void Leader::on_lease_request(AgentId from, const LeaseRequest& request) {
  if (!is_acting_) return;
  LeaseReply reply{request.incarnation, request.epoch, request.fence, request.nonce,
                   desk_.term,          Duration{},    desk_.applied};
  const ViewPtr view = desk_.replica.view();
  const OpenChange* open = desk_.replica.open();
  const Duration lease = desk_.settings.lease;
  const Agent* agent = view->find(from);
  const Peer* peer = peers_.find(from);
  const bool is_said = peer != nullptr && peer->introduction.has_value();
  const bool is_witness = from == desk_.settings.id ? desk_.settings.is_witness
                                                    : is_said && peer->introduction->is_witness;
  const bool is_out = quarantine_.has(from);
  if (is_out) desk_.send(from, LeaseRefused{std::string(cut_text(quarantine_.why(from)))});
  const bool may_route = agent != nullptr && !agent->is_witness && !is_witness && !is_out;
  const bool has_fenced = open == nullptr || request.fence == open->index;
  const bool has_quorum = quorum_at_.has_value() && desk_.now - *quorum_at_ <= lease / 2;
  if (!has_quorum) confirm();
  if (may_route && has_fenced && has_quorum && request.epoch == view->epoch) {
    reply.length = std::min(lease, *quorum_at_ + lease - desk_.now);
    leases_[from] = std::max(leases_[from], desk_.now + reply.length);
  }
  desk_.send(from, reply);
}

// Its own word, and after it nothing of that life is granted: messages of one agent keep their
// order. Said in this very term it covers what earlier leaders granted too: who said it follows
// no older term in any later life.
void Leader::on_lease_ended(AgentId from, const LeaseEnded& ended) {
  leases_.erase(from);
  if (is_acting_ && ended.term == desk_.term) ended_.insert(from);
}

Instant Leader::leases_end(AgentId agent) const {
  const auto granted = leases_.find(agent);
  const Instant own = granted == leases_.end() ? Instant{} : granted->second;
  const bool has_ended = ended_.count(agent) > 0;
  return has_ended ? own : std::max(own, elected_at_ + desk_.settings.lease);
}

bool Leader::is_lease_over(AgentId agent) const {
  return desk_.now > leases_end(agent) + desk_.settings.lease_margin;
}

void Leader::on_fence_ack(AgentId from, const FenceAck& ack) {
  const OpenChange* open = desk_.replica.open();
  if (!is_acting_ || open == nullptr || ack.index != open->index) return;
  if (ack.digest != open->next.digest) {
    desk_.log(LogLevel::error,
              fmt::format("G1: agent {:016x} computes another view for epoch {} (digest {:016x}, "
                          "here {:016x}): the change is blocked until that agent is restarted",
                          from.value, open->next.view->epoch.value, ack.digest, open->next.digest));
    return;
  }
  acks_[from] = ack.index;
}

void Leader::commit_change(const Entry& entry) {
  commit_ = desk_.next_id();
  commit_bytes_ = encode(entry);
  desk_.emit(Commit{*commit_, commit_bytes_});
}

// With the proposal just made, or by themselves.
void Leader::commit_commands(bool are_carried) {
  if (asked_commands_.empty()) return;
  const RequestId id = are_carried ? *commit_ : desk_.next_id();
  Commands alone;
  for (OpenCommand& open : std::exchange(asked_commands_, {})) {
    if (!are_carried) alone.commands.push_back(open.command);
    commands_.emplace(id, std::move(open));
  }
  if (!are_carried) desk_.emit(Commit{id, encode(alone)});
}

void Leader::answer_commands(const CommitFinished& finished) {
  const auto [first, last] = commands_.equal_range(finished.id);
  for (auto place = first; place != last; ++place) {
    const std::string text = finished.is_ok ? place->second.text
                                            : "not committed for certain (" + finished.why +
                                                  "): see status, and ask again";
    desk_.emit(Answer{place->second.asked, finished.is_ok, text});
  }
  commands_.erase(first, last);
}

void Leader::on_commit_finished(const CommitFinished& finished) {
  answer_commands(finished);
  if (!finished.is_ok) admissions_.on_commands_asked({});
  // A commit that succeeded stays in flight until its entry was applied (on_entry_applied).
  if (!commit_.has_value() || *commit_ != finished.id || finished.is_ok) return;
  commit_.reset();
  // The outcome is unknown: look again after a barrier, which applies the entry if it is there.
  desk_.log(LogLevel::warning, "a change was not committed for certain: " + finished.why);
  barrier_from_ = desk_.now;
  commit_from_ = desk_.now + commit_retry_pause;
  is_confirming_ = false;
  confirm();
}

void Leader::on_entry_applied(std::string_view bytes) {
  if (commit_.has_value() && bytes.substr(0, commit_bytes_.size()) == commit_bytes_) {
    commit_.reset();
  }
  admissions_.on_commands_asked({});  // the replica has them now
}

void Leader::on_shutdown() {
  is_stopping_ = true;
  for (const FlushAll& asked : flush_alls_) {
    desk_.emit(Answer{asked.id, false, "the agent is stopping: ask again once it is back"});
  }
  flush_alls_.clear();
  for (const MemoryFlush& flush : memory_flushes_) {
    for (const RequestId asked : flush.asked) desk_.emit(Answer{asked, true, "flushed"});
  }
  memory_flushes_.clear();
  for (const auto& [id, command] : commands_) {
    desk_.emit(Answer{command.asked, false, "the agent is stopping: see status once it is back"});
  }
  commands_.clear();
}

void Leader::on_backend_command(RequestId id, BackendCommand command) {
  if (!is_acting_ || is_stopping_) {
    desk_.emit(Answer{id, false, "no quorum, or this agent does not lead: ask again"});
    return;
  }
  const auto& pools = admissions_.configuration();
  const bool is_known = std::any_of(pools.begin(), pools.end(), [&command](const WantedPool& pool) {
    return pool.name == command.pool;
  });
  const bool is_sane = !command.address.empty() && command.address.size() <= address_bytes_max &&
                       command.weight <= weight_max;
  if (!is_known || !is_sane) {
    desk_.emit(Answer{
        id, false,
        is_known ? fmt::format("address or weight out of bounds (weight at most {})", weight_max)
                 : "no pool " + command.pool + " here"});
    return;
  }
  const std::string other = admissions_.other_pool_of({command.pool, command.address});
  if (command.is_add && !other.empty()) {
    desk_.emit(Answer{id, false,
                      fmt::format("{} is a backend of pool {} already, and a memcached serves one "
                                  "pool: remove it there first, or start another",
                                  command.address, other)});
    return;
  }
  if (command.is_drain && !has_others(desk_.replica.view()->find(command.pool), command.address)) {
    desk_.emit(Answer{id, false,
                      fmt::format("{} is the only backend that serves pool {}: nobody could take "
                                  "its slots. `backend remove` takes it out all the same",
                                  command.address, command.pool)});
    return;
  }
  const std::string text = fmt::format("{} {} pool {}", command.address,
                                       command.is_add     ? "is wanted in"
                                       : command.is_drain ? "leaves, after its slots did,"
                                                          : "leaves",
                                       command.pool);
  asked_commands_.push_back({id, text, std::move(command)});
  if (!may_propose()) return commit_commands(false);
  std::vector<BackendCommand> asked;
  for (const OpenCommand& open : asked_commands_) asked.push_back(open.command);
  admissions_.on_commands_asked(std::move(asked));
}

}  // namespace ringfence::agent::core
