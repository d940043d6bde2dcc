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
// cache.
#pragma once

#include <memory>

#include "agent/engine/engine.hpp"

namespace ringfence::agent::engine {

struct RaftSettings {
  std::string dir;      // OpenedState::engine_dir
  core::AgentId id;     // Marker::agent_id
  core::Term term_min;  // Marker::term_max: a log behind it lost something
  core::Duration election_timeout = core::operator""_ms(300);
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
  // Answers what is open first. After it, commit() and confirm_quorum() do nothing.
  void stop() override;

 private:
  class Loop;
  explicit RaftEngine(std::unique_ptr<Loop> loop);
  std::unique_ptr<Loop> loop_;
};

}  // namespace ringfence::agent::engine
