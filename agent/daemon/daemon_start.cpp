// Opens everything, in the order in which one thing needs another, or says what failed and what to
// do about it.
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "agent/backends/claim.hpp"
#include "agent/config/values.hpp"
#include "agent/daemon/daemon.hpp"
#include "agent/daemon/log.hpp"
#include "agent/daemon/service_manager.hpp"
#include "agent/daemon/version.hpp"

namespace ringfence::agent::daemon {
namespace {

// A thread of a port that has answered none of these askings in a row stands still: 5 s, as long as
// systemd waits for this loop. Counted in this loop's own turns, not by the clock: a process or a
// machine that stood still as a whole comes back with one.
constexpr std::uint64_t port_asking_interval_ms = 500;
constexpr std::uint32_t port_askings_max = 10;

Error with_hint(Error error, const char* flag) {
  const bool is_forbidden =
      error.os_errno == EACCES || error.os_errno == EPERM || error.os_errno == EROFS;
  if (is_forbidden) {
    error.message += fmt::format(
        ": this user may not write there; run as root, or name another place with {}", flag);
  }
  return error;
}

std::string name_of_agent(const config::Config& config) {
  char host[256] = {};
  if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0') return "localhost";
  return config.instance.empty() ? host : std::string(host) + "-" + config.instance;
}

// Each client and each backend of the port is a descriptor.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    log_line(LogLevel::warning, os_error("raise the limit of open files").message);
  }
}

}  // namespace

Daemon::Daemon(config::Config config, Overrides overrides)
    : config_(std::move(config)),
      overrides_(std::move(overrides)),
      agent_name_(name_of_agent(config_)),
      shim_files_(config_.segment_dir),
      started_(now()) {
  uv_loop_init(&loop_);
  inbox_ = std::make_unique<Inbox>(&loop_);
  clock_guard_ = std::make_unique<ClockGuard>(config_.lease.length);
  uv_timer_init(&loop_, &core_timer_);
  uv_timer_init(&loop_, &watchdog_timer_);
  uv_timer_init(&loop_, &port_watch_timer_);
  uv_timer_init(&loop_, &sweep_timer_);
  uv_timer_init(&loop_, &marker_timer_);
  uv_timer_init(&loop_, &end_timer_);
  core_timer_.data = watchdog_timer_.data = port_watch_timer_.data = sweep_timer_.data = this;
  marker_timer_.data = end_timer_.data = this;
  for (uv_signal_t& handle : signals_) {
    uv_signal_init(&loop_, &handle);
    handle.data = this;
  }
}

Daemon::~Daemon() {
  // Also after a start that failed half way: whatever was opened is closed and runs out.
  close_everything();
  uv_run(&loop_, UV_RUN_DEFAULT);
  uv_loop_close(&loop_);
}

Result<Ending> Daemon::run() {
  if (Status started = start(); !started) return started.error();
  uv_run(&loop_, UV_RUN_DEFAULT);
  return ending_.value_or(Ending::asked);
}

Status Daemon::start() {
  signal(SIGPIPE, SIG_IGN);  // a broken connection is an error of its own write
  raise_descriptor_limit();
  if (Status status = open_state(); !status) return status;
  if (Status status = open_pools(); !status) return status;
  if (Status status = make_node(); !status) return status;
  start_watcher();
  start_discovery();
  if (Status status = open_control(); !status) return status;
  if (Status status = place_in_fleet(); !status) return status;
  // After what the log holds: its entries come before what this host wishes for.
  inbox_->post([this] {
    if (!is_loaded_ && !ending_) load_configuration(false);
  });
  if (Status status = start_mesh(); !status) return status;
  start_signals();
  start_watchdog();
  start_port_watch();
  start_sweeps();
  config_watch_ = std::make_unique<ConfigWatch>(&loop_, config_.path, [this] { reload(false); });
  if (!config_watch_->trouble().empty()) {
    log_line(LogLevel::warning, config_watch_->trouble() + ": a changed file needs SIGHUP");
  }
  return Done{};
}

Status Daemon::open_state() {
  Result<engine::StateDir> state = engine::StateDir::open(config_.state_dir, opened_);
  if (!state) return with_hint(state.error(), "--state-dir");
  state_.emplace(std::move(state).value());
  marker_ = opened_.marker;
  const bool is_alone = !marker_.has_fleet && config_.mesh.seeds.empty();
  if (is_alone) {
    marker_.has_fleet = marker_.is_voter = marker_.is_founder = true;
    if (Status stored = state_->store(marker_); !stored) return stored;
  }
  const std::string who =
      fmt::format("ringfenced {} (pid {}): cluster {}, id {}, agent {}", version, getpid(),
                  config_.cluster, backends::to_hex(marker_.cluster_id), agent_name_);
  switch (opened_.found) {
    case engine::StateFound::none:
      log_line(LogLevel::info, who + ": first start in " + config_.state_dir);
      break;
    case engine::StateFound::continued:
      log_line(LogLevel::info, fmt::format("{}: continues epoch {} of {}", who,
                                           marker_.epoch_max.value, config_.state_dir));
      break;
    case engine::StateFound::lost:
      log_line(LogLevel::error,
               fmt::format("{}: state lost: {}; {}", who, opened_.why,
                           config_.mesh.seeds.empty()
                               ? "a new cluster id was made and every backend is flushed"
                               : "a new identity was made, and joins the fleet of the seeds"));
      break;
  }
  return Done{};
}

Status Daemon::open_pools() {
  for (const config::PoolConfig& pool : config_.pools) {
    auto host = open_pool(config_, pool);
    if (!host) return with_hint(host.error(), "--segment-dir");
    pools_.emplace(pool.name, std::move(host).value());
  }
  return Done{};
}

// Shims that cannot hint cost milliseconds after a death: no reason not to serve.
Result<std::unique_ptr<PoolHost>> Daemon::open_pool(const config::Config& config,
                                                    const config::PoolConfig& pool) {
  auto host = PoolHost::open(config, pool, marker_.cluster_id, *this);
  if (!host) return host;
  host.value()->store_agent(marker_.incarnation, marker_.term_max);
  const Status listening =
      host.value()->listen_for_hints(&loop_, [this, name = pool.name](const std::string& address) {
        if (watcher_) watcher_->hint(name, address);
      });
  if (!listening) {
    log_line(LogLevel::warning, fmt::format("pool {}: hints of shims are not heard: {}", pool.name,
                                            listening.error().message));
  }
  if (const Status made = host.value()->make_connection_places(); !made) {
    log_line(LogLevel::warning,
             fmt::format("pool {}: preloaded processes do not count their connections together: {}",
                         pool.name, made.error().message));
  }
  return host;
}

// Readers of an earlier life keep what they know for a lease at most. Who took over its segment
// has its fences, a retired one has no lease, and a first start has no earlier life. A segment that
// was made and never published says nothing about the one that it came after.
core::Instant Daemon::earlier_leases_end() const {
  for (const auto& [name, host] : pools_) {
    const shm_layout::SegmentWriter& writer = host->writer();
    const bool is_first = writer.opened_as() == shm_layout::OpenedAs::created &&
                          opened_.found == engine::StateFound::none;
    // Acquire; pairs with the release in SegmentWriter::end_publish of the earlier life.
    const bool is_continued = writer.opened_as() == shm_layout::OpenedAs::taken_over &&
                              writer.segment().control.epoch.load(std::memory_order_acquire) != 0;
    const bool is_replaced =
        writer.opened_as() == shm_layout::OpenedAs::replaced && writer.is_old_retired();
    if (!is_first && !is_continued && !is_replaced) return now() + config_.lease.length;
  }
  return core::Instant{};
}

Status Daemon::make_node() {
  core::NodeSettings settings;
  if (has_mesh()) {
    const Result<std::string> address = mesh::advertised_address(config_);
    if (!address) return address.error();
    settings.address = address.value();
  }
  settings.seeds = config_.mesh.seeds;
  settings.zone = config_.mesh.zone;
  settings.is_witness = config_.mesh.role == "witness";
  settings.has_fleet = marker_.has_fleet;
  settings.is_voter = marker_.is_voter;
  settings.promised = marker_.promised;
  settings.term = std::max(marker_.term_followed, marker_.term_max);
  settings.forget_after = config_.mesh.forget_after;
  settings.cluster_id = marker_.cluster_id;
  settings.id = marker_.agent_id;
  settings.name = agent_name_;
  settings.incarnation = marker_.incarnation;
  settings.lease = config_.lease.length;
  settings.lease_margin = config_.lease.margin;
  settings.earlier_leases_end = earlier_leases_end();
  settings.was_state_lost = marker_.was_state_lost;
  for (const auto& [name, host] : pools_) {
    if (host->writer().opened_as() != shm_layout::OpenedAs::taken_over) continue;
    // Acquire; pairs with the release in SegmentWriter::end_publish of the earlier life.
    const core::Epoch epoch{host->writer().segment().control.epoch.load(std::memory_order_acquire)};
    settings.published_epoch = std::max(settings.published_epoch, epoch);
  }
  node_ = std::make_unique<core::Node>(settings);
  return Done{};
}

void Daemon::start_watcher() {
  watcher_ = std::make_unique<backends::Watcher>(
      &loop_, backends::Claimant{marker_.cluster_id, config_.cluster, agent_name_},
      [this](const core::Event& event) { feed(event); });
  configure_watcher();
}

void Daemon::start_discovery() {
  discovery::Surroundings around;
  around.loop = &loop_;
  around.memory_path = config_.state_dir + "/sources";
  around.is_shared = !config_.mesh.listen.empty() && !config::is_loopback(config_.mesh.listen);
  around.now = [this] { return now(); };
  around.log = [](core::LogLevel level, const std::string& text) { log_line(level, text); };
  around.changed = [this] {
    if (is_loaded_ && !ending_) load_configuration(false);
  };
  discovery_ = std::make_unique<discovery::Discovery>(std::move(around));
  discovery_->configure(config_.pools);
}

Status Daemon::open_control() {
  const std::filesystem::path directory =
      std::filesystem::path(config_.control.listen).parent_path();
  std::error_code failure;
  if (!directory.empty()) std::filesystem::create_directories(directory, failure);
  if (failure) {
    return with_hint(os_error("create " + directory.string(), failure.value()), "--control");
  }
  auto server =
      control::ControlServer::start(&loop_, config_.control.listen,
                                    [this](const control::Peer& peer, const std::string& request,
                                           const control::ControlServer::Reply& reply) {
                                      control::handle_command(*this, peer, request, reply);
                                    });
  if (!server) return server.error();
  control_ = std::move(server).value();
  return Done{};
}

// A first start without seeds makes a fleet of this agent alone; with seeds, the core forms or
// joins one. An engine that ran goes on.
Status Daemon::place_in_fleet() {
  if (!marker_.is_voter) return Done{};
  std::vector<core::Voter> bootstrap;
  if (marker_.is_founder) bootstrap.push_back({marker_.agent_id, agent_name_});
  return start_engine(bootstrap);
}

void Daemon::start_signals() {
  constexpr int numbers[] = {SIGHUP, SIGTERM, SIGINT};
  for (std::size_t i = 0; i < std::size(numbers); ++i) {
    uv_signal_start(
        &signals_[i],
        [](uv_signal_t* handle, int number) {
          static_cast<Daemon*>(handle->data)->on_signal(number);
        },
        numbers[i]);
  }
}

// Twice as often as systemd asks: one that comes late is no reason to kill the agent.
void Daemon::start_watchdog() {
  const std::uint64_t interval_ms = watchdog_interval_us() / 2000;
  if (interval_ms == 0) return;
  uv_timer_start(
      &watchdog_timer_, [](uv_timer_t*) { notify_service_manager("WATCHDOG=1"); }, 0, interval_ms);
}

void Daemon::start_port_watch() {
  uv_timer_start(
      &port_watch_timer_,
      [](uv_timer_t* timer) { static_cast<Daemon*>(timer->data)->watch_ports(); },
      port_asking_interval_ms, port_asking_interval_ms);
}

// This loop would go on renewing the lease for a port whose clients wait for ever.
void Daemon::watch_ports() {
  for (const auto& [name, host] : pools_) {
    if (host->port().ask_for_life() < port_askings_max) continue;
    log_line(
        LogLevel::error,
        fmt::format("pool {}: a thread of its port has stood still for {} s: this process ends "
                    "itself, for its service manager to start it again; the segment keeps "
                    "its place, clients of the port have to connect anew",
                    name, port_asking_interval_ms * port_askings_max / 1000));
    std::abort();
  }
}

// Processes that were killed leave their counters behind.
void Daemon::start_sweeps() {
  constexpr std::uint64_t interval_ms = 60'000;  // what lies there meanwhile is 8 KiB a process
  if (Status made = shim_files_.make_directory(); !made) {
    log_line(LogLevel::warning, made.error().message + ": `ringfencectl shims` shows no process");
  }
  uv_timer_start(
      &sweep_timer_,
      [](uv_timer_t* timer) { static_cast<Daemon*>(timer->data)->shim_files_.sweep(); }, 0,
      interval_ms);
}

}  // namespace ringfence::agent::daemon
