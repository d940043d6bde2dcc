#include "agent/core/admission.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ringfence::agent::core {
namespace {

// The first pause after a refusal. Refusals last (a server's option, another fleet's claim), so
// they are asked about again seldom, and ever more seldom.
constexpr Duration retry_pause_min = 1_s;
constexpr Duration retry_pause_max = 60_s;

}  // namespace

const char* describe(Phase phase) {
  switch (phase) {
    case Phase::connecting:
      return "connecting";
    case Phase::refused:
      return "refused";
    case Phase::waits_for_consent:
      return "waits for consent";
    case Phase::held_down:
      return "held down";
    case Phase::waits_for_budget:
      return "waits for the admission budget";
    case Phase::flushing:
      return "flushing";
    case Phase::ready:
      return "ready";
    case Phase::proposed:
      return "joining";
    case Phase::serving:
      return "serving";
    case Phase::draining:
      return "draining";
    case Phase::lost:
      return "lost";
    case Phase::removing:
      return "removing";
  }
  return "unknown";
}

Candidate* Admissions::find(const std::string& pool, const std::string& address) {
  const auto found = candidates_.find({pool, address});
  return found == candidates_.end() ? nullptr : &found->second;
}

std::string Admissions::other_pool_of(const Key& key) const {
  const auto other = std::find_if(candidates_.begin(), candidates_.end(), [&key](const auto& some) {
    return some.first.second == key.second && some.first.first != key.first;
  });
  return other == candidates_.end() ? std::string() : other->first.first;
}

void Admissions::set_phase(const Key& key, Candidate& candidate, Phase phase, std::string reason) {
  if (candidate.phase == phase && candidate.reason == reason) return;
  if (candidate.phase != phase) candidate.since = desk_.now;
  candidate.phase = phase;
  candidate.reason = std::move(reason);
  const bool is_trouble =
      phase == Phase::refused || phase == Phase::waits_for_consent || phase == Phase::lost;
  desk_.log(is_trouble ? LogLevel::warning : LogLevel::info,
            fmt::format("pool {}: backend {}: {}{}{}", key.first, key.second, describe(phase),
                        candidate.reason.empty() ? "" : ": ", candidate.reason));
}

bool Admissions::may_evict(const std::string& pool, const PoolTiming& timing) {
  TokenBucket& bucket = budgets_[pool].evictions;
  if (bucket.take(desk_.now, timing.eviction_burst, timing.eviction_refill)) return true;
  wake_by(bucket.next_token_at(timing.eviction_refill));
  return false;
}

void Admissions::review_wanted() {
  if (is_wanted_stale_ && has_configuration_) renew_wanted();
}

void Admissions::review(bool may_order) {
  wake_at_ = far_future;
  review_wanted();
  for (auto& [key, candidate] : candidates_) {
    const Pool* pool = desk_.replica.view()->find(key.first);
    if (pool == nullptr) continue;
    const PlacedBackend* placed = index().find(key.first, key.second);
    const bool is_serving = placed != nullptr && placed->backend->status == BackendStatus::serving;
    if (is_serving) {
      review_serving(key, candidate);
    } else {
      review_outside(key, candidate, *pool, placed != nullptr, may_order);
    }
  }
}

// A backend that this agent knows and that serves now must have come by way of `proposed`: else
// there was trouble with it after the activation was committed, and it is lost again at once.
void Admissions::review_serving(const Key& key, Candidate& candidate) {
  const bool came_in_order =
      candidate.phase == Phase::proposed || candidate.phase == Phase::serving ||
      candidate.phase == Phase::draining || candidate.phase == Phase::removing;
  if (candidate.is_heard_of && !came_in_order && !candidate.is_lost_here) {
    lose(candidate,
         candidate.trouble.empty() ? "it had trouble while it joined" : candidate.trouble);
  }
  if (candidate.is_lost_here) {
    set_phase(key, candidate, Phase::lost, candidate.trouble);
  } else if (!candidate.is_wanted) {
    set_phase(key, candidate, Phase::removing, "no longer wanted");
  } else if (candidate.is_draining) {
    set_phase(key, candidate, Phase::draining, "its slots leave, then it does");
  } else if (candidate.phase != Phase::serving) {
    candidate.serving_since = desk_.now;
    candidate.retry_pause = Duration{};
    candidate.flush = RequestId{};
    set_phase(key, candidate, Phase::serving);
  }
}

void Admissions::review_outside(const Key& key, Candidate& candidate, const Pool& pool,
                                bool is_in_view, bool may_order) {
  candidate.is_lost_here = false;  // the view knows
  if (!candidate.is_wanted) {
    set_phase(key, candidate, Phase::removing, "no longer wanted");
    return;
  }
  if (!candidate.is_answering) {
    const std::string reason =
        candidate.trouble.empty() ? "does not answer yet" : candidate.trouble;
    set_phase(key, candidate, is_in_view ? Phase::lost : Phase::connecting, reason);
    return;
  }
  // The pool got its tags after this one was found fit to join without a flush before.
  const bool must_flush_first =
      candidate.phase == Phase::ready && pool.options.has_tags && !candidate.is_flushed;
  const bool is_under_way = candidate.phase == Phase::flushing || candidate.phase == Phase::ready ||
                            candidate.phase == Phase::proposed;
  if ((is_under_way && !must_flush_first) || is_refused(key, candidate, may_order)) {
    return;
  }
  if (desk_.now < candidate.hold_until) {
    wake_by(candidate.hold_until);
    set_phase(key, candidate, Phase::held_down,
              fmt::format("it was lost ({}) and is kept out for {} ms", candidate.trouble,
                          candidate.hold_down.ns / 1'000'000));
    return;
  }
  if (may_order) begin(key, candidate, pool);
}

// What its own state forbids: another fleet's claim, items that nobody gave up, a refused flush.
bool Admissions::is_refused(const Key& key, Candidate& candidate, bool may_order) {
  const bool is_foreign = !candidate.claimed_by.empty() && !candidate.claim_is_ours;
  const bool needs_consent =
      candidate.holds_items && candidate.named_by == NamedBy::nobody && !candidate.claim_is_ours;
  const bool is_stopped = is_foreign || needs_consent;
  if (is_stopped && !candidate.is_reinspected) retry_later(candidate, true);
  if (is_foreign) {
    set_phase(
        key, candidate, Phase::refused,
        fmt::format("it is claimed by another fleet (cluster id {}): remove it there, or here",
                    candidate.claimed_by));
  } else if (needs_consent) {
    set_phase(key, candidate, Phase::waits_for_consent,
              "it holds items and nobody named it: to flush and use it, name it in the "
              "configuration or run `ringfencectl backend add`");
  }
  if (desk_.now < candidate.retry_at && (is_stopped || candidate.phase == Phase::refused)) {
    wake_by(candidate.retry_at);
    return true;
  }
  if (!candidate.is_reinspected) return is_stopped;
  candidate.is_reinspected = false;
  if (is_stopped && may_order) inspect_anew(key, candidate);
  return is_stopped;
}

// An empty pool has nothing to lose: its admissions cost no budget.
void Admissions::begin(const Key& key, Candidate& candidate, const Pool& pool) {
  const bool serves_nothing =
      std::none_of(pool.backends.begin(), pool.backends.end(),
                   [](const Backend& other) { return other.status == BackendStatus::serving; });
  TokenBucket& bucket = budgets_[key.first].admissions;
  const PoolTiming& timing = candidate.timing;
  if (!serves_nothing && !bucket.take(desk_.now, timing.admission_burst, timing.admission_refill)) {
    wake_by(bucket.next_token_at(timing.admission_refill));
    set_phase(key, candidate, Phase::waits_for_budget, "many joined shortly before");
    return;
  }
  if (!pool.options.has_tags) {
    set_phase(key, candidate, Phase::ready, "it is flushed once every host has fenced");
    return;
  }
  candidate.is_flushed = false;
  candidate.flush = desk_.next_id();
  set_phase(key, candidate, Phase::flushing);
  desk_.emit(FlushBackend{candidate.flush, key.first, key.second, true});
}

void Admissions::retry_later(Candidate& candidate, bool is_reinspected) {
  candidate.retry_pause = std::clamp(candidate.retry_pause * 2, retry_pause_min, retry_pause_max);
  candidate.retry_at = desk_.now + candidate.retry_pause;
  candidate.is_reinspected = is_reinspected;
}

// `BackendAnswered` comes once after each start of watching.
void Admissions::inspect_anew(const Key& key, Candidate& candidate) {
  candidate.is_answering = false;
  desk_.emit(StopWatching{key.first, key.second});
  desk_.emit(StartWatching{key.first, key.second});
}

}  // namespace ringfence::agent::core
