// Leader: what happens to a change between its proposal and its activation.
#include <fmt/format.h>

#include <algorithm>

#include "agent/core/leader.hpp"

namespace ringfence::agent::core {
namespace {

std::uint32_t microseconds(Instant from, Instant until) {
  if (from == Instant{} || until < from) return 0;
  return static_cast<std::uint32_t>(std::min<std::int64_t>((until - from).ns / 1000, UINT32_MAX));
}

}  // namespace

bool Leader::may_propose() const {
  return is_acting_ && !is_stopping_ && !commit_.has_value() && has_quorum() &&
         desk_.now >= commit_from_ && desk_.replica.open() == nullptr;
}

void Leader::advance() {
  advance_at_ = far_future;
  if (may_propose()) {
    propose();
    commit_commands(commit_.has_value());
    return;
  }
  commit_commands(false);
  if (!is_acting_ || commit_.has_value() || !has_quorum()) return;
  if (desk_.now < commit_from_) {
    advance_at_ = commit_from_;
    return;
  }
  if (const OpenChange* open = desk_.replica.open(); open != nullptr) advance_open(*open);
}

void Leader::on_proposal_applied() {
  if (!is_acting_) return;
  Timing& timing = timings_[desk_.replica.open()->next.view->epoch];
  timing.applied = desk_.now;
  timing.propose_us = microseconds(timing.committed, desk_.now);
  while (timings_.size() > history_count_max) timings_.erase(timings_.begin());
}

void Leader::advance_open(const OpenChange& open) {
  if (must_abandon(open)) {
    activate(open, false);
    return;
  }
  if (!is_fenced_everywhere(open)) return;
  Timing& timing = timings_[open.next.view->epoch];
  if (timing.acknowledged == Instant{}) {
    timing.acknowledged = desk_.now;
    timing.fence_us = microseconds(timing.applied, desk_.now);
  }
  if (!are_flushes_ordered_) order_open_flushes(open);
  if (!open_flush_failure_.empty()) {
    activate(open, false);
  } else if (are_flushes_done()) {
    activate(open, true);
  }
}

// A change that admits somebody is abandoned when that backend had trouble since, and when it was
// proposed before this leadership: what happened to the backend in between, nobody knows here. It
// is flushed and proposed anew. All other changes are resumed where they stood.
bool Leader::must_abandon(const OpenChange& open) const {
  for (const Op& op : open.proposal.ops) {
    const auto* admit = std::get_if<AdmitBackend>(&op);
    if (admit == nullptr) continue;
    const Candidate* candidate = admissions_.find(admit->pool, admit->address);
    if (candidate == nullptr || candidate->phase != Phase::proposed) return true;
  }
  return false;
}

// Everyone acknowledged this proposal, or holds no lease: neither one that this leader granted nor
// one of an earlier leader, whose last barrier's quorum met the one that elected this leader.
bool Leader::is_fenced_everywhere(const OpenChange& open) {
  if (open.next.moved_count == 0) return true;
  Instant until;
  for (const Agent& agent : desk_.replica.view()->agents) {
    if (agent.is_witness) continue;  // it routes nothing
    const auto ack = acks_.find(agent.id);
    if (ack != acks_.end() && ack->second == open.index) continue;
    until = std::max(until, leases_end(agent.id));
    if (agent.id == desk_.settings.id) until = far_future;  // its acknowledgement is on its way
  }
  if (until != Instant{}) until = until + desk_.settings.lease_margin;  // clocks drift
  until = std::max(until, desk_.settings.earlier_leases_end);
  if (desk_.now >= until) return true;
  advance_at_ = until;
  return false;
}

void Leader::order_open_flushes(const OpenChange& open) {
  are_flushes_ordered_ = true;
  for (const Op& op : open.proposal.ops) {
    const auto* admit = std::get_if<AdmitBackend>(&op);
    const auto* flush = std::get_if<FlushPool>(&op);
    if (admit == nullptr && flush == nullptr) continue;
    const std::string& name = admit != nullptr ? admit->pool : flush->pool;
    const Pool* pool = open.next.view->find(name);
    if (pool == nullptr || pool->options.has_tags) continue;
    for (const Backend& backend : pool->backends) {
      const bool is_meant = admit != nullptr ? backend.address == admit->address
                                             : backend.status == BackendStatus::serving;
      const Admissions::Key key{name, backend.address};
      if (!is_meant || open_flushes_.count(key) > 0) continue;
      open_flushes_[key].id = desk_.next_id();
      desk_.emit(FlushBackend{open_flushes_[key].id, name, backend.address, admit != nullptr});
    }
  }
}

bool Leader::are_flushes_done() const {
  return std::all_of(open_flushes_.begin(), open_flushes_.end(),
                     [](const auto& flush) { return flush.second.state == FlushState::verified; });
}

void Leader::on_flush_finished(const FlushFinished& finished) {
  const auto found = open_flushes_.find({finished.pool, finished.address});
  if (finish_memory_flush(finished.id)) return;
  if (found == open_flushes_.end() || found->second.id != finished.id) {
    const bool is_verified = finished.outcome == FlushOutcome::verified;
    desk_.log(
        is_verified ? LogLevel::debug : LogLevel::warning,
        fmt::format("pool {}: backend {}: a flush that no change waits for {}{}", finished.pool,
                    finished.address, is_verified ? "is done" : "failed: ", finished.why));
    return;
  }
  const bool is_admitted = admissions_.on_change_flush_finished(finished);
  if (is_admitted) {
    found->second.state = FlushState::verified;
  } else {
    open_flush_failure_ = fmt::format("{} was not flushed: {}", finished.address, finished.why);
  }
}

void Leader::activate(const OpenChange& open, bool is_moved) {
  const Timing& timing = timings_[open.next.view->epoch];
  commit_change(Activation{open.index, desk_.replica.view()->epoch, is_moved, timing.propose_us,
                           timing.fence_us});
}

void Leader::on_change_closed(const Proposal& closed, bool is_moved) {
  if (const auto found = timings_.find(desk_.replica.view()->epoch); found != timings_.end()) {
    found->second.activate_us = microseconds(found->second.acknowledged, desk_.now);
  }
  for (const Op& op : closed.ops) {
    const auto* admit = std::get_if<AdmitBackend>(&op);
    if (admit != nullptr && !is_moved) admissions_.put_back({admit->pool, admit->address});
  }
  answer_flushes(closed, is_moved);
  drop_memory_flushes_of_the_gone();
  acks_.clear();
  open_flushes_.clear();
  are_flushes_ordered_ = false;
  open_flush_failure_.clear();
}

// The generations were raised everywhere: what was stored before is out of reach. In a pool with
// tags the real flushes follow, for the memory only; the answer waits for them, so that what a
// client stores after it stays. What closed need not be what was planned last: an earlier proposal,
// whose commit had seemed to fail, may have come first. Who is not in what closed waits on.
void Leader::answer_flushes(const Proposal& closed, bool is_moved) {
  const auto is_flushed_by = [&closed](const std::string& pool) {
    return std::any_of(closed.ops.begin(), closed.ops.end(), [&pool](const Op& op) {
      const auto* flush = std::get_if<FlushPool>(&op);
      return flush != nullptr && flush->pool == pool;
    });
  };
  std::vector<FlushAll> waiting;
  for (FlushAll& asked : flush_alls_) {
    const bool is_meant = asked.is_in_change && is_flushed_by(asked.pool);
    asked.is_in_change = false;
    if (is_meant && is_moved) {
      flush_for_memory(asked);
    } else if (is_meant && !open_flush_failure_.empty()) {
      desk_.emit(Answer{asked.id, false, open_flush_failure_});
    } else {
      waiting.push_back(asked);
    }
  }
  flush_alls_ = std::move(waiting);
}

void Leader::flush_for_memory(const FlushAll& asked) {
  const auto under_way =
      std::find_if(memory_flushes_.begin(), memory_flushes_.end(),
                   [&asked](const MemoryFlush& flush) { return flush.pool == asked.pool; });
  if (under_way != memory_flushes_.end()) {
    under_way->asked.push_back(asked.id);
    return;
  }
  MemoryFlush flush{asked.pool, {asked.id}, {}};
  const Pool* pool = desk_.replica.view()->find(asked.pool);
  if (pool != nullptr && pool->options.has_tags) {
    for (const Backend& backend : pool->backends) {
      if (backend.status != BackendStatus::serving) continue;
      const RequestId id = desk_.next_id();
      flush.ordered[id] = backend.address;
      desk_.emit(FlushBackend{id, asked.pool, backend.address, false});
    }
  }
  memory_flushes_.push_back(std::move(flush));
  (void)finish_memory_flush(RequestId{});  // without tags, or with nobody to flush
}

// However it ended: it was for the memory only. True when the id was of such a flush.
bool Leader::finish_memory_flush(RequestId id) {
  bool is_known = false;
  for (MemoryFlush& flush : memory_flushes_) {
    is_known = flush.ordered.erase(id) > 0 || is_known;
    if (!flush.ordered.empty()) continue;
    for (const RequestId asked : flush.asked) desk_.emit(Answer{asked, true, "flushed"});
  }
  std::erase_if(memory_flushes_, [](const MemoryFlush& flush) { return flush.ordered.empty(); });
  return is_known;
}

// Nobody watches a backend that left, and its memory is nobody's concern.
void Leader::drop_memory_flushes_of_the_gone() {
  for (MemoryFlush& flush : memory_flushes_) {
    const Pool* pool = desk_.replica.view()->find(flush.pool);
    std::erase_if(flush.ordered, [pool](const auto& ordered) {
      return pool == nullptr || pool->find(ordered.second) == nullptr;
    });
  }
  (void)finish_memory_flush(RequestId{});
}

void Leader::fill_timings(std::vector<ChangeRecord>& history) const {
  for (ChangeRecord& record : history) {
    const auto found = timings_.find(record.epoch);
    if (found == timings_.end()) continue;
    record.propose_us = found->second.propose_us;
    record.fence_us = found->second.fence_us;
    record.activate_us = found->second.activate_us;
  }
}

}  // namespace ringfence::agent::core
