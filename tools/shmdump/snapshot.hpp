// What a segment says, as plain values, from a private copy of its bytes. Everything is bounded and
// made printable here, so that the printers cannot be misled. Pure; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "shm_layout/segment_check.hpp"
#include "shm_layout/segment_reader.hpp"

namespace ringfence::shmdump {

// The values are shmdump's exit codes.
enum class Freshness : std::uint8_t {
  fresh = 0,
  stale = 1,          // whole, but nothing may be routed by it now
  absent = 2,         // no file, or one that may not be read
  other_version = 3,  // of a layout this program does not know
  damaged = 4,        // not a whole segment
};

// When, and on which boot, the bytes were read.
struct Moment {
  std::int64_t boottime_ns = 0;
  std::int64_t unix_ns = 0;
  std::optional<std::array<std::uint8_t, 16>> boot_id;
};

struct BackendRow {
  std::uint32_t index = 0;
  std::string address, family;
  std::uint32_t weight = 0;
  bool is_serving = false;
  std::uint64_t incarnation = 0;
  std::uint32_t slot_count = 0;  // counted from the slots, not what the record claims
  std::uint32_t fenced_count = 0;
};

struct SlotRow {
  std::string key;
  std::uint32_t slot = 0;
  std::uint16_t backend = 0;
  std::string address;  // empty: nobody, or a record that is not whole
  std::uint64_t generation = 0;
  std::string state;  // served, fenced, unowned
};

struct Snapshot {
  std::string path;
  Freshness freshness = Freshness::absent;
  std::string reason;  // why not fresh; empty when fresh
  std::vector<std::string> doubts;
  bool is_whole = false;  // everything below is only set when it is

  std::uint32_t major = 0, minor = 0;
  std::uint64_t segment_bytes = 0;
  std::string cluster, instance, pool, cluster_id, state;
  std::optional<std::int64_t> lease_left_ns, heartbeat_age_ns;  // empty: none, or another clock
  std::int64_t created_age_ns = 0;
  std::uint64_t epoch = 0, digest = 0, agent_incarnation = 0, term = 0;
  std::uint32_t agent_pid = 0;
  std::uint64_t publish_count = 0, publish_interrupted_count = 0, takeover_count = 0;
  bool is_publishing = false;
  bool has_tags = false, serves_without_lease = false;
  std::string hash_tag, salt;
  shm_layout::AnswerWord answers;
  std::uint64_t connection_budget = 0;  // of the preload
  std::uint32_t served_count = 0, fenced_count = 0, unowned_count = 0, broken_count = 0;
  std::uint64_t generation_lowest = 0, generation_highest = 0;
  std::vector<std::string> intercepts;
  std::vector<BackendRow> backends;
  std::vector<SlotRow> keys;
};

[[nodiscard]] Snapshot take_snapshot(std::span<const std::byte> bytes, const Moment& now,
                                     const std::vector<std::string>& keys);

// The name that scripts see, e.g. "other_version".
[[nodiscard]] const char* name_of(Freshness freshness) noexcept;

}  // namespace ringfence::shmdump
