// What one process counts about its own use of one segment: the format of its file, and the check
// of a copy of such a file. The process writes it, with relaxed atomics and no lock; the host's
// agent reads a copy of it as hostile input. This file never touches files or clocks.
//
// Where: `<directory of the segment>/shims/<pid>-<number>.counters`, one a process and segment.
// The process holds a write lock (open file description) on the whole file for as long as it lives:
// who can take a read lock knows that the owner is gone. Only the owner can hold a write lock,
// because only the owner may open the file for writing: nobody else can make it look alive.
//
// The file is sparse: the first page is the process, then 16 backends share a page, and only pages
// that are counted in take memory (two for a pool of up to 16 backends).
//
// Rules of the format: those of layout.hpp. A minor version adds fields where `reserved` stands;
// the size is exact within a major version.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shm_layout/layout.hpp"

namespace ringfence::shm_layout {

inline constexpr std::uint64_t shim_counters_magic = 0x314d485346474e52;  // "RNGFSHM1" in memory
inline constexpr std::uint32_t shim_counters_major = 1;
inline constexpr std::uint32_t shim_counters_minor = 0;

// The directory beside the segments, and how the names in it end.
inline constexpr const char* shim_directory_name = "shims";
inline constexpr std::string_view shim_file_suffix = ".counters";

// "<cluster>-<instance>.<pool>" with its NUL: three names of 63 bytes.
inline constexpr std::size_t segment_name_bytes = 192;
// Threads of one process count in different lines, so that they do not take them from each other.
inline constexpr std::size_t shim_stripe_count = 16;
// Bucket k counts answers that took at most 1.024 us * 2^k and longer than the bucket before: from
// 1 us (nothing is faster) to 4.3 s. The last one counts all that took longer.
inline constexpr std::size_t latency_bucket_count = 24;
inline constexpr std::size_t shim_page_bytes = 4096;

enum class ShimKind : std::uint32_t { linked = 1, preload = 2 };

// The place of each count in a stripe.
enum class ShimCount : std::uint8_t {
  requests = 0,          // keys asked for or written
  hits = 1,              // gets that were answered with a value
  misses = 2,            // gets that were answered without one
  refused_by_lease = 3,  // no lease held
  refused_by_fence = 4,  // the slot was fenced, and stayed so
  redone = 5,            // done again under a new view
  timed_out = 6,         // the deadline passed first
  overflowed = 7,        // went through the agent's port: the backend had no connection to spare
};
inline constexpr std::size_t shim_count_kinds = 8;

// Written once, before `ready`; but for the two atomics.
struct ShimIdentity {
  std::uint64_t magic;
  std::uint32_t major;
  std::uint32_t minor;
  std::atomic<std::uint32_t> ready;  // release by the process; the reader has a copy
  std::uint32_t kind;                // ShimKind
  std::uint64_t file_bytes;
  std::uint32_t stripe_offset;
  std::uint32_t stripe_count;
  std::uint32_t backend_offset;
  std::uint32_t backend_count;
  std::uint32_t backend_bytes;
  std::uint32_t bucket_count;
  std::uint32_t pid;  // as the process itself sees it: another one outside its container
  std::uint32_t reserved;
  std::uint64_t started_unix_ns;             // when it began to count; for people only
  std::atomic<std::uint64_t> backend_pages;  // bit p: page p of the backends is counted in
  char process[name_bytes];                  // NUL-terminated
  char segment[segment_name_bytes];          // the segment's file name; NUL-terminated
};

// The counts of some of the process's threads; the sum over all stripes is the process's.
struct alignas(64) ShimStripe {
  std::atomic<std::uint64_t> counts[shim_count_kinds];  // by ShimCount
};

// By backend index.
struct alignas(256) ShimBackend {
  std::atomic<std::uint64_t> errors;  // connections refused, lost, or that broke the protocol
  std::atomic<std::uint64_t> latency[latency_bucket_count];
  std::uint64_t reserved[7];
};

struct ShimCountersFile {
  alignas(64) ShimIdentity identity;
  ShimStripe stripes[shim_stripe_count];
  alignas(shim_page_bytes) ShimBackend backends[backend_count_max];
};

inline constexpr std::size_t shim_backends_a_page = shim_page_bytes / sizeof(ShimBackend);
inline constexpr std::size_t shim_backend_pages = backend_count_max / shim_backends_a_page;

static_assert(offsetof(ShimIdentity, magic) == 0 && offsetof(ShimIdentity, major) == 8);
static_assert(offsetof(ShimIdentity, minor) == 12 && offsetof(ShimIdentity, ready) == 16);
static_assert(offsetof(ShimIdentity, kind) == 20 && offsetof(ShimIdentity, file_bytes) == 24);
static_assert(offsetof(ShimIdentity, stripe_offset) == 32);
static_assert(offsetof(ShimIdentity, stripe_count) == 36);
static_assert(offsetof(ShimIdentity, backend_offset) == 40);
static_assert(offsetof(ShimIdentity, backend_count) == 44);
static_assert(offsetof(ShimIdentity, backend_bytes) == 48);
static_assert(offsetof(ShimIdentity, bucket_count) == 52);
static_assert(offsetof(ShimIdentity, pid) == 56 && offsetof(ShimIdentity, reserved) == 60);
static_assert(offsetof(ShimIdentity, started_unix_ns) == 64);
static_assert(offsetof(ShimIdentity, backend_pages) == 72);
static_assert(offsetof(ShimIdentity, process) == 80 && offsetof(ShimIdentity, segment) == 144);
static_assert(sizeof(ShimIdentity) == 336);
static_assert(sizeof(ShimStripe) == 64);
static_assert(offsetof(ShimBackend, errors) == 0 && offsetof(ShimBackend, latency) == 8);
static_assert(offsetof(ShimBackend, reserved) == 200 && sizeof(ShimBackend) == 256);
static_assert(offsetof(ShimCountersFile, stripes) == 384);
static_assert(offsetof(ShimCountersFile, backends) == shim_page_bytes);
static_assert(sizeof(ShimCountersFile) == 266240);
static_assert(shim_backend_pages == 64, "backend_pages has a bit for each");

[[nodiscard]] constexpr std::size_t latency_bucket_of(std::int64_t ns) noexcept {
  constexpr int first_bits = 10;  // of 1,024 ns
  const std::uint64_t below = ns > 0 ? static_cast<std::uint64_t>(ns) - 1 : 0;
  const auto bucket = static_cast<std::size_t>(std::bit_width(below >> first_bits));
  return bucket < latency_bucket_count ? bucket : latency_bucket_count - 1;
}

// The longest time that the bucket counts; nothing for the last one, which has no end.
[[nodiscard]] constexpr std::optional<std::int64_t> latency_bound_ns(std::size_t bucket) noexcept {
  if (bucket + 1 >= latency_bucket_count) return std::nullopt;
  return std::int64_t{1024} << bucket;
}

using LatencyCounts = std::array<std::uint64_t, latency_bucket_count>;

// The bucket below whose bound `percent` of the answers came; nothing where there are none.
[[nodiscard]] std::optional<std::size_t> quantile_bucket(const LatencyCounts& counts,
                                                         std::uint32_t percent) noexcept;

// --- The reader's half. Pure; any thread.

enum class ShimCheck : std::uint8_t {
  ok,
  wrong_size,     // not a file of this version's size
  not_counters,   // another magic
  other_version,  // a major that this reader does not know
  not_ready,      // being made
  damaged,        // an offset, a count or a kind that cannot be
};

// What a file's first page says. Texts hold printable ASCII alone; anything else became '?'.
struct ShimHead {
  ShimKind kind = ShimKind::linked;
  std::uint32_t pid = 0;
  std::uint64_t started_unix_ns = 0;
  std::uint64_t backend_pages = 0;
  std::string process, segment;
  std::array<std::uint64_t, shim_count_kinds> counts{};  // summed over the stripes

  [[nodiscard]] std::uint64_t count(ShimCount kind_of_count) const {
    return counts[static_cast<std::size_t>(kind_of_count)];
  }
};

struct ShimBackendCounts {
  std::uint32_t index = 0;
  std::uint64_t errors = 0;
  LatencyCounts latency{};
};

// Counts are clamped to this, and sums of them stop at it.
inline constexpr std::uint64_t shim_count_max = static_cast<std::uint64_t>(INT64_MAX);
[[nodiscard]] std::uint64_t add_counts(std::uint64_t left, std::uint64_t right) noexcept;

// `page` is a copy of the file's first page, `file_bytes` the size that the kernel tells. Never
// reads outside `page`.
[[nodiscard]] ShimCheck read_shim_head(std::span<const std::byte> page, std::uint64_t file_bytes,
                                       ShimHead& head);
// `page` is a copy of page `number` of the backends. Appends those that counted anything.
void read_shim_backends(std::span<const std::byte> page, std::size_t number,
                        std::vector<ShimBackendCounts>& backends);

// A short lower-case sentence for people.
[[nodiscard]] const char* describe(ShimCheck check) noexcept;

}  // namespace ringfence::shm_layout
