// What stands in the engine's log: small deltas, never whole views.
//
//   entry   := kind u8, format u8 (3), length u32, body[length], padding (ignored)
//   text    := length u32, bytes          all numbers little-endian
//
// An entry carries its own length because engines pad. Decoding treats the bytes as hostile: every
// length is bounded before it is used. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/core/bytes.hpp"
#include "agent/core/types.hpp"
#include "agent/core/view.hpp"

namespace ringfence::agent::core {

// The version of assign() and of the ops' meaning that a proposal was computed with.
inline constexpr std::uint16_t assign_version_newest = 1;

inline constexpr std::size_t entry_bytes_max = std::size_t{1024} * 1024;  // the engine's limit
inline constexpr std::uint32_t op_count_max = 4096;        // of one proposal; stays under 1 MiB
inline constexpr std::uint32_t pool_count_max = 64;        // 32 MiB of slots
inline constexpr std::uint32_t agent_count_max = 16384;    // beyond the goal of thousands
inline constexpr std::uint32_t command_count_max = 16384;  // remembered adds and removes
inline constexpr std::size_t text_bytes_max = 1024;        // what, why, who; longer is cut
inline constexpr std::size_t pool_name_bytes_max = 63;     // the segment's name_bytes less NUL
inline constexpr std::size_t address_bytes_max = 111;      // the segment's address_bytes less NUL

// --- ops: each changes the view a little; one that does not fit the view changes nothing ---------
struct SetCluster {
  ClusterId id{};
};
struct JoinAgent {
  Agent agent;
};
struct RemoveAgent {  // it is gone for long, or lost its identity; its lease has ended
  AgentId agent;
};
struct SetPool {  // makes the pool, or changes its options
  std::string pool;
  PoolOptions options;
};
struct RemovePool {
  std::string pool;
};
struct LoseBackend {  // its slots are served by nobody, and stay its own until Reassign
  std::string pool, address;
};
struct AdmitBackend {  // it was flushed; balances the pool
  std::string pool, address;
  std::uint32_t weight = 1;
};
struct RemoveBackend {
  std::string pool, address;
};
struct SetWeight {
  std::string pool, address;
  std::uint32_t weight = 1;
};
struct Reassign {  // the slots that a lost backend kept go to those that serve
  std::string pool, address;
};
struct FlushPool {  // raises every generation
  std::string pool;
};
using Op = std::variant<SetCluster, JoinAgent, SetPool, RemovePool, LoseBackend, AdmitBackend,
                        RemoveBackend, SetWeight, Reassign, FlushPool, RemoveAgent>;

// An explicit add, remove or drain; the newest for an address stands, so a remove wins until an
// add.
struct BackendCommand {
  std::string pool, address;
  std::uint32_t weight = 1;
  bool is_add = true;
  std::string who;
  bool is_drain = false;  // a remove, but its slots leave first
};
struct Proposal {
  Epoch expected;
  std::uint16_t assign_version = assign_version_newest;
  std::vector<Op> ops;
  std::string what, why, who;
  std::int64_t unix_ms = 0;
  // That asked for it: remembered as Commands are, whatever becomes of the change. So a command
  // costs no commit of its own.
  std::vector<BackendCommand> commands;
};

struct Activation {
  LogIndex proposal;
  Epoch expected;
  bool is_moved = true;  // false: abandoned, the next epoch has the old view
  // How long the phases took, for history: proposed until applied by the leader, then until fenced.
  std::uint32_t propose_us = 0, fence_us = 0;
};

struct Commands {
  std::vector<BackendCommand> commands;
};

using Entry = std::variant<Proposal, Activation, Commands>;

[[nodiscard]] std::string encode(const Entry& entry);
[[nodiscard]] std::optional<Entry> decode_entry(std::string_view bytes);

// Parts that snapshots share.
void write_agent(ByteWriter& out, const Agent& agent);
[[nodiscard]] Agent read_agent(ByteReader& in);
void write_options(ByteWriter& out, const PoolOptions& options);
[[nodiscard]] PoolOptions read_options(ByteReader& in);
void write_command(ByteWriter& out, const BackendCommand& command);
[[nodiscard]] BackendCommand read_command(ByteReader& in);
[[nodiscard]] std::string_view cut_text(std::string_view text);

}  // namespace ringfence::agent::core
