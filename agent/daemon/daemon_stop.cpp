// The end of a life: in good order, at once, or to begin again after a lost state.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "agent/daemon/daemon.hpp"
#include "agent/daemon/log.hpp"
#include "agent/daemon/service_manager.hpp"

namespace ringfence::agent::daemon {
namespace {

// How long open requests may take to finish after SIGTERM: five times a request's own limit, and
// well below systemd's 90 s before SIGKILL.
constexpr core::Duration drain_limit = core::operator""_s(5);

// A peer's kernel throws away what it was sent when the connection is reset, as it is when this end
// closes with bytes unread: the last word gets this long to be read. A round trip between two
// continents.
constexpr std::uint64_t last_word_ms = 200;

struct DrainJob {
  uv_work_t work{};
  port::Port* port = nullptr;
  std::function<void()> then;
};

void close_handle(uv_handle_t* handle) {
  if (uv_is_closing(handle) == 0) uv_close(handle, nullptr);
}

}  // namespace

void Daemon::on_signal(int number) {
  if (number == SIGHUP) return reload(true);
  if (!ending_) {
    log_line(LogLevel::info, "stopping: open requests finish, then the segments are closed");
    return stop(Ending::asked);
  }
  log_line(LogLevel::warning, "stopping at once: a second signal came");
  for (const auto& [name, host] : pools_) host->close_segment();
  _exit(1);
}

void Daemon::stop(Ending ending) {
  if (ending_) return;
  notify_service_manager("STOPPING=1");
  if (ending != Ending::asked) {
    ending_ = ending;
    // No lease outlives the knowledge that it rests on.
    for (const auto& [name, host] : pools_) host->set_deadline(core::Instant{});
    // From the loop, not from inside a step.
    inbox_->post([this] { close_everything(); });
    return;
  }
  feed(core::ShutdownAsked{});
  ending_ = ending;
  // Off the loop, which goes on renewing the lease for what is still open.
  draining_count_ = pools_.size();
  if (draining_count_ == 0) {
    is_drained_ = true;
    return end_if_possible();
  }
  for (const auto& [name, host] : pools_) drain(*host, [this] { on_drained(); });
}

void Daemon::drain(PoolHost& host, std::function<void()> then) {
  host.port().begin_drain(drain_limit);
  auto* job = new DrainJob{{}, &host.port(), std::move(then)};
  job->work.data = job;
  uv_queue_work(
      &loop_, &job->work,
      [](uv_work_t* work) { static_cast<DrainJob*>(work->data)->port->wait_drained(); },
      [](uv_work_t* work, int) {
        const std::unique_ptr<DrainJob> done(static_cast<DrainJob*>(work->data));
        done->then();
      });
}

void Daemon::on_drained() {
  if (--draining_count_ != 0) return;
  is_drained_ = true;
  end_if_possible();
}

// Nobody routes on this host any more once the segments say that they are closed: the fleet is told
// so, and waits for no lease.
void Daemon::end_if_possible() {
  if (!is_drained_ || !may_stop_ || are_segments_closed_ || is_closed_) return;
  are_segments_closed_ = true;
  for (const auto& [name, host] : pools_) {
    host->set_deadline(core::Instant{});  // the next life opens it without a lease
    host->close_segment();
  }
  feed(core::SegmentsClosed{});
  uv_timer_start(
      &end_timer_, [](uv_timer_t* timer) { static_cast<Daemon*>(timer->data)->close_everything(); },
      mesh_ ? last_word_ms : 0, 0);
}

// A pool that left the view: its clients finish, then its segment says that it is closed.
void Daemon::retire(const std::string& pool) {
  const auto found = pools_.find(pool);
  if (found == pools_.end() || ending_) return;
  std::shared_ptr<PoolHost> host = std::move(found->second);
  pools_.erase(found);
  log_line(LogLevel::info, "pool " + pool + " left the view: its port is drained and closed");
  draining_.insert(pool);
  drain(*host, [this, pool, host]() mutable {
    host->close_segment();
    host.reset();  // frees the segment's lock
    draining_.erase(pool);
    open_again(pool);
  });
}

// The configuration may have taken the pool back while its port was drained.
void Daemon::open_again(const std::string& pool) {
  const auto wanted = std::find_if(config_.pools.begin(), config_.pools.end(),
                                   [&](const config::PoolConfig& one) { return one.name == pool; });
  if (ending_ || wanted == config_.pools.end()) return;
  auto opened = open_pool(config_, *wanted);
  if (!opened) {
    log_line(LogLevel::error, "left out: " + opened.error().message);
    config_.pools.erase(wanted);
    return load_configuration(false);
  }
  PoolHost& host = *(pools_[pool] = std::move(opened).value());
  log_line(LogLevel::info, "pool " + pool + " is open again");
  const core::Pool* in_view = published_.view ? published_.view->find(pool) : nullptr;
  if (in_view != nullptr) publish_pool(host, *in_view);
}

// So that the next life makes a new state; what was there is kept for people.
void Daemon::set_state_aside() {
  if (Status done = state_->set_aside(why_state_is_lost_, opened_); !done) {
    log_line(LogLevel::error, done.error().message + ": the agent cannot go on");
    ending_ = Ending::failed;
  }
}

void Daemon::close_everything() {
  if (is_closed_) return;
  is_closed_ = true;
  for (const auto& [name, host] : pools_) host->close_segment();
  pools_.clear();
  if (engine_) engine_->stop();
  const bool begins_anew = ending_ == Ending::state_lost || ending_ == Ending::gives_up;
  if (begins_anew) set_state_aside();
  if (mesh_) mesh_->close([] {});
  if (inbox_) inbox_->close();
  if (watcher_) watcher_->close([] {});
  if (control_) control_->close([] {});
  if (config_watch_) config_watch_->close();
  if (discovery_) discovery_->close();
  close_handle(reinterpret_cast<uv_handle_t*>(&core_timer_));
  close_handle(reinterpret_cast<uv_handle_t*>(&watchdog_timer_));
  close_handle(reinterpret_cast<uv_handle_t*>(&port_watch_timer_));
  close_handle(reinterpret_cast<uv_handle_t*>(&sweep_timer_));
  close_handle(reinterpret_cast<uv_handle_t*>(&marker_timer_));
  close_handle(reinterpret_cast<uv_handle_t*>(&end_timer_));
  for (uv_signal_t& handle : signals_) close_handle(reinterpret_cast<uv_handle_t*>(&handle));
}

}  // namespace ringfence::agent::daemon
