// The seam to consensus: commit a delta; am I leader, confirmed by a quorum since time t; snapshot
// and restore. libraft is the first engine behind it (raft_engine.hpp); etcd and the simulator come
// in beside it without a change here.
//
// Threads: an engine may run on a thread of its own. It calls EngineEvents on that thread; the
// shell's implementation hands them to the core's thread. All of Engine may be called from any
// thread.
//
// An engine speaks to those of other agents through on_send() and receive(), and has no connection
// of its own. A message may be lost, late, or come twice: the engines repeat what matters.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/types.hpp"
#include "shm_layout/result.hpp"

namespace ringfence::agent::engine {

using core::Voter;  // its address, at most 255 bytes, is kept in the log for people

// What the engine tells. Entries come in log order, each exactly once in a life of the process, and
// after `restored` (at most one before the first entry).
class EngineEvents {
 public:
  virtual ~EngineEvents() = default;
  virtual void on_restored(core::LogIndex index, std::string snapshot) = 0;
  virtual void on_applied(core::LogIndex index, core::Term term, std::string entry) = 0;
  virtual void on_leadership(bool is_leader, core::Term term) = 0;
  virtual void on_committed(core::RequestId id, bool is_ok, std::string why) = 0;
  virtual void on_quorum(core::Instant submitted_at, bool is_ok) = 0;
  // For receive() of the engine of `to`.
  virtual void on_send(core::AgentId to, std::string bytes) = 0;
  // The committed voters, in order of their ids: whenever they change, whoever leads, and once
  // after start (none: this log waits for a leader to fill it).
  virtual void on_voters(std::vector<core::AgentId> voters) = 0;
  // The engine can't go on (disk full, log damaged): what, where, and what to do.
  virtual void on_fatal(Error error) = 0;
};

// The state that snapshots are taken of. Called on the engine's thread only. An entry comes some
// time after on_applied told it, and before a snapshot that holds it.
class StateMachine {
 public:
  virtual ~StateMachine() = default;
  virtual void apply(core::LogIndex index, std::string_view entry) = 0;
  [[nodiscard]] virtual std::string snapshot() const = 0;
  [[nodiscard]] virtual bool restore(std::string_view snapshot) = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;  // stops first
  // Proposes `entry` (1 byte to 1 MiB). Answered by on_committed; not ok means outcome unknown.
  virtual void commit(core::RequestId id, std::string entry) = 0;
  // Asks for a proof that a quorum still follows this leader. `now` is the submit time.
  virtual void confirm_quorum(core::Instant now) = 0;
  // What on_send() of the engine of `from` was given. Hostile bytes are dropped.
  virtual void receive(core::AgentId from, std::string bytes) = 0;
  // Makes these the voters, one change at a time, and keeps them so while this engine leads; else
  // ignored. An agent that shall vote must have an engine running. May be called often; the last
  // set counts. Without this agent in it, the engine hands leadership over, and the next leader has
  // to be told.
  virtual void set_voters(std::vector<Voter> wanted) = 0;
  // To the voter that has most of the log; on_leadership tells when it happened. Best effort.
  virtual void transfer_leadership() = 0;
  // Ends the engine's thread after what is on disk is safe. Idempotent.
  virtual void stop() = 0;
};

}  // namespace ringfence::agent::engine
