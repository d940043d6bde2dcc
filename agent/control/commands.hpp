// The commands of the control socket: reads a request's JSON, asks the daemon for facts or for a
// change, writes the reply's JSON. It holds no state and decides nothing but who may ask for what.
// Runs on the daemon's loop thread. nlohmann/json stays inside the .cpp files.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/backends/watcher.hpp"
#include "agent/control/control.hpp"
#include "agent/core/node.hpp"
#include "agent/discovery/discovery.hpp"
#include "agent/mesh/mesh.hpp"
#include "agent/port/port.hpp"
#include "agent/shims/shim_files.hpp"
#include "shm_layout/layout.hpp"

namespace ringfence::agent::control {

struct AgentFacts {
  std::string cluster, cluster_id, instance, name, version;
  core::AgentId id;
  core::Incarnation incarnation;
  std::int64_t pid = 0, uptime_ms = 0;
};

// A pool as this host serves it.
struct PoolFacts {
  std::string name, segment;
  std::vector<std::string> listen;
  bool has_tags = true;
  shm_layout::PoolWord pool_word;
  port::PortCounters counters;
  std::vector<port::BackendCounters> backends;
  std::vector<discovery::SourceReport> sources;
};

// What the commands ask of the daemon.
class CommandSource {
 public:
  using Finished = std::function<void(bool is_ok, std::string text)>;
  virtual ~CommandSource() = default;
  [[nodiscard]] virtual AgentFacts agent_facts() const = 0;
  [[nodiscard]] virtual core::NodeReport report() const = 0;
  [[nodiscard]] virtual std::vector<PoolFacts> pool_facts() const = 0;
  [[nodiscard]] virtual backends::WatchCounters watched(const std::string& pool,
                                                        const std::string& address) const = 0;
  // As the segment shows it, fence included.
  [[nodiscard]] virtual shm_layout::SlotWord slot_word(const std::string& pool,
                                                       std::uint32_t slot) const = 0;
  // The processes that count for this agent's pools; removes what dead ones left.
  [[nodiscard]] virtual shims::ShimListing shims() const = 0;
  [[nodiscard]] virtual core::Instant now() const = 0;
  [[nodiscard]] virtual std::int64_t unix_ms() const = 0;
  // The mesh's connections, and the dialled addresses where nobody answers; none without a mesh.
  [[nodiscard]] virtual std::vector<mesh::PeerReport> connections() const = 0;
  // What each agent of the fleet publishes, once all that are connected answered or a second went.
  virtual void agree(std::function<void(const core::AgreeTold&)> done) = 0;
  // Form a fleet of this agent, without waiting for the other seeds.
  virtual void bootstrap(Finished done) = 0;
  virtual void add_backend(const std::string& pool, const core::WantedBackend& backend,
                           const std::string& who, Finished done) = 0;
  virtual void remove_backend(const std::string& pool, const std::string& address,
                              const std::string& who, Finished done) = 0;
  virtual void drain_backend(const std::string& pool, const std::string& address,
                             const std::string& who, Finished done) = 0;
};

// Answers one request line.
void handle_command(CommandSource& source, const Peer& peer, const std::string& request,
                    const ControlServer::Reply& reply);

// Whether `line` is one JSON object.
[[nodiscard]] bool is_json_object(std::string_view line);
// {"ok":false,"error":...}
[[nodiscard]] std::string error_reply(const std::string& error);

}  // namespace ringfence::agent::control
