// A Node with an engine that commits at once (or when told), and a clock that the test moves.
// Records every effect in order. For unit tests of the core.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/entry.hpp"
#include "agent/core/node.hpp"

namespace ringfence::agent::core::test {

class Rig {
 public:
  explicit Rig(NodeSettings with = settings()) : node(std::move(with)) {}

  static NodeSettings settings() {
    NodeSettings made;
    made.cluster_id[0] = 7;
    made.id = AgentId{11};
    made.name = "host";
    made.incarnation = Incarnation{1};
    return made;
  }

  static WantedPool pool(const std::vector<std::string>& addresses) {
    WantedPool made;
    made.name = "p";
    for (const std::string& address : addresses) made.backends.push_back({address, 1, {}});
    for (WantedBackend& backend : made.backends) backend.named_by = NamedBy::configuration;
    return made;
  }

  // Hands an event in, and plays the engine until nothing is left.
  void give(const Event& event) {
    take(node.step(now, now.ns / 1'000'000, event));
    while (!events.empty()) {
      const Event next = std::move(events.front());
      events.pop_front();
      take(node.step(now, now.ns / 1'000'000, next));
    }
  }

  void start(std::vector<WantedPool> pools) {
    give(ConfigurationLoaded{std::move(pools)});
    give(LeadershipChanged{true, Term{1}});
  }
  // Leads, and every backend answered empty and was flushed.
  void serve(WantedPool made) {
    start({made});
    for (const WantedBackend& backend : made.backends) answer(backend.address);
    flush_all_verified();
  }

  // Time passes; the timer fires whenever it is due.
  void pass(Duration time) {
    const Instant until = now + time;
    while (timer_at.ns != 0 && timer_at <= until) {
      now = std::max(now, timer_at);
      timer_at = Instant{};
      ++timer_count;
      give(TimerFired{});
    }
    now = until;
  }

  void answer(const std::string& address, bool holds_items = false,
              const std::string& claimed_by = "", bool is_ours = false) {
    give(BackendAnswered{"p", address, holds_items, claimed_by, is_ours, "1.6.18"});
  }
  void unreachable(const std::string& address) {
    give(BackendUnreachable{"p", address, "connection reset"});
  }
  void flush_finished(const FlushBackend& order, FlushOutcome outcome = FlushOutcome::verified) {
    give(FlushFinished{order.id, order.pool, order.address, outcome, "test"});
  }
  void flush_all_verified() {
    while (!flushes.empty()) {
      const FlushBackend order = flushes.front();
      flushes.pop_front();
      flush_finished(order);
    }
  }

  // Commits that were held, in order.
  void release() {
    is_holding = false;
    std::deque<Commit> held;
    held.swap(held_commits);
    for (const Commit& commit : held) engine(commit);
    give(TimerFired{});
  }
  void fail_held() {
    is_holding = false;
    std::deque<Commit> held;
    held.swap(held_commits);
    for (const Commit& commit : held) give(CommitFinished{commit.id, false, "disk full"});
  }

  template <typename T>
  [[nodiscard]] std::size_t count() const {
    std::size_t found = 0;
    for (const Effect& effect : effects) found += std::holds_alternative<T>(effect) ? 1 : 0;
    return found;
  }
  template <typename T>
  [[nodiscard]] const T* last() const {
    for (auto place = effects.rbegin(); place != effects.rend(); ++place) {
      if (const T* found = std::get_if<T>(&*place)) return found;
    }
    return nullptr;
  }
  // The place of the first T at or after `from`; effects.size() when there is none.
  template <typename T>
  [[nodiscard]] std::size_t first(std::size_t from = 0) const {
    while (from < effects.size() && !std::holds_alternative<T>(effects[from])) ++from;
    return from;
  }

  [[nodiscard]] std::string state(const std::string& address) const {
    for (const BackendReport& report : node.report().backends) {
      if (report.address == address) return report.state;
    }
    return "absent";
  }
  [[nodiscard]] std::string reason(const std::string& address) const {
    for (const BackendReport& report : node.report().backends) {
      if (report.address == address) return report.reason;
    }
    return "absent";
  }
  [[nodiscard]] std::uint32_t slots(const std::string& address) const {
    for (const BackendReport& report : node.report().backends) {
      if (report.address == address) return report.slot_count;
    }
    return 0;
  }
  [[nodiscard]] Epoch epoch() const { return node.view()->epoch; }

  Node node;
  Instant now{1'000'000'000};
  Instant timer_at;
  std::size_t timer_count = 0;
  Effects effects;
  std::deque<Event> events;          // that the engine owes
  std::deque<FlushBackend> flushes;  // ordered and not answered
  std::deque<Commit> held_commits;
  std::vector<std::string> log;  // committed entries
  bool is_holding = false;       // commits wait for release()
  bool has_quorum = true;

 private:
  void take(Effects made) {
    for (Effect& effect : made) {
      if (const auto* commit = std::get_if<Commit>(&effect)) {
        if (is_holding) {
          held_commits.push_back(*commit);
        } else {
          engine(*commit);
        }
      } else if (std::holds_alternative<ConfirmQuorum>(effect)) {
        events.emplace_back(QuorumConfirmed{now, has_quorum});
      } else if (const auto* flush = std::get_if<FlushBackend>(&effect)) {
        flushes.push_back(*flush);
      } else if (const auto* timer = std::get_if<SetTimer>(&effect)) {
        timer_at = timer->at;
      }
      effects.push_back(std::move(effect));
    }
  }
  void engine(const Commit& commit) {
    log.push_back(commit.bytes);
    events.emplace_back(EntryApplied{LogIndex{log.size()}, Term{1}, commit.bytes});
    events.emplace_back(CommitFinished{commit.id, true, ""});
  }
};

}  // namespace ringfence::agent::core::test
