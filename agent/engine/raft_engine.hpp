// The first engine behind engine.hpp: libraft with its log on this host's disk, on a thread and
// loop of its own. set_term and set_vote wait for the disk on that loop, so nothing else may run
// there.
//
// What a restart sees: `on_restored` (if there is a snapshot), `on_applied` for every entry after
// it, all of that before start() returns; then `on_leadership`, once everything of earlier terms
// has been applied. A lone voter needs no election: it leads in the same term in every life.
//
// A disk that refuses writes: commits are answered not ok with what to do, the log is opened anew
// every second, and nothing that was acknowledged is lost. A lone voter keeps confirming its
// quorum meanwhile: nobody else can be elected, so its leases stay safe and clients keep their
// cache. One of several steps down at once (on_leadership), and the others elect.
//
// A follower applies an entry when it hears that it is committed: with the next entry, or with the
// next heartbeat. (A barrier after each entry would make that sooner, and cost each a second write
// to the disk. Who needs entries at once is sent them by the leader's owner, who has applied
// them.) A leader is told only when it has applied all there is.
//
// An agent that was voted out is not told, keeps its log, and asks for votes in vain: with pre-vote
// it raises nobody's term, so it disturbs no one. Its owner stops it.
#pragma once

#include <memory>
#include <vector>

#include "agent/engine/engine.hpp"

namespace ringfence::agent::engine {

struct RaftSettings {
  std::string dir;      // OpenedState::engine_dir
  core::AgentId id;     // Marker::agent_id
  core::Term term_min;  // the highest that on_leadership told: a log behind it lost something
  // A log that is empty begins with these: of a fleet of one, itself; of a fleet that forms, the
  // same on each. None: an empty log waits to be filled by a leader that made this agent a voter.
  std::vector<Voter> bootstrap;
  // How soon a leader's end is noticed: this to twice this. A hiccup of a disk or a scheduler below
  // it changes nothing, and an election that was not needed pauses nobody.
  core::Duration election_timeout = core::operator""_ms(250);
  core::Duration heartbeat = core::operator""_ms(50);
  // Longer than any disk's hiccup; then the caller is told that the outcome is unknown.
  core::Duration commit_timeout = core::operator""_s(5);
  // The log stays in memory until a snapshot; a view is up to 0.5 MiB, a delta some 100 bytes.
  std::uint32_t snapshot_threshold = 64;
  std::uint32_t snapshot_trailing = 16;
};

enum class RaftFault : std::uint8_t {
  none,
  damaged,  // what is on disk is not a whole log of this agent: StateDir::set_aside, then start
            // anew
  other,    // the disk does not answer now (permissions, full, busy)
};

class RaftEngine final : public Engine {
 public:
  // `machine` and `events` outlive the engine. `fault`, if given, says what kind of error it was.
  [[nodiscard]] static Result<std::unique_ptr<RaftEngine>> start(const RaftSettings& settings,
                                                                 StateMachine& machine,
                                                                 EngineEvents& events,
                                                                 RaftFault* fault = nullptr);
  ~RaftEngine() override;
  RaftEngine(const RaftEngine&) = delete;
  RaftEngine& operator=(const RaftEngine&) = delete;

  void commit(core::RequestId id, std::string entry) override;
  void confirm_quorum(core::Instant now) override;
  void receive(core::AgentId from, std::string bytes) override;
  void set_voters(std::vector<Voter> wanted) override;
  void transfer_leadership() override;
  // Answers what is open first. After it, nothing else does anything.
  void stop() override;

 private:
  class Loop;
  explicit RaftEngine(std::unique_ptr<Loop> loop);
  std::unique_ptr<Loop> loop_;
};

}  // namespace ringfence::agent::engine
