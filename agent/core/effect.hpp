// What the core asks the shell to do. The shell performs effects in order and holds no decisions.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "agent/core/types.hpp"
#include "agent/core/view.hpp"

namespace ringfence::agent::core {

// --- to the engine
// ---------------------------------------------------------------------------------
struct Commit {
  RequestId id;
  std::string bytes;
};                        // answered by CommitFinished
struct ConfirmQuorum {};  // answered by QuorumConfirmed
// Of a leader: these should vote, one change at a time. Idempotent.
struct SetVoters {
  std::vector<Voter> voters;
};
// Run an engine. Its log begins with `bootstrap`; without, it waits for a leader to add it.
struct StartEngine {
  std::vector<Voter> bootstrap;
};
// It votes no more: stop the engine and delete its log.
struct StopEngine {};
// Of a leader: let the best voter lead.
struct HandOver {};

// --- to the state on disk: durable before any later effect is performed --------------------------
// This agent belongs to the fleet with this id from now on. `is_founder`: as its only voter, which
// is made durable at once with it, since without an engine that fleet would never be led:
// StartEngine follows, or the next life starts it.
struct AdoptFleet {
  ClusterId cluster_id{};
  bool is_founder = false;
};
struct PromiseFleet {
  ClusterId cluster_id{};
};
struct RememberTerm {
  Term term;
};
// A larger fleet of this name lives: this agent's own state, a fleet of one, is set aside, and it
// begins again with a new identity.
struct GiveUpFleet {
  std::string why;
};

// --- to the segments
// --------------------------------------------------------------------------------- Set the fence
// bit of these slots (seq_cst), before any later effect is performed.
struct FenceSlots {
  std::string pool;
  std::vector<std::uint32_t> slots;
};
// Publish the view: of each pool the backends, slots and pool word; then the epoch. Slots in
// `still_fenced` (by pool, as in FenceSlots) keep their fence. Pools that left the view are closed.
struct PublishView {
  ViewPtr view;
  std::uint64_t digest = 0;
  Term term;
  std::vector<FenceSlots> still_fenced;
};
// The lease's end for all segments of this host; 0 ends it now.
struct SetDeadline {
  Instant until;
};

// --- to the backends
// --------------------------------------------------------------------------------- Connect,
// inspect (version, stats, claim), then probe for ever. Idempotent.
struct StartWatching {
  std::string pool, address;
};
struct StopWatching {
  std::string pool, address;
};
// Canary, flush_all (once), canary gone, claim written. Answered by FlushFinished.
// With `is_proof` the flush waits until the server's own clock proves all that was stored before
// the canary dead (seconds); without, it is sent at once: what lies there is out of reach by
// generation, or nobody writes meanwhile.
struct FlushBackend {
  RequestId id;
  std::string pool, address;
  bool is_proof = true;
};
// Write our claim without a flush (admits_unflushed), and from now on expect it in probes.
struct ClaimBackend {
  std::string pool, address;
};
// Probe it now, whatever the interval. Answered by BackendProbed, unless it isn't watched or `id`
// is 0; trouble is told before, as of any probe.
struct ProbeBackend {
  RequestId id;
  std::string pool, address;
};

// --- to other agents
// ---------------------------------------------------------------------------------
struct SendMessage {
  AgentId to;
  std::string bytes;
};
// Every address where an agent may be, the seeds among them; replaces the former list.
struct DialPeers {
  std::vector<std::string> addresses;
};

// --- to people
// -----------------------------------------------------------------------------------------
struct Answer {
  RequestId id;
  bool is_ok = false;
  std::string text;
};  // to a command
// One agent of the fleet as it answers `ringfencectl agree`.
struct AgentState {
  AgentId id;
  std::string name, address;
  bool is_connected = false;  // else it is gone, and its lease with it
  bool is_live = false;       // it answered
  bool is_witness = false;
  Epoch epoch;
  std::uint64_t digest = 0;
  Duration age;  // since it published that
  bool has_lease = false;
};
struct AgreeTold {
  RequestId id;
  std::vector<AgentState> agents;  // of the view, by id
};
// After ShutdownAsked: another leads and votes, or nobody can.
struct MayStop {};
enum class LogLevel : std::uint8_t { debug, info, warning, error };
struct WriteLog {
  LogLevel level{};
  std::string text;
};

// --- time
// ----------------------------------------------------------------------------------------------
struct SetTimer {
  Instant at;
};  // one timer; a later SetTimer replaces it

using Effect =
    std::variant<Commit, ConfirmQuorum, SetVoters, StartEngine, StopEngine, HandOver, AdoptFleet,
                 PromiseFleet, RememberTerm, GiveUpFleet, FenceSlots, PublishView, SetDeadline,
                 StartWatching, StopWatching, FlushBackend, ClaimBackend, SendMessage, DialPeers,
                 Answer, AgreeTold, MayStop, WriteLog, SetTimer, ProbeBackend>;
using Effects = std::vector<Effect>;

}  // namespace ringfence::agent::core
