// The mesh, the engine's comings and goings, and this agent's place in the fleet.
#include <fmt/format.h>

#include <utility>

#include "agent/backends/claim.hpp"
#include "agent/daemon/daemon.hpp"
#include "agent/daemon/log.hpp"
#include "agent/engine/raft_engine.hpp"

namespace ringfence::agent::daemon {

bool Daemon::has_mesh() const {
  return !config_.mesh.listen.empty() || !config_.mesh.seeds.empty();
}

Status Daemon::start_mesh() {
  if (!has_mesh()) return Done{};
  Result<mesh::MeshSettings> settings = mesh::mesh_settings(config_);
  if (!settings) return settings.error();
  settings.value().log = [](mesh::LogLevel level, const std::string& text) {
    log_line(level == mesh::LogLevel::info ? LogLevel::info : LogLevel::warning, text);
  };
  const Result<std::string> address = mesh::advertised_address(config_);
  if (!address) return address.error();
  const mesh::Self self{marker_.agent_id, marker_.incarnation, config_.cluster, agent_name_,
                        address.value()};
  auto started = mesh::Mesh::start(&loop_, settings.value(), self, *this);
  if (!started) return started.error();
  mesh_ = std::move(started).value();
  return Done{};
}

// --- from the mesh -----------------------------------------------------------------------------

void Daemon::on_peer_up(const mesh::PeerHello& hello, const std::vector<std::string>& dialled_as) {
  log_line(LogLevel::info, fmt::format("agent {} at {} is here", hello.name, hello.address));
  feed(core::PeerUp{hello.id, hello.incarnation, hello.name, hello.address, dialled_as});
}

void Daemon::on_peer_down(core::AgentId id, const std::string& why) {
  log_line(LogLevel::warning, fmt::format("agent {:016x} is gone: {}", id.value, why));
  feed(core::PeerDown{id});
}

void Daemon::on_peer_addresses(core::AgentId id, const std::vector<std::string>& dialled_as) {
  feed(core::PeerAddresses{id, dialled_as});
}

void Daemon::on_message(core::AgentId from, mesh::Channel channel, std::string bytes) {
  if (channel == mesh::Channel::core) return feed(core::MessageReceived{from, std::move(bytes)});
  if (engine_) engine_->receive(from, std::move(bytes));
}

void Daemon::on_self_dialled(const std::string& address) {
  feed(core::SelfDialled{address});
}

// --- the engine --------------------------------------------------------------------------------

Status Daemon::start_engine(const std::vector<core::Voter>& bootstrap) {
  link_ = std::make_unique<EngineLink>(
      *inbox_, [this](const core::Event& event) { feed(event); },
      [this](core::AgentId to, const std::string& bytes) {
        if (mesh_) (void)mesh_->send(to, mesh::Channel::engine, bytes);  // loss is the engine's
      },
      [this](const Error& error) {
        log_line(LogLevel::error, error.message + ": the agent cannot go on");
        stop(Ending::failed);
      });
  engine::RaftSettings settings;
  settings.dir = opened_.engine_dir;
  settings.id = marker_.agent_id;
  settings.term_min = marker_.term_max;
  settings.bootstrap = bootstrap;
  engine::RaftFault fault = engine::RaftFault::none;
  auto engine = engine::RaftEngine::start(settings, *link_, *link_, &fault);
  if (engine) {
    engine_ = std::move(engine).value();
    return Done{};
  }
  if (fault != engine::RaftFault::damaged) return engine.error();
  lose_state(engine.error().message);
  return Done{};
}

// The marker first: a log that nobody knows of would be taken for damage.
void Daemon::vote(const core::StartEngine& order) {
  marker_.is_voter = true;
  marker_.is_founder = order.bootstrap.size() == 1;
  store_marker();
  if (is_ending_at_once()) return;
  log_line(LogLevel::info, "this agent votes from now on");
  if (Status started = start_engine(order.bootstrap); !started) {
    log_line(LogLevel::error, started.error().message + ": the agent cannot go on");
    stop(Ending::failed);
  }
}

void Daemon::vote_no_more() {
  log_line(LogLevel::info, "this agent votes no more: others do");
  link_->silence();
  engine_->stop();
  engine_.reset();
  old_links_.push_back(std::move(link_));
  marker_.is_voter = marker_.is_founder = false;
  marker_.term_followed = std::max(marker_.term_followed, marker_.term_max);
  marker_.term_max = core::Term{};
  store_marker();
  if (Status deleted = state_->delete_log(opened_.engine_dir); !deleted) {
    log_line(LogLevel::error, deleted.error().message + ": the agent cannot go on");
    stop(Ending::failed);
  }
}

// --- the fleet ---------------------------------------------------------------------------------

// Nothing was published under the former id, and nothing watched.
void Daemon::adopt_fleet(const core::AdoptFleet& order) {
  const core::ClusterId& cluster_id = order.cluster_id;
  const bool is_other = marker_.cluster_id != cluster_id;
  marker_.cluster_id = cluster_id;
  marker_.has_fleet = true;
  if (order.is_founder) marker_.is_voter = marker_.is_founder = true;
  store_marker();
  if (is_ending_at_once()) return;
  log_line(LogLevel::info, fmt::format("this agent belongs to fleet {} (id {})", config_.cluster,
                                       backends::to_hex(cluster_id)));
  if (!is_other) return;
  watcher_->set_claimant(backends::Claimant{cluster_id, config_.cluster, agent_name_});
  pools_.clear();
  if (Status opened = open_pools(); !opened) {
    log_line(LogLevel::error, opened.error().message + ": the agent cannot go on");
    stop(Ending::failed);
  }
}

}  // namespace ringfence::agent::daemon
