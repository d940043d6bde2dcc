#include "tools/shmdump/snapshot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <string_view>

#include "shm_layout/clock.hpp"
#include "shm_layout/key_hash.hpp"
#include "tools/shmdump/printable.hpp"

namespace ringfence::shmdump {
namespace {

using shm_layout::AddressFamily;
using shm_layout::BackendInfo;
using shm_layout::SegmentCheck;
using shm_layout::SegmentReader;
using shm_layout::SegmentState;
using shm_layout::SlotState;
using shm_layout::SlotWord;

// An agent turns every few milliseconds; one that has not for so long hangs, is stopped or gone.
constexpr std::int64_t heartbeat_doubt_ns = shm_layout::ns_per_second;
// No lease is longer by far; a deadline beyond it was not written by an agent of this boot.
constexpr std::int64_t lease_doubt_ns = 3600 * shm_layout::ns_per_second;

// Saturates: both may be any number in a hostile file.
std::int64_t difference(std::int64_t left, std::int64_t right) noexcept {
  std::int64_t result = 0;
  if (__builtin_sub_overflow(left, right, &result)) {
    return left < right ? std::numeric_limits<std::int64_t>::min()
                        : std::numeric_limits<std::int64_t>::max();
  }
  return result;
}

const char* name_of_state(std::uint32_t state) noexcept {
  switch (static_cast<SegmentState>(state)) {
    case SegmentState::open:
      return "open";
    case SegmentState::closed:
      return "closed";
    case SegmentState::replaced:
      return "replaced";
  }
  return "unknown";
}

const char* name_of_family(AddressFamily family) noexcept {
  switch (family) {
    case AddressFamily::inet4:
      return "inet4";
    case AddressFamily::inet6:
      return "inet6";
    case AddressFamily::unix_path:
      return "unix";
    case AddressFamily::none:
      break;
  }
  return "none";
}

Freshness freshness_of(SegmentCheck check) noexcept {
  switch (check) {
    case SegmentCheck::ok:
      return Freshness::fresh;
    case SegmentCheck::other_version:
      return Freshness::other_version;
    default:
      return Freshness::damaged;
  }
}

void read_identity(const SegmentReader& reader, const Moment& now, Snapshot& snapshot) {
  const shm_layout::Identity& identity = reader.identity();
  snapshot.major = identity.major;
  snapshot.minor = identity.minor;
  snapshot.segment_bytes = identity.segment_bytes;
  snapshot.cluster = printable_name(identity.cluster);
  snapshot.instance = printable_name(identity.instance);
  snapshot.pool = printable_name(identity.pool);
  for (const std::uint8_t byte : identity.cluster_id) {
    snapshot.cluster_id += fmt::format("{:02x}", byte);
  }
  snapshot.created_age_ns =
      difference(now.unix_ns, static_cast<std::int64_t>(identity.created_unix_ns));
}

// The bytes are a private copy, so relaxed loads suffice throughout this file.
void read_control(const SegmentReader& reader, Snapshot& snapshot) {
  constexpr auto relaxed = std::memory_order_relaxed;
  const shm_layout::Control& control = reader.control();
  snapshot.state = name_of_state(control.state.load(relaxed));
  snapshot.epoch = control.epoch.load(relaxed);
  snapshot.digest = control.digest.load(relaxed);
  snapshot.agent_incarnation = control.agent_incarnation.load(relaxed);
  snapshot.term = control.term.load(relaxed);
  snapshot.agent_pid = control.agent_pid.load(relaxed);
  const std::uint64_t sequence = control.publish_sequence.load(relaxed);
  snapshot.publish_count = sequence / 2;
  snapshot.is_publishing = sequence % 2 != 0;
  snapshot.publish_interrupted_count = control.publish_interrupted_count.load(relaxed);
  snapshot.takeover_count = control.takeover_count.load(relaxed);
  const shm_layout::PoolWord pool = reader.pool();
  snapshot.has_tags = pool.has_tags();
  snapshot.serves_without_lease = pool.serves_without_lease();
  if (pool.hash_tag_open() != '\0') {
    const char marks[] = {pool.hash_tag_open(), pool.hash_tag_close()};
    snapshot.hash_tag = printable({marks, sizeof(marks)});
  }
  snapshot.answers = reader.answers();
  const std::uint64_t budget = control.connection_budget.load(relaxed);
  snapshot.connection_budget = budget == 0 ? shm_layout::connection_budget_default : budget;
  const char salt[] = {pool.salt_0(), pool.salt_1()};
  snapshot.salt = pool.salt_0() == '\0' ? "" : printable({salt, sizeof(salt)});
}

void read_lease(const SegmentReader& reader, const Moment& now, Snapshot& snapshot) {
  const bool is_this_boot =
      now.boot_id && std::memcmp(reader.identity().boot_id, now.boot_id->data(), 16) == 0;
  if (!is_this_boot) {
    snapshot.freshness = Freshness::stale;
    snapshot.reason = "of an earlier boot or another machine: its deadlines mean nothing here";
    return;
  }
  const shm_layout::Control& control = reader.control();
  const std::int64_t deadline_ns = control.deadline_boottime_ns.load(std::memory_order_relaxed);
  const std::int64_t heartbeat_ns = control.heartbeat_boottime_ns.load(std::memory_order_relaxed);
  if (heartbeat_ns != 0) {
    snapshot.heartbeat_age_ns = difference(now.boottime_ns, heartbeat_ns);
  }
  if (deadline_ns != 0) {
    snapshot.lease_left_ns = difference(deadline_ns, now.boottime_ns);
  }
  if (snapshot.state != "open") {
    snapshot.freshness = Freshness::stale;
    snapshot.reason = snapshot.state == "closed"
                          ? "closed: the agent left in good order"
                          : "replaced: another file stands at this path, or soon will";
  } else if (!snapshot.lease_left_ns || *snapshot.lease_left_ns <= 0) {
    snapshot.freshness = Freshness::stale;
    snapshot.reason = snapshot.lease_left_ns ? "the lease has ended" : "no lease was granted";
  }
}

// Records are read once, so that slots need not copy them again.
void read_backends(const SegmentReader& reader, Snapshot& snapshot,
                   std::vector<std::int32_t>& row_of_index) {
  row_of_index.assign(reader.backend_count(), -1);
  std::uint64_t torn_count = 0;
  for (std::uint32_t index = 0; index < reader.backend_count(); ++index) {
    const std::optional<BackendInfo> info = reader.backend(index);
    if (!info) {
      torn_count += reader.backend_sequence(index) % 2;
      continue;
    }
    BackendRow row;
    row.index = index;
    row.address = printable_name(info->text);
    row.family = name_of_family(info->family);
    row.weight = info->weight;
    row.is_serving = info->serving != 0;
    row.incarnation = info->incarnation;
    row_of_index[index] = static_cast<std::int32_t>(snapshot.backends.size());
    snapshot.backends.push_back(std::move(row));
  }
  if (torn_count != 0) {
    snapshot.doubts.push_back(fmt::format("{} backend records were left half-written", torn_count));
  }
}

void count_slots(const SegmentReader& reader, const std::vector<std::int32_t>& row_of_index,
                 Snapshot& snapshot) {
  std::uint32_t nameless_count = 0;
  snapshot.generation_lowest = reader.slot(0).generation();
  for (std::uint32_t index = 0; index < shm_layout::slot_count; ++index) {
    const SlotWord word = reader.slot(index);
    snapshot.generation_lowest = std::min(snapshot.generation_lowest, word.generation());
    snapshot.generation_highest = std::max(snapshot.generation_highest, word.generation());
    snapshot.fenced_count += word.is_fenced() ? 1 : 0;
    if (word.state() > SlotState::served || word.backend() >= row_of_index.size()) {
      ++snapshot.broken_count;
    } else if (word.state() == SlotState::unowned) {
      ++snapshot.unowned_count;
    } else {
      ++snapshot.served_count;
      const std::int32_t row = row_of_index[word.backend()];
      if (row < 0) {
        ++nameless_count;
      } else {
        ++snapshot.backends[static_cast<std::size_t>(row)].slot_count;
        snapshot.backends[static_cast<std::size_t>(row)].fenced_count += word.is_fenced() ? 1 : 0;
      }
    }
  }
  if (nameless_count != 0) {
    snapshot.doubts.push_back(
        fmt::format("{} slots name a backend whose record is not whole", nameless_count));
  }
}

void read_keys(const SegmentReader& reader, const std::vector<std::int32_t>& row_of_index,
               const std::vector<std::string>& keys, Snapshot& snapshot) {
  for (const std::string& key : keys) {
    SlotRow row;
    row.key = printable(key);
    row.slot = shm_layout::slot_of(key, reader.pool());
    const SlotWord word = reader.slot(row.slot);
    row.backend = word.backend();
    row.generation = word.generation();
    const bool is_served = word.state() == SlotState::served;
    row.state = word.is_fenced() ? "fenced" : is_served ? "served" : "unowned";
    if (is_served && word.backend() < row_of_index.size() && row_of_index[word.backend()] >= 0) {
      row.address =
          snapshot.backends[static_cast<std::size_t>(row_of_index[word.backend()])].address;
    }
    snapshot.keys.push_back(std::move(row));
  }
}

void add_doubts(Snapshot& snapshot) {
  if (snapshot.is_publishing) {
    snapshot.doubts.push_back(
        "a publication is under way or was interrupted: slots may be of two epochs");
  }
  if (snapshot.heartbeat_age_ns && *snapshot.heartbeat_age_ns > heartbeat_doubt_ns &&
      snapshot.state == "open") {
    snapshot.doubts.push_back("the agent has not turned for over a second: stopped, hung or gone");
  }
  if (snapshot.heartbeat_age_ns && *snapshot.heartbeat_age_ns < 0) {
    snapshot.doubts.push_back("the heartbeat lies in the future");
  }
  if (snapshot.lease_left_ns && *snapshot.lease_left_ns > lease_doubt_ns) {
    snapshot.doubts.push_back("the lease ends over an hour from now: no agent grants that");
  }
}

}  // namespace

Snapshot take_snapshot(std::span<const std::byte> bytes, const Moment& now,
                       const std::vector<std::string>& keys) {
  Snapshot snapshot;
  SegmentReader reader;
  const SegmentCheck check = reader.open(bytes);
  snapshot.freshness = freshness_of(check);
  if (check != SegmentCheck::ok) {
    snapshot.reason = shm_layout::describe(check);
    return snapshot;
  }
  snapshot.is_whole = true;
  read_identity(reader, now, snapshot);
  read_control(reader, snapshot);
  read_lease(reader, now, snapshot);
  for (std::uint32_t index = 0; index < reader.intercept_count(); ++index) {
    if (const auto info = reader.intercept(index)) {
      snapshot.intercepts.push_back(printable_name(info->text));
    }
  }
  std::vector<std::int32_t> row_of_index;
  read_backends(reader, snapshot, row_of_index);
  count_slots(reader, row_of_index, snapshot);
  read_keys(reader, row_of_index, keys, snapshot);
  add_doubts(snapshot);
  if (snapshot.broken_count != 0) {
    snapshot.freshness = Freshness::damaged;
    snapshot.reason = fmt::format("damaged: {} slot words cannot be", snapshot.broken_count);
  }
  return snapshot;
}

const char* name_of(Freshness freshness) noexcept {
  switch (freshness) {
    case Freshness::fresh:
      return "fresh";
    case Freshness::stale:
      return "stale";
    case Freshness::absent:
      return "absent";
    case Freshness::other_version:
      return "other_version";
    case Freshness::damaged:
      return "damaged";
  }
  return "unknown";
}

}  // namespace ringfence::shmdump
