// The segment: the contract between an agent (writer) and every shim and tool (readers) of one pool
// on one host. This file owns the format and nothing else; it never touches files or clocks.
//
// `shmdump --layout` prints the drawing of these structs; a test compares it with README's table.
//
// Rules of the format
//  1. Fixed-width integers, offsets from the segment's start, no pointers.
//  2. Identity is written once, before `ready`; everything after it changes while readers look on,
//     so each such field is an atomic. Multi-word records carry a sequence: odd while written.
//  3. Every index, size and count is bounded by the reader before use (segment_check.hpp); what a
//     reader needs later it keeps in its own memory.
//  4. A field is never moved or given another meaning within a major version; a minor version adds.
//  5. Never moved in any version, so that an agent can end the leases under a segment of another
//     version: magic to ready, segment_bytes, control_offset, and the two deadlines of Control.
//
// Versions: `layout_major` is what this code writes; `layout_oldest_reader` is the oldest major
// whose readers understand a segment written by this code.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shm_layout/slot_word.hpp"

namespace ringfence::shm_layout {

inline constexpr std::uint64_t segment_magic = 0x31434e4546474e52;  // "RNGFENC1" in memory
inline constexpr std::uint32_t layout_major = 1;
inline constexpr std::uint32_t layout_minor = 2;  // 1: connection_budget, 2: answer_word
inline constexpr std::uint32_t layout_oldest_reader = 1;

// `ready` holds this once identity is whole; any other value means "being made".
inline constexpr std::uint32_t ready_word = 0x59444152;  // "RADY" in memory

inline constexpr std::size_t segment_bytes_max =
    std::size_t{1024} * 1024;  // of any version; bounds a mapping
inline constexpr std::uint32_t backend_count_max = 1024;
inline constexpr std::uint32_t intercept_count_max = 16;
// Where an agent of layout 1.0 does not tell: half of memcached's 1,024.
inline constexpr std::uint32_t connection_budget_default = 512;
inline constexpr std::size_t name_bytes = 64;      // cluster, instance, pool; NUL-terminated
inline constexpr std::size_t address_bytes = 112;  // "host:port" or a unix path; NUL-terminated

enum class SegmentState : std::uint32_t {
  open = 1,      // an agent keeps it
  closed = 2,    // the agent left in good order; nothing is routed; the same file may open again
  replaced = 3,  // another file stands at this path now: attach again
};

// Written once, before `ready`.
struct Identity {
  std::uint64_t magic;
  std::uint32_t major;
  std::uint32_t minor;
  std::uint32_t oldest_reader;
  std::atomic<std::uint32_t> ready;  // release by the writer, acquire by attach: publishes Identity
  std::uint64_t segment_bytes;
  std::uint32_t control_offset;
  std::uint32_t intercept_offset;
  std::uint32_t intercept_count;
  std::uint32_t intercept_bytes;  // of one entry
  std::uint32_t backend_offset;
  std::uint32_t backend_count;
  std::uint32_t backend_bytes;  // of one entry
  std::uint32_t slot_offset;
  std::uint32_t slot_count;
  std::uint32_t reserved;
  std::uint8_t cluster_id[16];
  std::uint8_t boot_id[16];       // a segment of an earlier boot has deadlines of another clock
  std::uint64_t created_unix_ns;  // for people only
  char cluster[name_bytes];
  char instance[name_bytes];
  char pool[name_bytes];
};

// The words that change. The first line is what route() reads; it is written four times a lease.
struct Control {
  alignas(64) std::atomic<std::int64_t> deadline_coarse_ns;  // CLOCK_MONOTONIC_COARSE, less its lag
  std::atomic<std::int64_t> deadline_boottime_ns;            // CLOCK_BOOTTIME; validate() reads it
  std::atomic<std::int64_t> heartbeat_boottime_ns;           // when the agent last turned
  std::atomic<std::uint64_t> pool_word;                      // PoolWord: tags, hash tag, salt
  // Connections to one backend that all preloaded processes of the host may hold; 0: not told.
  std::atomic<std::uint64_t> connection_budget;
  std::atomic<std::uint64_t> answer_word;  // AnswerWord: what the preload tells when nobody answers
  std::uint64_t reserved_line[2];

  alignas(64) std::atomic<std::uint64_t> epoch;  // of the last view published whole
  std::atomic<std::uint64_t> digest;             // of that view, fences and deadlines left out
  std::atomic<std::uint64_t> publish_sequence;   // odd while a view is being published
  std::atomic<std::uint64_t> publish_interrupted_count;  // takeovers that found it odd
  std::atomic<std::uint64_t> takeover_count;             // agents that continued this segment
  std::atomic<std::uint64_t> agent_incarnation;
  std::atomic<std::uint64_t> term;   // highest that this host's agent has acknowledged in
  std::atomic<std::uint32_t> state;  // SegmentState
  std::atomic<std::uint32_t> agent_pid;
};

// A record of several words that readers copy whole: odd sequence while written, even when whole.
template <std::size_t WordCount>
struct Record {
  std::atomic<std::uint64_t> sequence;
  std::atomic<std::uint64_t> words[WordCount];
};

enum class AddressFamily : std::uint16_t { none = 0, inet4 = 4, inet6 = 6, unix_path = 1 };

// What a Record of a backend holds. An index keeps its meaning until no reader can hold a ticket
// under it: the agent leaves a freed index unused for index_rest_ns (view.hpp).
struct BackendInfo {
  AddressFamily family;
  std::uint16_t port;  // host byte order; 0 for unix
  std::uint32_t weight;
  std::uint8_t ip[16];        // network byte order; the first 4 bytes for inet4
  std::uint64_t incarnation;  // grows with each admission
  std::uint32_t serving;      // 1: owns slots or may; 0: lost
  std::uint32_t slot_count;
  char text[address_bytes];  // as configured; for unix the path
};

// An address whose connections the preload overlays.
struct InterceptInfo {
  AddressFamily family;
  std::uint16_t port;
  std::uint32_t reserved;
  std::uint8_t ip[16];
  char text[address_bytes];
};

inline constexpr std::size_t backend_words = sizeof(BackendInfo) / 8;
inline constexpr std::size_t intercept_words = sizeof(InterceptInfo) / 8;
using BackendRecord = Record<backend_words>;
using InterceptRecord = Record<intercept_words>;

// The whole segment.
struct Segment {
  alignas(64) Identity identity;
  alignas(64) Control control;
  alignas(64) InterceptRecord intercepts[intercept_count_max];
  alignas(64) BackendRecord backends[backend_count_max];
  alignas(64) std::atomic<std::uint64_t> slots[slot_count];  // SlotWord
};

static_assert(sizeof(BackendInfo) == 152 && sizeof(BackendInfo) % 8 == 0);
static_assert(sizeof(InterceptInfo) == 136 && sizeof(InterceptInfo) % 8 == 0);
static_assert(sizeof(BackendRecord) == 160);
static_assert(sizeof(InterceptRecord) == 144);
static_assert(offsetof(Identity, ready) == 20);
static_assert(offsetof(Identity, cluster_id) == 72);
static_assert(offsetof(Identity, pool) == 240);
static_assert(sizeof(Identity) == 304);
static_assert(offsetof(Control, epoch) == 64);
static_assert(sizeof(Control) == 128);
static_assert(offsetof(Segment, control) == 320);
static_assert(offsetof(Segment, intercepts) == 448);
static_assert(offsetof(Segment, backends) == 2752);
static_assert(offsetof(Segment, slots) == 166592);
static_assert(sizeof(Segment) == 690880);
static_assert(sizeof(Segment) <= segment_bytes_max);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

// What a pool says of requests that nobody answers, in one word so that a reader sees it whole.
//   bit 0 told: without it, as agents of layout 1.1 leave it, all is by default; bit 1 a get that
//   failed is an error, else a miss; bit 2 the same of a store, else it was not stored;
//   bits 16-31 request_timeout and 32-47 change_wait, in ms.
class AnswerWord {
 public:
  constexpr AnswerWord() = default;
  constexpr explicit AnswerWord(std::uint64_t raw)
      : raw_((raw & told) != 0 ? raw : AnswerWord().raw_) {}
  constexpr AnswerWord(bool tells_get_failure, bool tells_store_failure,
                       std::uint16_t request_timeout_ms, std::uint16_t change_wait_ms)
      : raw_(told | (tells_get_failure ? get_failure : 0) |
             (tells_store_failure ? store_failure : 0) | std::uint64_t{request_timeout_ms} << 16 |
             std::uint64_t{change_wait_ms} << 32) {}

  [[nodiscard]] constexpr std::uint64_t raw() const { return raw_; }
  [[nodiscard]] constexpr bool tells_get_failure() const { return (raw_ & get_failure) != 0; }
  [[nodiscard]] constexpr bool tells_store_failure() const { return (raw_ & store_failure) != 0; }
  [[nodiscard]] constexpr std::uint32_t request_timeout_ms() const { return raw_ >> 16 & 0xffff; }
  [[nodiscard]] constexpr std::uint32_t change_wait_ms() const { return raw_ >> 32 & 0xffff; }
  friend constexpr bool operator==(AnswerWord, AnswerWord) = default;

 private:
  static constexpr std::uint64_t told = 1, get_failure = 2, store_failure = 4;
  static constexpr std::uint64_t default_ms = 1000;  // of both, as in the agent's configuration
  std::uint64_t raw_ = told | default_ms << 16 | default_ms << 32;
};

// The pool's options that a route needs, in one word so that a reader sees them whole.
//   bit 0 tags; bit 1 gets are served without a lease (on_lease_loss = "serve");
//   bits 8-15 hash tag open, 16-23 hash tag close (0: none); bits 24-31 and 32-39 the salt's
//   digits.
class PoolWord {
 public:
  constexpr PoolWord() = default;
  constexpr explicit PoolWord(std::uint64_t raw) : raw_(raw) {}
  constexpr PoolWord(bool has_tags, char hash_tag_open, char hash_tag_close, char salt_0,
                     char salt_1)
      : raw_((has_tags ? 1U : 0U) | byte(hash_tag_open) << 8 | byte(hash_tag_close) << 16 |
             byte(salt_0) << 24 | byte(salt_1) << 32) {}

  [[nodiscard]] constexpr std::uint64_t raw() const { return raw_; }
  [[nodiscard]] constexpr bool has_tags() const { return (raw_ & 1U) != 0; }
  [[nodiscard]] constexpr bool serves_without_lease() const { return (raw_ & 2U) != 0; }
  [[nodiscard]] constexpr char hash_tag_open() const { return static_cast<char>(raw_ >> 8); }
  [[nodiscard]] constexpr char hash_tag_close() const { return static_cast<char>(raw_ >> 16); }
  [[nodiscard]] constexpr char salt_0() const { return static_cast<char>(raw_ >> 24); }
  [[nodiscard]] constexpr char salt_1() const { return static_cast<char>(raw_ >> 32); }
  friend constexpr bool operator==(PoolWord, PoolWord) = default;

 private:
  static constexpr std::uint64_t byte(char c) { return static_cast<unsigned char>(c); }
  std::uint64_t raw_ = 0;
};

}  // namespace ringfence::shm_layout
