// The shell around the core: it turns I/O into events, performs the core's effects in order, and
// holds no decisions. It owns the loop, the state, the engine, the watcher, the pools of this host
// and the control socket.
//
// Everything here runs on one thread, but for the drain of a port (libuv's pool), the engine's
// callbacks and the ports' (both through the inbox).
//
//   daemon_start.cpp   open everything, or say why not
//   daemon.cpp         events in, effects out
//   daemon_fleet.cpp   the mesh, the engine's comings and goings, the place in the fleet
//   daemon_reload.cpp  a changed configuration
//   daemon_stop.cpp    drain, close, or begin a new life after a lost state
//   daemon_facts.cpp   what the control socket asks for
#pragma once

#include <uv.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/backends/watcher.hpp"
#include "agent/config/config.hpp"
#include "agent/control/commands.hpp"
#include "agent/core/node.hpp"
#include "agent/daemon/clock_guard.hpp"
#include "agent/daemon/config_watch.hpp"
#include "agent/daemon/engine_link.hpp"
#include "agent/daemon/inbox.hpp"
#include "agent/daemon/pool_host.hpp"
#include "agent/discovery/discovery.hpp"
#include "agent/engine/state_dir.hpp"
#include "agent/mesh/mesh.hpp"
#include "agent/shims/shim_files.hpp"

namespace ringfence::agent::daemon {

// What the command line says over the file; applied at the start and after each reload.
using Overrides = std::function<void(config::Config&)>;

enum class Ending : std::uint8_t {
  asked,       // SIGTERM, SIGINT
  failed,      // it cannot go on; the log says why
  state_lost,  // the engine's log lacks what was acknowledged: begin again under a new identity
  gives_up,    // alone in its fleet, and a larger one lives: begin again, and join that
};

class Daemon final : private control::CommandSource,
                     private port::PortEvents,
                     private mesh::MeshEvents {
 public:
  Daemon(config::Config config, Overrides overrides);
  ~Daemon() override;
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Runs until the end. An error tells why it did not start.
  [[nodiscard]] Result<Ending> run();

 private:
  // daemon_start.cpp
  [[nodiscard]] Status start();
  [[nodiscard]] Status open_state();
  [[nodiscard]] Status open_pools();
  [[nodiscard]] Result<std::unique_ptr<PoolHost>> open_pool(const config::Config& config,
                                                            const config::PoolConfig& pool);
  [[nodiscard]] Status open_control();
  [[nodiscard]] Status place_in_fleet();
  [[nodiscard]] Status make_node();
  void start_watcher();
  void start_discovery();
  void start_signals();
  void start_watchdog();
  void start_port_watch();
  void watch_ports();
  void start_sweeps();
  [[nodiscard]] core::Instant earlier_leases_end() const;

  // daemon.cpp
  void feed(const core::Event& event);
  void step(const core::Event& event);
  void before_step(const core::Event& event);
  void perform(core::Effect& effect);
  void publish(const core::PublishView& order);
  void publish_pool(PoolHost& host, const core::Pool& pool);
  void fence(const core::FenceSlots& order);
  void set_deadline(core::Instant until);
  void set_timer(core::Instant at);
  void answer(const core::Answer& effect);
  void remember(core::Term term, core::Epoch epoch);
  void remember_epoch(const core::View& view);
  void store_marker();
  [[nodiscard]] bool is_ending_at_once() const;
  void answer_agree(const core::AgreeTold& told);
  void check_replayed_state();
  void lose_state(const std::string& why);
  void tell_ready();
  [[nodiscard]] core::RequestId expect_answer(Finished done);

  // daemon_fleet.cpp
  [[nodiscard]] Status start_mesh();
  [[nodiscard]] Status start_engine(const std::vector<core::Voter>& bootstrap);
  void vote(const core::StartEngine& order);
  void vote_no_more();
  void adopt_fleet(const core::AdoptFleet& order);
  [[nodiscard]] bool has_mesh() const;
  void on_peer_up(const mesh::PeerHello& hello,
                  const std::vector<std::string>& dialled_as) override;
  void on_peer_down(core::AgentId id, const std::string& why) override;
  void on_peer_addresses(core::AgentId id, const std::vector<std::string>& dialled_as) override;
  void on_message(core::AgentId from, mesh::Channel channel, std::string bytes) override;
  void on_self_dialled(const std::string& address) override;

  // daemon_reload.cpp
  void reload(bool is_asked);
  void apply_pools(config::Config& loaded);
  void load_configuration(bool is_reload);
  void configure_watcher();

  // daemon_stop.cpp
  void on_signal(int number);
  void stop(Ending ending);
  void retire(const std::string& pool);
  void open_again(const std::string& pool);
  void drain(PoolHost& host, std::function<void()> then);
  void on_drained();
  void end_if_possible();
  void set_state_aside();
  void close_everything();

  // port::PortEvents, on I/O threads
  void on_flush_all(core::RequestId id, const std::string& pool) override;
  void on_backend_trouble(const std::string& pool, const std::string& address) override;

  // control::CommandSource
  [[nodiscard]] control::AgentFacts agent_facts() const override;
  [[nodiscard]] core::NodeReport report() const override;
  [[nodiscard]] std::vector<control::PoolFacts> pool_facts() const override;
  [[nodiscard]] backends::WatchCounters watched(const std::string& pool,
                                                const std::string& address) const override;
  [[nodiscard]] shm_layout::SlotWord slot_word(const std::string& pool,
                                               std::uint32_t slot) const override;
  [[nodiscard]] shims::ShimListing shims() const override;
  [[nodiscard]] core::Instant now() const override;
  [[nodiscard]] std::int64_t unix_ms() const override;
  [[nodiscard]] std::vector<mesh::PeerReport> connections() const override;
  void agree(std::function<void(const core::AgreeTold&)> done) override;
  void bootstrap(Finished done) override;
  void add_backend(const std::string& pool, const core::WantedBackend& backend,
                   const std::string& who, Finished done) override;
  void remove_backend(const std::string& pool, const std::string& address, const std::string& who,
                      Finished done) override;
  void drain_backend(const std::string& pool, const std::string& address, const std::string& who,
                     Finished done) override;

  config::Config config_;
  Overrides overrides_;
  std::string agent_name_;
  shims::ShimFiles shim_files_;
  uv_loop_t loop_{};
  std::unique_ptr<Inbox> inbox_;
  std::optional<engine::StateDir> state_;
  engine::OpenedState opened_;
  engine::Marker marker_;
  std::unique_ptr<core::Node> node_;
  std::unique_ptr<ClockGuard> clock_guard_;
  std::vector<std::unique_ptr<EngineLink>> old_links_;  // the inbox may still name them
  std::unique_ptr<EngineLink> link_;
  std::unique_ptr<engine::Engine> engine_;  // after link_: it stops first
  std::unique_ptr<mesh::Mesh> mesh_;
  std::unique_ptr<backends::Watcher> watcher_;
  std::map<std::string, std::unique_ptr<PoolHost>> pools_;
  std::set<std::string> draining_;  // pools that left the view, until their port is closed
  core::PublishView published_;     // the last order, and what draining pools had to fence since
  std::unique_ptr<control::ControlServer> control_;
  std::unique_ptr<ConfigWatch> config_watch_;
  std::unique_ptr<discovery::Discovery> discovery_;
  uv_timer_t core_timer_{}, watchdog_timer_{}, port_watch_timer_{}, sweep_timer_{}, marker_timer_{},
      end_timer_{};
  uv_signal_t signals_[3] = {};

  std::map<std::uint64_t, Finished> answers_;  // by request id
  std::map<std::uint64_t, std::function<void(const core::AgreeTold&)>> agree_answers_;
  std::uint64_t next_request_ = 1;
  core::Instant started_, lease_until_;
  std::optional<Ending> ending_;  // set once the end has begun
  std::size_t draining_count_ = 0;
  std::string why_state_is_lost_;
  bool may_stop_ = false;  // another leads and votes
  bool is_drained_ = false;
  bool are_segments_closed_ = false;
  bool is_loaded_ = false;    // the core has the configuration
  bool is_replayed_ = false;  // everything of the log has been applied
  bool is_ready_told_ = false;
  bool is_closed_ = false;
};

}  // namespace ringfence::agent::daemon
