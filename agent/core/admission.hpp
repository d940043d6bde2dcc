// The life of each backend outside and inside the view, as the leader sees it (design, section 7):
//
//   connecting -> [refused | waits for consent] -> [held down] -> [waits for the budget]
//     -> flushing -> ready -> proposed -> serving -> lost -> connecting ...
//
// Decides what may be admitted and when; what is proposed decides leader.hpp. Owned by Node; one
// thread.
//
// Invariants (G3)
//  1. `ready` in a pool with tags means: flushed and verified after the last trouble, by exactly
//  one
//     order. In a pool without tags the order is given after the last acknowledgement.
//  2. Trouble with a backend that is not serving starts its admission anew.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/budget.hpp"
#include "agent/core/desk.hpp"
#include "agent/core/messages.hpp"
#include "agent/core/view_index.hpp"

namespace ringfence::agent::core {

enum class Phase : std::uint8_t {
  connecting,
  refused,
  waits_for_consent,
  held_down,
  waits_for_budget,
  flushing,
  ready,
  proposed,
  serving,
  draining,
  lost,
  removing,
};
[[nodiscard]] const char* describe(Phase phase);

struct Candidate {
  bool is_wanted = false;
  bool is_watched = false;
  bool is_draining = false;  // it serves until its slots have left
  std::uint32_t weight = 1;
  NamedBy named_by = NamedBy::nobody;
  std::string asked_by;  // who wants it, or why nobody does any more: for people
  std::string who;       // of an explicit command; empty: none
  PoolTiming timing;

  Phase phase = Phase::connecting;
  std::string reason;
  Instant since;  // in this phase

  // As last told by who watches it.
  bool is_heard_of = false;
  bool is_answering = false;
  bool holds_items = false;
  bool claim_is_ours = false;
  std::string claimed_by;
  bool is_flushed = false;  // and nothing happened to it since

  bool is_lost_here = false;  // serving in the view, and must not be
  std::string trouble;        // the newest, as a sentence
  Instant lost_at;
  Instant serving_since;
  Duration hold_down;  // the last one; 0: none yet
  Instant hold_until;
  Duration retry_pause;  // the last one; 0: none yet
  Instant retry_at;
  bool is_reinspected = false;  // at retry_at it is inspected anew
  RequestId flush;              // the order that is awaited; 0: none
  std::uint64_t flush_count = 0;
};

class Admissions {
 public:
  using Key = std::pair<std::string, std::string>;  // pool, address
  using Candidates = std::map<Key, Candidate>;

  explicit Admissions(Desk& desk) : desk_(desk) {}

  void on_configuration(std::vector<WantedPool> pools);
  void on_told(const BackendTold& told);
  // True when the order was one of an admission.
  bool on_flush_finished(const FlushFinished& finished);
  // A flush of the open change (pools without tags). True: what it names may be used.
  [[nodiscard]] bool on_change_flush_finished(const FlushFinished& finished);
  void on_commands_applied() { is_wanted_stale_ = true; }
  // Commands that the next proposal carries: planned by as if they were applied already.
  void on_commands_asked(std::vector<BackendCommand> commands) {
    if (commands.empty() && asked_.empty()) return;
    asked_ = std::move(commands);
    is_wanted_stale_ = true;
  }
  void on_view_changed() { is_wanted_stale_ = true; }
  void on_leadership_lost();
  // A change that was to admit it was abandoned, through no fault of its own.
  void put_back(const Key& key);

  // Watches what is wanted and no longer what is not; the least that an agent does.
  void review_wanted();
  // Moves every candidate on as far as it can go now. `may_order`: flushes may be ordered.
  void review(bool may_order);

  [[nodiscard]] Candidates& all() { return candidates_; }
  [[nodiscard]] const Candidates& all() const { return candidates_; }
  [[nodiscard]] Candidate* find(const std::string& pool, const std::string& address);
  // Serving in the view, and not about to be lost.
  [[nodiscard]] bool serves(const Key& key) {
    const PlacedBackend* placed = index().find(key.first, key.second);
    const Candidate* candidate = find(key.first, key.second);
    return placed != nullptr && placed->backend->status == BackendStatus::serving &&
           candidate != nullptr && !candidate->is_lost_here;
  }
  // The other pool that wants or holds this address; empty: none does.
  [[nodiscard]] std::string other_pool_of(const Key& key) const;
  [[nodiscard]] bool has_configuration() const { return has_configuration_; }
  [[nodiscard]] const std::vector<WantedPool>& configuration() const { return pools_; }
  [[nodiscard]] const ViewIndex& index() { return index_.of(desk_.replica.view()); }
  [[nodiscard]] Instant wake_at() const { return wake_at_; }
  void wake_by(Instant at) { wake_at_ = std::min(wake_at_, at); }
  void set_phase(const Key& key, Candidate& candidate, Phase phase, std::string reason = {});
  // A token for taking slots from a lost backend; false also sets the wake-up.
  [[nodiscard]] bool may_evict(const std::string& pool, const PoolTiming& timing);

 private:
  struct Budgets {
    TokenBucket evictions, admissions;
  };

  void renew_wanted();
  void note_who_asked();
  [[nodiscard]] std::map<Key, WantedBackend> wanted();
  [[nodiscard]] bool may_drain(const Key& key);
  void watch_and_forget();
  void review_outside(const Key& key, Candidate& candidate, const Pool& pool, bool is_in_view,
                      bool may_order);
  void review_serving(const Key& key, Candidate& candidate);
  void begin(const Key& key, Candidate& candidate, const Pool& pool);
  [[nodiscard]] bool is_refused(const Key& key, Candidate& candidate, bool may_order);
  void lose(Candidate& candidate, const std::string& why);
  void fail(Candidate& candidate, const std::string& why);
  [[nodiscard]] bool is_usable(const Key& key, Candidate& candidate, const FlushFinished& finished);
  void lengthen_hold_down(Candidate& candidate);
  void retry_later(Candidate& candidate, bool is_reinspected);
  void inspect_anew(const Key& key, Candidate& candidate);

  Desk& desk_;
  bool has_configuration_ = false;
  bool is_wanted_stale_ = false;
  std::vector<WantedPool> pools_;
  std::vector<BackendCommand> asked_;
  Candidates candidates_;
  std::map<std::string, Budgets> budgets_;
  ViewIndexCache index_;
  Instant wake_at_ = far_future;
};

}  // namespace ringfence::agent::core
