// What raft promises, and no more: one leader a term, elected by a reachable majority of the
// committed voters; commits and barriers that need such a majority; a deposed leader that goes on
// believing until it is told, and whose commits end with unknown outcome; followers that apply
// late; voters that are changed one at a time. One log for the whole fleet. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/event.hpp"
#include "tests/sim/schedule.hpp"

namespace ringfence::sim {

struct EngineWorld {
  std::function<bool(AgentId a, AgentId b)> reaches;  // with itself: it runs and is not paused
  std::function<void(AgentId id, Event event)> tell;
  // It is committed, before anybody applies it. The snapshot holds all that was.
  std::function<void(LogIndex index, const std::string& bytes)> committed;
  std::function<std::string()> snapshot;
  std::function<void(Instant submitted_at)> confirmed;  // in true time
  std::function<void(const std::string& text)> note;
};

class FleetEngine {
 public:
  FleetEngine(Schedule& schedule, EngineWorld world);

  // --- as an agent's engine ---
  // False: another fleet was formed before.
  [[nodiscard]] bool start(AgentId id, const std::vector<Voter>& bootstrap);
  void restore(AgentId id);  // its snapshot and log, right after start
  void delete_log(AgentId id);
  void crash(AgentId id);
  void commit(AgentId id, RequestId request, std::string bytes);
  void confirm(AgentId id, Instant submitted_at);  // on that agent's clock
  void set_voters(AgentId id, const std::vector<Voter>& wanted);
  void hand_over(AgentId id);

  // --- faults ---
  void depose();  // the leader lost an election that it knows nothing of
  bool is_slow = false;
  bool has_unknown_outcomes = false;

  [[nodiscard]] std::optional<AgentId> leader() const { return leader_; }
  [[nodiscard]] const std::vector<AgentId>& voters() const { return voters_; }
  [[nodiscard]] std::size_t entry_count() const { return log_.size(); }

 private:
  struct Task {
    RequestId request;
    std::string bytes;  // empty: a barrier
    Instant submitted_at, submitted_truly_at;
  };
  struct Member {
    bool runs = false;
    std::uint64_t life = 0;
    std::size_t told = 0;    // entries handed to its core in this life
    std::size_t stored = 0;  // on its disk
    bool is_installing = false;
    bool believes = false;  // that it leads, in `term`
    Term term;
    std::deque<Task> tasks;
    bool is_busy = false;
    std::vector<AgentId> voters;  // as it was told
  };
  struct Entry {
    Term term;
    std::string bytes;
  };

  void tick();
  [[nodiscard]] bool has_majority(AgentId id, const std::vector<AgentId>& voters) const;
  void elect();
  void lead(AgentId id);
  void step_down_later(AgentId id, Duration delay);
  void step_down(AgentId id, Term term);
  void turn(AgentId id);
  void complete(AgentId id);
  void append(const std::string& bytes);
  void tell_all(AgentId id);  // what it has not applied yet
  void change_voters();
  [[nodiscard]] std::vector<AgentId> next_voters();

  Schedule& schedule_;
  EngineWorld world_;
  std::map<AgentId, Member> members_;
  std::vector<Entry> log_;
  std::vector<AgentId> bootstrap_, voters_, wanted_;
  std::optional<AgentId> leader_;
  Term term_;
  std::optional<Instant> leaderless_since_;
  Duration patience_;
  std::vector<std::string> limbo_;  // a deposed leader's: committed by the next one, or never
  std::size_t snapshot_index_ = 0;
  std::string snapshot_;
};

}  // namespace ringfence::sim
