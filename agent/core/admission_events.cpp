// Admissions: what happens to candidates from outside (told, flushed, wanted, lost).
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "agent/core/admission.hpp"

namespace ringfence::agent::core {

void Admissions::on_configuration(std::vector<WantedPool> pools) {
  pools_ = std::move(pools);
  has_configuration_ = true;
  is_wanted_stale_ = true;
}

// It serves, and still holds slots or is about to give them away.
bool Admissions::may_drain(const Key& key) {
  const PlacedBackend* placed = index().find(key.first, key.second);
  return placed != nullptr && placed->backend->status == BackendStatus::serving &&
         (placed->served_slots > 0 || placed->backend->weight > 0);
}

// Wanted: what is configured and what a command added, less what a command removed.
std::map<Admissions::Key, WantedBackend> Admissions::wanted() {
  std::map<Key, WantedBackend> wanted;
  std::set<std::string> names;
  for (const WantedPool& pool : pools_) {
    names.insert(pool.name);
    for (const WantedBackend& backend : pool.backends) {
      wanted[{pool.name, backend.address}] = backend;
    }
  }
  const auto follow = [&](const BackendCommand& command) {
    const Key key{command.pool, command.address};
    const bool is_draining = command.is_drain && names.count(command.pool) > 0 && may_drain(key);
    if (is_draining) {
      wanted[key].address = command.address;
      wanted[key].weight = 0;
    } else if (!command.is_add) {
      wanted.erase(key);
    } else if (names.count(command.pool) > 0) {
      wanted[{command.pool, command.address}] = {
          command.address, command.weight, NamedBy::command, {}};
    }
  };
  for (const BackendCommand& command : desk_.replica.commands()) follow(command);
  for (const BackendCommand& command : asked_) follow(command);
  return wanted;
}

// For history and status: who wants each, or why nobody does.
void Admissions::note_who_asked() {
  for (auto& [key, candidate] : candidates_) {
    candidate.who.clear();
    candidate.is_draining = false;
    if (!candidate.is_wanted) candidate.asked_by = "no source lists it any more";
  }
  const auto note = [this](const BackendCommand& command) {
    Candidate* candidate = find(command.pool, command.address);
    if (candidate == nullptr) return;
    candidate->who = command.who;
    candidate->is_draining = command.is_drain;
    candidate->asked_by = command.is_add     ? "`backend add`"
                          : command.is_drain ? "`backend drain`"
                                             : "`backend remove`";
  };
  for (const BackendCommand& command : desk_.replica.commands()) note(command);
  for (const BackendCommand& command : asked_) note(command);
}

void Admissions::renew_wanted() {
  is_wanted_stale_ = false;
  for (auto& [key, candidate] : candidates_) candidate.is_wanted = false;
  for (const auto& [key, backend] : wanted()) {
    Candidate& candidate = candidates_[key];
    candidate.is_wanted = true;
    candidate.weight = std::min(backend.weight, weight_max);
    candidate.asked_by = backend.source.empty() ? "" : "listed by " + backend.source;
    if (candidate.named_by == backend.named_by) continue;
    candidate.named_by = backend.named_by;
    candidate.is_reinspected = false;  // consent may have come
    candidate.retry_at = desk_.now;
  }
  for (const Pool& pool : desk_.replica.view()->pools) {
    for (const Backend& backend : pool.backends) (void)candidates_[{pool.name, backend.address}];
  }
  for (const WantedPool& pool : pools_) {
    for (auto& [key, candidate] : candidates_) {
      if (key.first == pool.name) candidate.timing = pool.timing;
    }
  }
  note_who_asked();
  watch_and_forget();
}

void Admissions::watch_and_forget() {
  for (auto place = candidates_.begin(); place != candidates_.end();) {
    auto& [key, candidate] = *place;
    if (candidate.is_wanted || index().find(key.first, key.second) != nullptr) {
      if (!candidate.is_watched) {
        candidate.is_watched = true;
        candidate.since = desk_.now;
        desk_.emit(StartWatching{key.first, key.second});
      }
      ++place;
      continue;
    }
    desk_.emit(StopWatching{key.first, key.second});
    place = candidates_.erase(place);
  }
}

void Admissions::on_told(const BackendTold& told) {
  const auto found = candidates_.find({told.pool, told.address});
  if (found == candidates_.end()) return;
  auto& [key, candidate] = *found;
  const PlacedBackend* placed = index().find(told.pool, told.address);
  const bool is_serving = placed != nullptr && placed->backend->status == BackendStatus::serving;
  candidate.is_heard_of = true;
  if (told.seen == BackendSeen::answers) {
    candidate.is_answering = true;
    candidate.holds_items = told.holds_items;
    candidate.claim_is_ours = told.claim_is_ours;
    candidate.claimed_by = told.claimed_by;
    // After an agent's restart this is the first news of what it served before.
    if (is_serving && !told.claim_is_ours) {
      lose(candidate, "it no longer holds our claim: it restarted, was flushed, or was taken");
    }
    return;
  }
  const bool is_news = candidate.is_answering || candidate.trouble.empty();
  candidate.is_answering = false;
  // Its next life may have other options: an earlier refusal says nothing about it.
  candidate.retry_pause = Duration{};
  candidate.retry_at = desk_.now;
  if (is_serving) {
    lose(candidate, told.why);
  } else if (is_news) {
    fail(candidate, told.why);
  }
  // It answers all the while, so its next answer has to be asked for.
  if (told.seen == BackendSeen::contents_lost) inspect_anew(key, candidate);
}

void Admissions::lose(Candidate& candidate, const std::string& why) {
  if (candidate.is_lost_here) return;
  candidate.is_lost_here = true;
  candidate.is_flushed = false;
  candidate.trouble = why;
  candidate.lost_at = desk_.now;
  const bool was_long_in_service =
      desk_.now - candidate.serving_since >= candidate.timing.hold_down_forget;
  if (was_long_in_service) candidate.hold_down = Duration{};
  lengthen_hold_down(candidate);
}

// Trouble on the way in. What had begun to join is held down like what was lost: it flaps.
void Admissions::fail(Candidate& candidate, const std::string& why) {
  const bool had_begun = candidate.phase == Phase::flushing || candidate.phase == Phase::ready ||
                         candidate.phase == Phase::proposed;
  candidate.trouble = why;
  candidate.flush = RequestId{};
  candidate.is_flushed = false;
  if (!had_begun) return;
  candidate.phase = Phase::connecting;
  candidate.since = desk_.now;
  lengthen_hold_down(candidate);
}

void Admissions::lengthen_hold_down(Candidate& candidate) {
  const PoolTiming& timing = candidate.timing;
  candidate.hold_down = candidate.hold_down.ns == 0
                            ? timing.hold_down
                            : std::min(candidate.hold_down * 2, timing.hold_down_max);
  candidate.hold_until = desk_.now + candidate.hold_down;
}

bool Admissions::on_flush_finished(const FlushFinished& finished) {
  const auto found = candidates_.find({finished.pool, finished.address});
  if (found == candidates_.end() || found->second.flush != finished.id ||
      finished.id == RequestId{}) {
    return false;
  }
  auto& [key, candidate] = *found;
  candidate.flush = RequestId{};
  if (is_usable(key, candidate, finished)) {
    candidate.is_flushed = true;
    set_phase(key, candidate, Phase::ready);
  }
  return true;
}

bool Admissions::on_change_flush_finished(const FlushFinished& finished) {
  const auto found = candidates_.find({finished.pool, finished.address});
  if (found == candidates_.end()) return false;
  // A flush_all of what serves: only the real thing counts, and a failure is no fault of the
  // backend's admission.
  if (found->second.phase != Phase::proposed) return finished.outcome == FlushOutcome::verified;
  return is_usable(found->first, found->second, finished);
}

bool Admissions::is_usable(const Key& key, Candidate& candidate, const FlushFinished& finished) {
  if (finished.outcome == FlushOutcome::verified) {
    ++candidate.flush_count;
    return true;
  }
  if (finished.outcome == FlushOutcome::unreachable) {
    fail(candidate, "the flush failed: " + finished.why);
    inspect_anew(key, candidate);
    return false;
  }
  const Pool* pool = desk_.replica.view()->find(finished.pool);
  const bool may_skip = pool != nullptr && pool->options.admits_unflushed;
  if (may_skip && !desk_.settings.was_state_lost) {
    desk_.emit(ClaimBackend{key.first, key.second});
    return true;
  }
  const bool is_refusal = finished.outcome == FlushOutcome::refused;
  candidate.trouble = fmt::format("it {}: {}",
                                  is_refusal ? "refuses flush_all (is it started with -F?)"
                                             : "answers flush_all, but its items are still there",
                                  finished.why);
  if (may_skip) {
    candidate.trouble +=
        " (admit_unflushed does not count, because this agent's state was lost once: values of "
        "the fleet's earlier life may lie there)";
  }
  retry_later(candidate, false);
  set_phase(key, candidate, Phase::refused, candidate.trouble);
  return false;
}

void Admissions::put_back(const Key& key) {
  const auto found = candidates_.find(key);
  if (found == candidates_.end() || found->second.phase != Phase::proposed) return;
  set_phase(key, found->second, Phase::ready, "the change that was to admit it was abandoned");
}

// Another agent leads: what was begun here is begun anew there, and what was heard here says
// nothing once this agent leads again: by then others may have lost and admitted it. Everyone tells
// each new leader what it sees.
void Admissions::on_leadership_lost() {
  for (auto& [key, candidate] : candidates_) {
    candidate.flush = RequestId{};
    candidate.is_heard_of = candidate.is_answering = candidate.is_lost_here = false;
    const bool had_begun = candidate.phase == Phase::flushing || candidate.phase == Phase::ready ||
                           candidate.phase == Phase::proposed;
    if (had_begun) set_phase(key, candidate, Phase::connecting, "this agent no longer leads");
  }
}

}  // namespace ringfence::agent::core
