// What a process counts about its own use of a segment, for `ringfencectl shims`.
//
// Each add_* is a few nanoseconds: one relaxed addition in memory that the agent can read, no lock,
// no system call, no allocation; any thread, at any time of the process's life. Nothing here ever
// fails: where no file can be made the counts stay in private memory.
//
// The file goes with the process: by its exit handler, or, if it is killed, by the agent. A forked
// child has a file of its own from its first request on.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <string_view>

#include "shim/counters/counter_file.hpp"
#include "shm_layout/shim_counters.hpp"

namespace ringfence::shim::counters {

class ShimCounters {
 public:
  // Counts in `private_memory` until there is a file.
  constexpr explicit ShimCounters(shm_layout::ShimCountersFile& private_memory) noexcept
      : private_memory_(private_memory), memory_(&private_memory) {}
  ShimCounters(const ShimCounters&) = delete;
  ShimCounters& operator=(const ShimCounters&) = delete;

  void add_request(std::uint64_t keys = 1) noexcept {
    // Relaxed: only says whether to look closer; seek_home() decides.
    if (home_.load(std::memory_order_relaxed) == Home::unsought) seek_home();
    add(shm_layout::ShimCount::requests, keys);
  }
  void add_hit(std::uint64_t keys = 1) noexcept { add(shm_layout::ShimCount::hits, keys); }
  void add_miss(std::uint64_t keys = 1) noexcept { add(shm_layout::ShimCount::misses, keys); }
  void add_refused_by_lease(std::uint64_t keys = 1) noexcept {
    add(shm_layout::ShimCount::refused_by_lease, keys);
  }
  void add_refused_by_fence(std::uint64_t keys = 1) noexcept {
    add(shm_layout::ShimCount::refused_by_fence, keys);
  }
  void add_redone() noexcept { add(shm_layout::ShimCount::redone); }
  void add_timed_out(std::uint64_t keys = 1) noexcept {
    add(shm_layout::ShimCount::timed_out, keys);
  }
  void add_overflow() noexcept { add(shm_layout::ShimCount::overflowed); }

  // An index that no segment can have is not counted.
  void add_backend_error(std::uint16_t backend) noexcept {
    shm_layout::ShimBackend* record = record_of(backend);
    if (record != nullptr) record->errors.fetch_add(1, std::memory_order_relaxed);
  }
  // From the request's first byte to the answer's last.
  void add_latency(std::uint16_t backend, std::int64_t ns) noexcept {
    shm_layout::ShimBackend* record = record_of(backend);
    if (record == nullptr) return;
    record->latency[shm_layout::latency_bucket_of(ns)].fetch_add(1, std::memory_order_relaxed);
  }

  // Summed over the process's threads; those that count meanwhile may be in it or not.
  [[nodiscard]] std::uint64_t total(shm_layout::ShimCount count) const noexcept;
  [[nodiscard]] bool has_file() const noexcept;

 private:
  friend class ProcessCounters;

  enum class Home : std::uint8_t {
    unsought,  // the next request looks for one
    sought,    // a thread is at it
    file,
    none,  // private memory, until a fork
  };

  void seek_home() noexcept;
  void forget_in_child() noexcept;
  void leave() noexcept;
  [[nodiscard]] bool open_page(std::uint64_t page_bit) noexcept;
  [[nodiscard]] static std::size_t stripe_of_thread() noexcept;

  void add(shm_layout::ShimCount count, std::uint64_t keys = 1) noexcept {
    // Acquire; pairs with the release in seek_home(): the file is whole.
    shm_layout::ShimCountersFile* memory = memory_.load(std::memory_order_acquire);
    // Relaxed, as all counts: each stands for itself.
    memory->stripes[stripe_of_thread()].counts[static_cast<std::size_t>(count)].fetch_add(
        keys, std::memory_order_relaxed);
  }
  [[nodiscard]] shm_layout::ShimBackend* record_of(std::uint16_t backend) noexcept {
    if (backend >= shm_layout::backend_count_max) return nullptr;
    // Acquire; as in add(). Before pages_: a new file's pages are noted after the file.
    shm_layout::ShimCountersFile* memory = memory_.load(std::memory_order_acquire);
    const std::uint64_t page = std::uint64_t{1} << (backend / shm_layout::shim_backends_a_page);
    // Acquire; pairs with the release in open_page(): the page has its memory.
    const bool is_there = (pages_.load(std::memory_order_acquire) & page) != 0;
    return is_there || open_page(page) ? &memory->backends[backend] : nullptr;
  }

  shm_layout::ShimCountersFile& private_memory_;
  std::atomic<shm_layout::ShimCountersFile*> memory_;
  std::atomic<std::uint64_t> pages_{0};          // of backends: have memory behind them
  std::atomic<std::uint64_t> refused_pages_{0};  // there was none to be had
  std::atomic<Home> home_{Home::none};
  shm_layout::ShimKind kind_ = shm_layout::ShimKind::linked;
  CounterFile file_;
  std::array<char, path_bytes_max> segment_path_{};
};

// A stripe a thread, as far as they go: the address of its control block, well mixed.
inline std::size_t ShimCounters::stripe_of_thread() noexcept {
  constexpr std::uint64_t golden_ratio = 0x9e3779b97f4a7c15;
  constexpr int kept_bits = std::bit_width(shm_layout::shim_stripe_count) - 1;
  static_assert(std::has_single_bit(shm_layout::shim_stripe_count));
  return static_cast<std::size_t>((static_cast<std::uint64_t>(pthread_self()) * golden_ratio) >>
                                  (64 - kept_bits));
}

// How many segments a process counts for apart; those beyond share counters that nobody is shown.
inline constexpr std::size_t counted_segments_max = 8;

// This process's counters for the segment at `segment_path` (with its directory), made at the first
// call; they last as long as the process does. Any thread; some 50 us the first time, and a lock
// each time: a client keeps what it got.
[[nodiscard]] ShimCounters& process_counters(
    std::string_view segment_path,
    shm_layout::ShimKind kind = shm_layout::ShimKind::linked) noexcept;

// For the child's handler of pthread_atfork, before the child counts anything.
void after_fork_in_child() noexcept;

}  // namespace ringfence::shim::counters
