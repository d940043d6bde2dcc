// What agents tell each other, as bytes. An agent that is its own leader sends to itself inside the
// core, through the same encoding, so that a mesh only has to carry bytes.
//
//   message := kind u8, body          all numbers little-endian; nothing may follow the body
//
// Decoding treats the bytes as hostile: every length is bounded before it is used. Pure; any
// thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/core/entry.hpp"
#include "agent/core/event.hpp"
#include "agent/core/types.hpp"

namespace ringfence::agent::core {

inline constexpr std::uint32_t wanted_count_max = 16384;  // backends that one agent may want
inline constexpr std::size_t snapshot_part_bytes = std::size_t{256} * 1024;
// 64 pools of 512 KiB, with room for names and history.
inline constexpr std::size_t snapshot_bytes_max = std::size_t{48} * 1024 * 1024;

// --- leases ------------------------------------------------------------------------------------

// member -> leader: everything that the grant depends on stands in the request itself.
struct LeaseRequest {
  Incarnation incarnation;
  Epoch epoch;     // published on this host
  LogIndex fence;  // of the last proposal whose fence this host has set
  std::uint64_t nonce = 0;
};

// leader -> member: echoes the request, so that an answer to an earlier life, view or question is
// recognised and discarded.
struct LeaseReply {
  Incarnation incarnation;
  Epoch epoch;
  LogIndex fence;
  std::uint64_t nonce = 0;
  Term term;         // of the leader: an older one than the highest seen is rejected
  Duration length;   // from the moment the request was sent; 0: no lease
  LogIndex applied;  // what the leader has applied: who has as much has caught up
};

// member -> leader: the slots that the proposal at `index` moves are fenced on this host.
struct FenceAck {
  Incarnation incarnation;
  LogIndex index;
  std::uint64_t digest = 0;  // of the view to come (G1)
};

// member -> leader: this host's segments are closed, so no lease is in use there any more, whoever
// granted it. The sender keeps `term` on its disk: no later life of it takes a lease of an older
// one.
struct LeaseEnded {
  Incarnation incarnation;
  Term term;
};

// --- backends ----------------------------------------------------------------------------------

// member -> leader: what this host sees of a backend. Told again to each new leader.
enum class BackendSeen : std::uint8_t { answers, unreachable, contents_lost };
struct BackendTold {
  std::string pool, address;
  BackendSeen seen{};
  bool holds_items = false;
  bool claim_is_ours = false;
  std::string claimed_by;
  std::string why;
};

// leader -> a witness of somebody's trouble: probe it now. ProbeTold answers; what the probe found
// goes the ordinary way before it.
struct ProbeAsked {
  RequestId id;
  std::string pool, address;
};
struct ProbeTold {
  RequestId id;
  std::string pool, address;
  bool is_reached = false;
};

// member -> leader: the agents of the view that this one has no connection to. Told again when it
// changes, and to each new leader.
struct PeersTold {
  std::vector<AgentId> missing;
};

// leader -> member: no lease for its host until this is over, as a sentence.
struct LeaseRefused {
  std::string why;
};

// member -> leader: what this host's configuration wants. `is_order`: its people changed it while
// it ran, so that options that differ from the view's are meant for the whole fleet.
struct WantedTold {
  bool is_order = false;
  std::vector<WantedPool> pools;  // without timing, which is each host's own
};

// leader -> members: what the fleet wants, so that every host connects to it.
struct FleetWanted {
  std::vector<WantedPool> pools;
};

// --- the log -----------------------------------------------------------------------------------

// leader -> members: a committed entry; it follows the one at `previous`.
struct Feed {
  LogIndex previous, index;
  Term term;  // of the entry
  std::string bytes;
};
// member -> leader: what it has applied, when an entry is missing in between.
struct FeedAsked {
  LogIndex applied;
};
// leader -> member: bytes [offset, offset + bytes) of a snapshot of `total` bytes.
struct SnapshotPart {
  LogIndex index;
  std::uint64_t total = 0, offset = 0;
  std::string bytes;
};

// --- the fleet ---------------------------------------------------------------------------------

// To each peer that connects, and to all when it changes.
struct Introduction {
  ClusterId cluster_id{};  // of its fleet, or of the one that it would form
  bool has_fleet = false;
  // In its view; several_agents stands for more too, or each host that joins a fleet would have all
  // others introduce themselves to each other anew.
  std::uint32_t agent_count = 0;
  static constexpr std::uint32_t several_agents = 2;
  bool has_seeds = false;
  bool is_witness = false;
  bool is_voter = false;  // it runs an engine
  std::string zone;
  // The leader that it follows; id 0: none known.
  AgentId leader;
  std::string leader_address;
};
// leader -> everyone connected: it has begun to act.
struct Lead {
  ClusterId cluster_id{};
  Term term;
  LogIndex applied;
};
// leader -> an agent that should vote: run an engine that waits to be added; or no longer.
struct VoteAsked {
  ClusterId cluster_id{};
  Term term;
  bool is_wanted = false;
};
// member -> leader: it stops; a voter wants to be replaced first.
struct Leaving {
  Incarnation incarnation;
};

// First start with seeds: who asks needs the promises of a majority of the seeds. A promise is kept
// on disk and given to one fleet only, so that two majorities cannot form two fleets.
struct FormAsked {
  ClusterId cluster_id{};
};
struct FormPromised {
  ClusterId cluster_id{};
};
struct Formed {
  ClusterId cluster_id{};
  std::vector<Voter> voters;
};

// --- questions ---------------------------------------------------------------------------------

// any -> leader: a command that was given to another agent's port or control socket.
enum class CommandKind : std::uint8_t { flush_all, add_backend, remove_backend, drain_backend };
struct CommandAsked {
  RequestId id;
  CommandKind kind{};
  std::string pool, address, who;
  std::uint32_t weight = 1;
};
struct CommandAnswered {
  RequestId id;
  bool is_ok = false;
  std::string text;
};

// any -> any: which view is published there.
struct StateAsked {
  RequestId id;
};
struct StateTold {
  RequestId id;
  Epoch epoch;
  std::uint64_t digest = 0;
  Duration age;  // since it was published there
  bool has_lease = false;
};

using Message =
    std::variant<LeaseRequest, LeaseReply, FenceAck, LeaseEnded, BackendTold, WantedTold,
                 FleetWanted, Feed, FeedAsked, SnapshotPart, Introduction, Lead, VoteAsked, Leaving,
                 FormAsked, FormPromised, Formed, CommandAsked, CommandAnswered, StateAsked,
                 StateTold, ProbeAsked, ProbeTold, PeersTold, LeaseRefused>;

[[nodiscard]] std::string encode(const Message& message);
[[nodiscard]] std::optional<Message> decode_message(std::string_view bytes);

}  // namespace ringfence::agent::core
