// A changed configuration: applied without losing a request, or refused with its reason while the
// old one goes on.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/daemon/daemon.hpp"
#include "agent/daemon/log.hpp"

namespace ringfence::agent::daemon {
namespace {

// What a reload cannot change stays as it runs, whatever the file says.
void keep_what_needs_restart(const config::Config& running, config::Config& loaded) {
  loaded.cluster = running.cluster;
  loaded.instance = running.instance;
  loaded.state_dir = running.state_dir;
  loaded.segment_dir = running.segment_dir;
  loaded.segment_group = running.segment_group;
  loaded.mesh = running.mesh;
  loaded.control = running.control;
  loaded.lease = running.lease;
  loaded.io_threads = running.io_threads;
}

}  // namespace

// `is_asked`: by SIGHUP, so an answer in the log is due even when nothing changed.
void Daemon::reload(bool is_asked) {
  if (ending_) return;
  if (config_.path.empty()) {
    return log_line(LogLevel::warning, "reload: the agent runs without a configuration file");
  }
  Result<config::Config> read = config::load_config(config_.path);
  if (!read) {
    return log_line(LogLevel::error,
                    "reload: the running configuration stays: " + read.error().message);
  }
  config::Config loaded = std::move(read).value();
  overrides_(loaded);
  if (config::show_config(loaded) == config::show_config(config_)) {
    if (is_asked) log_line(LogLevel::info, "reload: nothing changed in " + config_.path);
    return;
  }
  for (const std::string& sentence : config::needs_restart(config_, loaded)) {
    log_line(LogLevel::warning, "reload: needs a restart: " + sentence);
  }
  keep_what_needs_restart(config_, loaded);
  start_log(loaded.log.level);
  apply_pools(loaded);
  config_ = std::move(loaded);
  configure_watcher();
  discovery_->configure(config_.pools);
  load_configuration(true);
  log_line(LogLevel::info, "reload: applied " + config_.path);
}

// Opens what is new and tells running ports. A pool that cannot be applied keeps its old settings;
// one that cannot be opened is left out. Pools that are gone stay until the view is without them.
void Daemon::apply_pools(config::Config& loaded) {
  std::vector<config::PoolConfig> applied;
  for (config::PoolConfig& pool : loaded.pools) {
    const auto running = pools_.find(pool.name);
    if (running != pools_.end()) {
      const Status status = running->second->apply(loaded, pool);
      if (!status) {
        log_line(LogLevel::error, "reload: kept as it was: " + status.error().message);
        pool = running->second->config();
      }
      applied.push_back(std::move(pool));
      continue;
    }
    if (draining_.count(pool.name) != 0) {
      log_line(LogLevel::info, "reload: pool " + pool.name + " opens once its old port is drained");
      applied.push_back(std::move(pool));
      continue;
    }
    auto host = open_pool(loaded, pool);
    if (!host) {
      log_line(LogLevel::error, "reload: left out: " + host.error().message);
      continue;
    }
    pools_.emplace(pool.name, std::move(host).value());
    applied.push_back(std::move(pool));
  }
  loaded.pools = std::move(applied);
}

void Daemon::load_configuration(bool is_reload) {
  is_loaded_ = true;
  core::ConfigurationLoaded event;
  event.is_reload = is_reload;
  for (const config::PoolConfig& pool : config_.pools) {
    event.pools.push_back(discovery_->wanted(pool));
  }
  step(event);
}

void Daemon::configure_watcher() {
  for (const config::PoolConfig& pool : config_.pools) {
    watcher_->configure(pool.name, backends::WatchSettings{pool.probe_interval, pool.probe_timeout,
                                                           pool.connect_timeout});
  }
}

}  // namespace ringfence::agent::daemon
