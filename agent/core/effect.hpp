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

// --- to other agents
// ---------------------------------------------------------------------------------
struct SendMessage {
  AgentId to;
  std::string bytes;
};

// --- to people
// -----------------------------------------------------------------------------------------
struct Answer {
  RequestId id;
  bool is_ok = false;
  std::string text;
};  // to a command
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
    std::variant<Commit, ConfirmQuorum, FenceSlots, PublishView, SetDeadline, StartWatching,
                 StopWatching, FlushBackend, ClaimBackend, SendMessage, Answer, WriteLog, SetTimer>;
using Effects = std::vector<Effect>;

}  // namespace ringfence::agent::core
