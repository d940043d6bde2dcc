// What can happen to an agent. The shell turns I/O into these; the simulator invents them.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "agent/core/types.hpp"
#include "agent/core/view.hpp"

namespace ringfence::agent::core {

// Local timing of a pool: each host's own, not part of the view. Defaults and reasons: README,
// "Every default"; config/config.hpp checks the limits.
struct PoolTiming {
  Duration grace = 0_ms;     // a lost backend that returns sooner gets its slots back
  Duration hold_down = 1_s;  // doubles with each loss
  Duration hold_down_max = 60_s;
  Duration hold_down_forget = 600_s;  // in service this long: the next hold-down starts anew
  std::uint32_t eviction_burst = 4;   // token bucket: losses that reassign slots at once
  Duration eviction_refill = 15_s;    // one token
  std::uint32_t admission_burst = 16;
  Duration admission_refill = 5_s;
  std::uint32_t floor_percent = 50;  // of the pool's weight: reassigning never leaves less serving
  // Out of reach for some agents alone this long: lost for everyone. 0: at once.
  Duration partial_patience = 1_s;
};

// Where an address came from; consent follows from it (G3).
enum class NamedBy : std::uint8_t { nobody, configuration, command };

inline constexpr std::size_t source_bytes_max = 256;  // longer is cut

struct WantedBackend {
  std::string address;
  std::uint32_t weight = 1;
  NamedBy named_by = NamedBy::configuration;
  std::string source = {};  // what lists it, for people: "file /etc/backends"; empty: configuration
};

struct WantedPool {
  std::string name;
  PoolOptions options;
  PoolTiming timing;
  std::vector<WantedBackend> backends;
  // A source of it has never answered: it may list anything, so nothing of the view is unwanted.
  bool is_partial = false;
};

// --- from the engine ---------------------------------------------------------------------------
struct SnapshotRestored {
  LogIndex index;
  std::string bytes;
};  // before any entry
struct EntryApplied {
  LogIndex index;
  Term term;
  std::string bytes;
};  // in log order, each once
struct LeadershipChanged {
  bool is_leader = false;
  Term term;
};
struct CommitFinished {
  RequestId id;
  bool is_ok = false;
  std::string why;
};  // not ok: outcome unknown
// A quorum confirmed this leader at some moment after `submitted_at`.
struct QuorumConfirmed {
  Instant submitted_at;
  bool is_ok = false;
};

// --- from configuration and commands -------------------------------------------------------------
struct ConfigurationLoaded {
  std::vector<WantedPool> pools;
  // People changed it while this agent ran: options that differ from the view's are meant for all.
  bool is_reload = false;
};  // first start and every reload
struct FlushAllAsked {
  RequestId id;
  std::string pool;
  std::string who;
};
struct BackendAddAsked {
  RequestId id;
  std::string pool;
  std::string address;
  std::uint32_t weight = 1;
  std::string who;
};
struct BackendRemoveAsked {
  RequestId id;
  std::string pool;
  std::string address;
  std::string who;
};
// Its slots leave first, then it does.
struct BackendDrainAsked {
  RequestId id;
  std::string pool;
  std::string address;
  std::string who;
};

// --- from backends (agent/backends) --------------------------------------------------------------
// Answers to StartWatching. `Answered` comes once after start and once after each Unreachable.
struct BackendAnswered {
  std::string pool, address;
  bool holds_items = false;  // curr_items > 0, our own keys aside
  std::string claimed_by;    // cluster id in hex found in the claim; empty: none
  bool claim_is_ours = false;
  std::string version;
};
// Reset, refused, or no answer within probe_timeout, and one immediate reconnect did not answer.
struct BackendUnreachable {
  std::string pool, address;
  std::string why;
};
// Answers a ProbeBackend with this id. What it found out about the backend was told before. A full
// server that turns the agent away is reached.
struct BackendProbed {
  RequestId id;
  std::string pool, address;
  bool is_reached = false;
};
// It answers, but is not what was admitted: restarted or flushed behind our back, or claimed by
// others.
struct BackendContentsLost {
  std::string pool, address;
  std::string why;
};
// refused and not_done: the server's own doing. unreachable: it was not carried out to its end, for
// whatever reason, and says nothing of the server.
enum class FlushOutcome : std::uint8_t { verified, refused, not_done, unreachable };
struct FlushFinished {
  RequestId id;
  std::string pool, address;
  FlushOutcome outcome{};
  std::string why;
};

// --- from the mesh (a fleet of one sends to itself inside the core) -----------------------------
struct MessageReceived {
  AgentId from;
  std::string bytes;
};
// An agent of this cluster's name, proven by key or certificate. Alternates with PeerDown.
struct PeerUp {
  AgentId id;
  Incarnation incarnation;
  std::string name, address;
  std::vector<std::string> dialled_as;  // the addresses of DialPeers that led to it
};
// It was found behind more of the addresses; all of them.
struct PeerAddresses {
  AgentId id;
  std::vector<std::string> dialled_as;
};
struct PeerDown {
  AgentId id;
};
// This address leads to this agent itself.
struct SelfDialled {
  std::string address;
};
// The engine's committed voters; again whenever they change.
struct VotersChanged {
  std::vector<AgentId> voters;
};
// Form a fleet without waiting for the other seeds.
struct BootstrapAsked {
  RequestId id;
};
// Which view has each agent of the fleet? Answered by AgreeTold.
struct AgreeAsked {
  RequestId id;
};

// --- time ----------------------------------------------------------------------------------------
struct TimerFired {};
// CLOCK_BOOTTIME and CLOCK_MONOTONIC disagree by a jump, or the process stood still: drop the
// lease.
struct ClockJumped {
  std::string what;
};
// SIGTERM: stop proposing; answer what is open; hand over. Answered by MayStop.
struct ShutdownAsked {};
// The segments are closed: nobody on this host routes any more.
struct SegmentsClosed {};

using Event =
    std::variant<SnapshotRestored, EntryApplied, LeadershipChanged, CommitFinished, QuorumConfirmed,
                 ConfigurationLoaded, FlushAllAsked, BackendAddAsked, BackendRemoveAsked,
                 BackendAnswered, BackendUnreachable, BackendContentsLost, FlushFinished,
                 MessageReceived, PeerUp, PeerAddresses, PeerDown, SelfDialled, VotersChanged,
                 BootstrapAsked, AgreeAsked, TimerFired, ClockJumped, ShutdownAsked, SegmentsClosed,
                 BackendProbed, BackendDrainAsked>;

}  // namespace ringfence::agent::core
