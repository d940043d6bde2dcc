// What one I/O thread counts. Written by that thread alone, read by any: a relaxed store of a
// relaxed load, which costs what a plain increment does. No order is promised between counters.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "agent/port/port.hpp"
#include "shim/text/request.hpp"
#include "shm_layout/layout.hpp"

namespace ringfence::agent::port {

class Counter {
 public:
  void add(std::uint64_t count = 1) noexcept {
    // Relaxed both: one writer, and readers want a number, not an order.
    value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t read() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct ThreadCounters {
  Counter opened_connections, closed_connections, rejected_connections;
  Counter cmd_get, get_hits, get_misses, cmd_set, cmd_touch, cmd_flush;
  Counter delete_hits, delete_misses, incr_hits, incr_misses, decr_hits, decr_misses;
  Counter cas_hits, cas_misses, cas_badval, touch_hits, touch_misses;
  Counter bytes_read, bytes_written;
  Counter refused_by_lease, refused_by_fence, redone, backend_errors, closed_slow_clients;

  struct OfBackend {
    Counter requests, hits, misses, errors;
  };
  std::array<OfBackend, shm_layout::backend_count_max> backends;

  void add_to(PortCounters& sum) const noexcept;
};

// What a reply without a value means, whatever its protocol.
enum class Outcome : std::uint8_t {
  done,  // STORED, DELETED, TOUCHED, a number; of a get without its value: found
  not_found,
  exists,  // cas: changed meanwhile
  other,   // NOT_STORED, and errors
};

void count_command(ThreadCounters& counters, shim::text::Verb verb) noexcept;
void count_outcome(ThreadCounters& counters, shim::text::Verb verb, Outcome outcome) noexcept;

}  // namespace ringfence::agent::port
