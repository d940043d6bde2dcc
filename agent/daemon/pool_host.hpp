// One pool on this host: the segment that shims and tools read, and the local port. It writes what
// the core orders and decides nothing. The daemon's loop thread; the port has threads of its own.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/backends/endpoint.hpp"
#include "agent/config/config.hpp"
#include "agent/core/effect.hpp"
#include "agent/port/port.hpp"
#include "agent/shims/hint_socket.hpp"
#include "shm_layout/segment_writer.hpp"

namespace ringfence::agent::daemon {

class PoolHost {
 public:
  using Resolve = std::function<backends::SegmentAddress(const std::string& address)>;

  // Opens the segment and starts to listen.
  [[nodiscard]] static Result<std::unique_ptr<PoolHost>> open(const config::Config& config,
                                                              const config::PoolConfig& pool,
                                                              const core::ClusterId& cluster_id,
                                                              port::PortEvents& events);

  // Shims that had trouble with a backend say so from now on: `on_hint` gets its address. Ends with
  // close_segment(), after which the loop has to turn once more.
  [[nodiscard]] Status listen_for_hints(uv_loop_t* loop,
                                        std::function<void(const std::string& address)> on_hint);

  // Preloaded processes count their connections to backends together from now on.
  [[nodiscard]] Status make_connection_places() const;

  // A reload: timings, limits, addresses.
  [[nodiscard]] Status apply(const config::Config& config, const config::PoolConfig& pool);

  void store_agent(core::Incarnation incarnation, core::Term term);
  void fence(const std::vector<std::uint32_t>& slots);
  // Every served slot: an earlier life's view of a pool that the view no longer has.
  void fence_all();
  // Writes what differs from what stands there. `still_fenced` keep their fence.
  void publish(const core::Pool& pool, const core::PublishView& order,
               const std::vector<std::uint32_t>& still_fenced, const Resolve& resolve);
  // A name was resolved: a record that has no address yet gets one. One that has keeps it for as
  // long as its incarnation: another address is another instance, which nobody flushed.
  void refresh_address(const std::string& address, const Resolve& resolve);
  // 0 at once; anything else only once this life has published.
  void set_deadline(core::Instant until);
  void beat() { writer_->beat(); }
  void close_segment();

  [[nodiscard]] port::Port& port() { return *port_; }
  [[nodiscard]] const port::Port& port() const { return *port_; }
  [[nodiscard]] const shm_layout::SegmentWriter& writer() const { return *writer_; }
  [[nodiscard]] const config::PoolConfig& config() const { return config_; }
  [[nodiscard]] bool is_published() const { return is_published_; }

 private:
  PoolHost() = default;
  void store_intercepts();
  void store_preload_options(const config::Config& config);
  void store_backend(std::uint32_t index, const shm_layout::BackendInfo& info);
  void store_backends(const core::Pool& pool, const Resolve& resolve);
  void store_slots(const core::Pool& pool, const std::vector<std::uint32_t>& still_fenced);
  void read_taken_over_records();

  config::PoolConfig config_;
  core::ClusterId cluster_id_{};
  std::unique_ptr<shm_layout::SegmentWriter> writer_;
  std::unique_ptr<port::Port> port_;  // after writer_: it reads the segment and goes first
  std::unique_ptr<shims::HintSocket> hints_;
  std::optional<gid_t> group_;                                // that may read the segment
  std::string path_;                                          // of the segment
  std::map<std::uint32_t, shm_layout::BackendInfo> records_;  // as the segment holds them
  bool is_published_ = false;
  core::SlotTable stored_slots_;  // as this life last published them
  // By block: whether the segment may differ from stored_slots_ there.
  std::vector<bool> has_fences_ =
      std::vector<bool>(shm_layout::slot_count / core::SlotTable::block_slots);
};

}  // namespace ringfence::agent::daemon
