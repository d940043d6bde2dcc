// What one ringfence_client_t owns: its hold on the segment, its connections, its times. Any
// thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "shim/client/connection_pool.hpp"
#include "shim/client/operation.hpp"
#include "shim/counters/shim_counters.hpp"
#include "shim/segment_handle.hpp"

namespace ringfence::shim::client {

struct ClientOptions {
  std::string segment_path;  // empty: the only one of this host
  std::int64_t timeout_ns = 1000 * ns_per_ms;
  PoolLimits pool;
};

class Client {
 public:
  explicit Client(const ClientOptions& options);

  // Opens the segment; for the client's begin.
  AttachStatus attach();
  // Looks for another segment, at most ten times a second; true when there is one now that `known`
  // is not.
  [[nodiscard]] bool refresh(const Attachment* known, std::int64_t now_ns) noexcept;

  [[nodiscard]] const Attachment* attachment() const noexcept { return segment_.current(); }
  [[nodiscard]] ConnectionPool& pool() noexcept { return pool_; }
  [[nodiscard]] std::int64_t timeout_ns() const noexcept { return timeout_ns_; }

  // This process's counters for the segment; null before the first attachment. Acquire; pairs with
  // the release in find_counters().
  [[nodiscard]] counters::ShimCounters* counters() const noexcept {
    return counters_.load(std::memory_order_acquire);
  }
  // It refused, hung, or ended a connection: counted, and the agent is asked to look at it now.
  void on_backend_trouble(std::uint16_t backend) noexcept;
  // Keys that were asked for or written, and what their caller is told.
  void count(Verb verb, Status status, std::uint32_t keys = 1) noexcept;

 private:
  void find_counters() noexcept;

  SegmentHandle segment_;
  ConnectionPool pool_;
  const std::int64_t timeout_ns_;
  std::atomic<std::int64_t> next_refresh_ns_{0};  // CLOCK_BOOTTIME; relaxed: only spaces out work
  std::atomic<std::int64_t> next_hint_ns_{0};     // CLOCK_BOOTTIME; relaxed, as above
  std::atomic<counters::ShimCounters*> counters_{nullptr};
};

}  // namespace ringfence::shim::client
