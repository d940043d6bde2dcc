// Holds one persistent connection to each watched backend, probes it, and does what the core
// orders: inspect, flush with a canary, claim. Facts go to the core as events; no decision is made
// here.
//
// Runs on the core's loop thread only. A probe is one `get` of our claim key, so the same request
// notices a dead instance, one that restarted empty, one that somebody flushed, and one that
// another fleet took. Probes of all backends leave on the same tick: one wakeup serves all.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/backends/endpoint.hpp"
#include "agent/core/effect.hpp"
#include "agent/core/event.hpp"

typedef struct uv_loop_s uv_loop_t;  // NOLINT(modernize-use-using)

namespace ringfence::agent::backends {

struct WatchSettings {  // of one pool; a reload may change them
  core::Duration probe_interval = core::operator""_ms(100);
  core::Duration probe_timeout = core::operator""_ms(300);
  core::Duration connect_timeout = core::operator""_ms(300);
};

// Counters of one backend since the agent started; for `status` and `stats`.
struct WatchCounters {
  std::uint64_t probe_count = 0, probe_failed_count = 0, connect_count = 0, flush_count = 0;
  std::uint32_t last_probe_us = 0;
  std::string version;
  std::string note;  // what is odd although it lives ("too many connections"); else empty
};

// Who claims: goes into every claim.
struct Claimant {
  core::ClusterId cluster_id{};
  std::string cluster, agent;
};

class Watcher {
 public:
  using Sink = std::function<void(core::Event)>;  // never called from inside a Watcher call

  Watcher(uv_loop_t* loop, const Claimant& claimant, Sink sink);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // For claims that are written or compared from now on; before anything is watched.
  void set_claimant(const Claimant& claimant);
  void configure(const std::string& pool, const WatchSettings& settings);
  void start(const core::StartWatching& order);
  void stop(const core::StopWatching& order);
  void flush(const core::FlushBackend& order);
  void claim(const core::ClaimBackend& order);
  void probe(const core::ProbeBackend& order);
  // Somebody (the port, a shim) had trouble with it: probe now. Never evicts by itself.
  void hint(const std::string& pool, const std::string& address);
  [[nodiscard]] WatchCounters counters(const std::string& pool, const std::string& address) const;
  // What the segment shows of a backend; names as last resolved.
  [[nodiscard]] SegmentAddress segment_address(const std::string& pool,
                                               const std::string& address) const;
  // Closes everything; `done` runs once no handle is left. The watcher may be destroyed then.
  void close(std::function<void()> done);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringfence::agent::backends
