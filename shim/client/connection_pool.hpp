// The connections of one client: opened when none is idle, capped per backend and per process,
// used again last in, first out, closed when idle for long.
//
// A connection belongs to one life of a backend (index, incarnation, address): one of an earlier
// life is closed, never used. The mutex is held for lists, and for making and closing files, never
// while anything is waited for. Any thread. In a forked child every connection is closed, those in
// use too, and nothing is sent by them; the pool then starts empty.
#pragma once

#include <pthread.h>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "shim/client/connection.hpp"
#include "shim/client/process_clients.hpp"
#include "shim/segment_handle.hpp"

namespace ringfence::shim::client {

// In place of a backend's index: the agent's port, which routes by itself.
inline constexpr std::uint16_t port_index = shm_layout::backend_count_max;

// How long a backend that had no connection to spare is spared: its requests go through the port.
inline constexpr std::int64_t spare_ns = shm_layout::ns_per_second;

struct PoolLimits {
  std::uint32_t per_backend = 8;
  std::int64_t connect_timeout_ns = 250 * ns_per_ms;
  std::int64_t idle_ns = 30'000 * ns_per_ms;
};

enum class Taken : std::uint8_t {
  ready,
  opening,    // try_take() alone: advance() it, then opened()
  busy,       // try_take() alone: as many as there may be are in use
  overflow,   // the backend has none to spare: go through the port
  refused,    // nobody takes connections there, or no address is known
  timed_out,  // the call's time is up
  moved,      // the slot moved while one was waited for
  failed,     // a system call failed; errno tells
};

struct Take {
  Taken taken = Taken::failed;
  Connection* connection = nullptr;
  bool is_reused = false;
};

class ConnectionPool final : private ForkMember {
 public:
  explicit ConnectionPool(const PoolLimits& limits);
  ~ConnectionPool();

  // A connection to the backend `index` of the attachment; waits within the deadline.
  [[nodiscard]] Take take(const Attachment& attachment, std::uint16_t index, Deadline& deadline,
                          SlotWatch watch);
  // The same without waiting.
  [[nodiscard]] Take try_take(const Attachment& attachment, std::uint16_t index,
                              std::int64_t now_ns);
  // What became of an opening: `ready`, or the connection is discarded. `is_silent`: it has lasted
  // for connect_timeout_ns.
  [[nodiscard]] Taken opened(Connection& connection, Opening opening, bool is_silent,
                             std::int64_t now_ns);

  void give_back(Connection& connection) noexcept;  // between replies
  void discard(Connection& connection) noexcept;
  void close_idle(std::uint16_t index) noexcept;

  [[nodiscard]] std::int64_t connect_timeout_ns() const noexcept {
    return limits_.connect_timeout_ns;
  }
  // Counts the forks: a call that sees it change is in a child and has no connection any more.
  [[nodiscard]] std::uint32_t life() const noexcept { return life_; }

 private:
  struct Backend {
    explicit Backend(std::uint32_t connections_max);
    ~Backend() { pthread_cond_destroy(&is_free); }
    Backend(const Backend&) = delete;
    Backend& operator=(const Backend&) = delete;

    SocketAddress address;
    std::uint64_t sequence = 0;  // of the record that the address is from
    std::uint64_t incarnation = 0;
    std::uint16_t attachment = 0;
    bool has_address = false;
    std::uint32_t era = 0;             // grows when incarnation or address change
    std::uint32_t count = 0;           // connections of this process, idle or in use
    std::uint32_t waiter_count = 0;    // threads at is_free
    std::int64_t spared_until_ns = 0;  // CLOCK_BOOTTIME
    std::vector<Connection*> idle;     // the longest idle first
    pthread_cond_t is_free{};
  };

  [[nodiscard]] Backend& backend_at(std::uint16_t index);
  void follow(Backend& backend, const Attachment& attachment, std::uint16_t index) noexcept;
  void follow_port(Backend& backend, const Attachment& attachment) noexcept;
  [[nodiscard]] Connection* pop_idle(Backend& backend) noexcept;
  [[nodiscard]] Take begin(Backend& backend, std::uint16_t index);
  [[nodiscard]] Taken finish_opening(Connection& connection, Deadline& deadline, SlotWatch watch);
  void wait(std::uint16_t index, std::int64_t timeout_ns) noexcept;
  void remove(Connection& connection) noexcept;
  void unlink(Connection& connection) noexcept;
  void close_idle_of(Backend& backend) noexcept;
  void sweep(std::int64_t coarse_now_ns) noexcept;

  void before_fork() noexcept override { mutex_.lock(); }
  void after_fork_in_parent() noexcept override { mutex_.unlock(); }
  void after_fork_in_child() noexcept override;
  [[nodiscard]] bool close_an_idle_connection() noexcept override;

  const PoolLimits limits_;
  std::mutex mutex_;  // everything below, but life_
  Connection* all_ = nullptr;
  std::array<std::unique_ptr<Backend>, shm_layout::backend_count_max + 1> backends_;
  std::int64_t next_sweep_ns_ = 0;
  std::uint32_t life_ = 0;  // written between fork and anything else in the child: no thread races
};

}  // namespace ringfence::shim::client
