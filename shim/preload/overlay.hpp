// One pool of this host as the preload knows it: its segment, the addresses of its port, and the
// connections to its backends that no session uses now.
//
// Made once for each segment, never freed. Any thread. In a forked child no connection is left.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "shim/counters/shim_counters.hpp"
#include "shim/preload/link.hpp"
#include "shim/segment_handle.hpp"

namespace ringfence::shim::preload {

// Connections to one backend that a process keeps for later: what clients that connect anew for
// each request (PHP) have use for at once.
inline constexpr std::size_t idle_links_max = 16;
inline constexpr std::int64_t idle_ns = 30 * shm_layout::ns_per_second;
// How long a backend that had no connection to spare is spared.
inline constexpr std::int64_t spare_ns = shm_layout::ns_per_second;
// How long one that refused is left alone: a loss shows in the view by then, or it is back.
inline constexpr std::int64_t refused_ns = 100 * shm_layout::ns_per_ms;

class Overlay {
 public:
  explicit Overlay(const std::string& path);
  Overlay(const Overlay&) = delete;
  Overlay& operator=(const Overlay&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const Attachment* attachment() const noexcept { return handle_.current(); }
  [[nodiscard]] counters::ShimCounters& counters() noexcept { return counters_; }
  // Attached to a segment that an agent keeps.
  [[nodiscard]] bool is_live() noexcept;
  [[nodiscard]] bool has_lease() const noexcept;
  // Where the agent's port listens; of its addresses the first.
  [[nodiscard]] std::optional<SocketAddress> port_address() const noexcept;
  // Looks for another segment, at most ten times a second.
  void refresh(std::int64_t now_ns) noexcept;
  // Whether the agent's port listens at `address`; in either family's form.
  [[nodiscard]] bool listens_at(const SocketAddress& address) const noexcept;

  // A connection to the backend, open or opening; null when there is none to be had now.
  [[nodiscard]] Link* take(const Attachment& attachment, std::uint16_t index, bool is_binary);
  // Whether the connection still leads to the backend's present life.
  [[nodiscard]] bool is_current(const Attachment& attachment, Link& link) const noexcept;
  // Between answers: for somebody else. Else it is closed.
  void give_back(Link* link) noexcept;
  // It could not be opened.
  void not_opened(const Link& link, LinkState state) noexcept;
  // It refused, hung, or ended a connection: counted, and the agent is asked to look at it now.
  void on_trouble(std::uint16_t backend) noexcept;

  void after_fork_in_child() noexcept;

  std::atomic<Overlay*> next{nullptr};  // the process's: another segment's

 private:
  struct Backend {
    std::vector<Link*> idle;            // the longest idle first
    std::int64_t shunned_until_ns = 0;  // CLOCK_BOOTTIME
  };
  [[nodiscard]] Backend& backend_at(std::uint16_t index);
  void shun(std::uint16_t index, std::int64_t ns) noexcept;
  [[nodiscard]] Link* pop_idle(Backend& backend, bool is_binary) noexcept;

  const std::string path_;
  SegmentHandle handle_;
  counters::ShimCounters& counters_;
  ConnectionBudget budget_;
  std::atomic<std::int64_t> next_refresh_ns_{0};  // relaxed: only spaces out work; as the next
  std::atomic<std::int64_t> next_hint_ns_{0};
  std::mutex mutex_;  // what follows
  std::vector<Backend> backends_;
};

}  // namespace ringfence::shim::preload
