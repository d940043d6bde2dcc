// What the control socket asks for.
#include <unistd.h>

#include <utility>

#include "agent/backends/claim.hpp"
#include "agent/daemon/daemon.hpp"
#include "agent/daemon/version.hpp"
#include "shm_layout/clock.hpp"

namespace ringfence::agent::daemon {

control::AgentFacts Daemon::agent_facts() const {
  control::AgentFacts facts;
  facts.cluster = config_.cluster;
  facts.cluster_id = backends::to_hex(marker_.cluster_id);
  facts.instance = config_.instance;
  facts.name = agent_name_;
  facts.version = version;
  facts.id = marker_.agent_id;
  facts.incarnation = marker_.incarnation;
  facts.pid = getpid();
  facts.uptime_ms = (now() - started_).ns / shm_layout::ns_per_ms;
  return facts;
}

core::NodeReport Daemon::report() const {
  return node_->report();
}

std::vector<control::PoolFacts> Daemon::pool_facts() const {
  std::vector<control::PoolFacts> pools;
  for (const auto& [name, host] : pools_) {
    control::PoolFacts facts;
    facts.name = name;
    facts.segment = host->writer().path();
    facts.listen = host->port().addresses();
    facts.has_tags = host->config().options.has_tags;
    facts.pool_word = host->writer().reader().pool();
    facts.counters = host->port().counters();
    facts.backends = host->port().backend_counters();
    for (discovery::SourceReport& source : discovery_->report()) {
      if (source.pool == name) facts.sources.push_back(std::move(source));
    }
    pools.push_back(std::move(facts));
  }
  return pools;
}

backends::WatchCounters Daemon::watched(const std::string& pool, const std::string& address) const {
  return watcher_->counters(pool, address);
}

shm_layout::SlotWord Daemon::slot_word(const std::string& pool, std::uint32_t slot) const {
  const auto host = pools_.find(pool);
  return host == pools_.end() ? shm_layout::SlotWord{} : host->second->writer().slot(slot);
}

shims::ShimListing Daemon::shims() const {
  std::set<std::string> segments;
  for (const auto& [name, host] : pools_) {
    const std::string& path = host->writer().path();
    segments.insert(path.substr(path.rfind('/') + 1));
  }
  return shim_files_.list(segments);
}

std::vector<mesh::PeerReport> Daemon::connections() const {
  return mesh_ ? mesh_->peers() : std::vector<mesh::PeerReport>{};
}

void Daemon::agree(std::function<void(const core::AgreeTold&)> done) {
  const std::uint64_t id = next_request_++;
  agree_answers_.emplace(id, std::move(done));
  feed(core::AgreeAsked{core::RequestId{id}});
}

void Daemon::answer_agree(const core::AgreeTold& told) {
  const auto waiting = agree_answers_.find(told.id.value);
  if (waiting == agree_answers_.end()) return;
  const auto done = std::move(waiting->second);
  agree_answers_.erase(waiting);
  done(told);
}

void Daemon::bootstrap(Finished done) {
  const core::RequestId id = expect_answer(std::move(done));
  feed(core::BootstrapAsked{id});
}

void Daemon::add_backend(const std::string& pool, const core::WantedBackend& backend,
                         const std::string& who, Finished done) {
  const core::RequestId id = expect_answer(std::move(done));
  feed(core::BackendAddAsked{id, pool, backend.address, backend.weight, who});
}

void Daemon::remove_backend(const std::string& pool, const std::string& address,
                            const std::string& who, Finished done) {
  const core::RequestId id = expect_answer(std::move(done));
  feed(core::BackendRemoveAsked{id, pool, address, who});
}

void Daemon::drain_backend(const std::string& pool, const std::string& address,
                           const std::string& who, Finished done) {
  const core::RequestId id = expect_answer(std::move(done));
  feed(core::BackendDrainAsked{id, pool, address, who});
}

}  // namespace ringfence::agent::daemon
