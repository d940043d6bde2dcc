// The local memcached port of one pool: accepts clients, speaks the protocols of shim/, routes by
// the segment like any shim, and holds ordered, pipelined connections to the backends.
//
// Threads: each I/O thread owns a libuv loop, its clients and its backend connections; nothing is
// shared between I/O threads but the segment (read-only) and relaxed counters. The methods below
// are called from the daemon's thread. PortEvents are called on I/O threads.
//
// Rules (design, section 6): a reply is accepted only while its ticket holds; a get is redone under
// a new view or is a miss; a write is redone only under a new tag and only if the connection has
// sent no later request for that slot; nothing that may be lost is reported as done.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/core/types.hpp"
#include "shm_layout/result.hpp"
#include "shm_layout/segment_reader.hpp"

namespace ringfence::agent::port {

struct PortSettings {
  std::string pool;
  std::vector<std::string> listen;  // "ip:port", "[v6]:port" or a unix path; port 0 picks one
  core::Duration connect_timeout, request_timeout, change_wait;
  std::uint32_t max_connections = 16384;
  std::uint32_t io_threads = 1;
  bool allows_flush_all = true;
  // A failure is told as an error; else a get misses, and a store is NOT_STORED.
  bool tells_get_failure = false;
  bool tells_store_failure = false;
};

// What of them a preloaded client follows.
[[nodiscard]] shm_layout::AnswerWord answer_word(const PortSettings& settings) noexcept;

// Called on I/O threads; must not block.
class PortEvents {
 public:
  virtual ~PortEvents() = default;
  // Answered later by Port::answer_flush_all with the same id.
  virtual void on_flush_all(core::RequestId id, const std::string& pool) = 0;
  // A data connection to this backend was refused, reset or silent.
  virtual void on_backend_trouble(const std::string& pool, const std::string& address) = 0;
};

// Sums over all I/O threads, since the agent started. Names are memcached's where memcached has
// them.
struct PortCounters {
  std::uint64_t curr_connections = 0, total_connections = 0, rejected_connections = 0;
  std::uint64_t cmd_get = 0, get_hits = 0, get_misses = 0, cmd_set = 0, cmd_touch = 0,
                cmd_flush = 0;
  std::uint64_t delete_hits = 0, delete_misses = 0, incr_hits = 0, incr_misses = 0;
  std::uint64_t decr_hits = 0, decr_misses = 0, cas_hits = 0, cas_misses = 0, cas_badval = 0;
  std::uint64_t touch_hits = 0, touch_misses = 0, bytes_read = 0, bytes_written = 0;
  std::uint64_t refused_by_lease = 0, refused_by_fence = 0, redone = 0, backend_errors = 0;
  std::uint64_t closed_slow_clients = 0;
};
struct BackendCounters {
  std::uint16_t index = 0;
  std::uint64_t requests = 0, hits = 0, misses = 0, errors = 0;
};

class Port {
 public:
  // Listens and starts the I/O threads. `segment` outlives the port. Errors name the address and
  // what to do ("address in use: another agent or memcached listens there").
  [[nodiscard]] static Result<std::unique_ptr<Port>> start(const PortSettings& settings,
                                                           const shm_layout::SegmentReader& segment,
                                                           PortEvents& events);
  virtual ~Port() = default;  // closes at once

  // The addresses really listened on (port 0 resolved), canonical.
  [[nodiscard]] virtual std::vector<std::string> addresses() const = 0;
  // A reload: new timings and limits; new addresses are listened on, dropped ones are closed for
  // new clients. No connected client is lost.
  [[nodiscard]] virtual Status apply(const PortSettings& settings) = 0;
  // Wakes requests that wait for a view change. Call after each publication and lease renewal.
  virtual void view_changed() = 0;
  virtual void answer_flush_all(core::RequestId id, bool is_ok, const std::string& text) = 0;
  // The lowest memcached version among the backends: what `version` answers.
  virtual void set_version(const std::string& version) = 0;
  // Stops listening, lets open requests finish, closes idle clients; `deadline` closes the rest.
  virtual void begin_drain(core::Duration deadline) = 0;
  // After begin_drain: blocks until all I/O threads ended. The one method for any thread.
  virtual void wait_drained() = 0;
  void drain(core::Duration deadline) {
    begin_drain(deadline);
    wait_drained();
  }

  // Asks each I/O thread for a sign of life. How many askings in a row the slowest has left
  // unanswered; 0: all of them turn, or have ended.
  [[nodiscard]] virtual std::uint32_t ask_for_life() = 0;

  [[nodiscard]] virtual PortCounters counters() const = 0;
  [[nodiscard]] virtual std::vector<BackendCounters> backend_counters() const = 0;
};

}  // namespace ringfence::agent::port
