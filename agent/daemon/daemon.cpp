// Events in, effects out.
#include "agent/daemon/daemon.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "agent/daemon/log.hpp"
#include "agent/daemon/service_manager.hpp"
#include "shm_layout/clock.hpp"

namespace ringfence::agent::daemon {
namespace {

using shm_layout::ns_per_ms;

template <typename... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <typename... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace

core::Instant Daemon::now() const {
  return core::Instant{shm_layout::boottime_ns()};
}

std::int64_t Daemon::unix_ms() const {
  return shm_layout::read_clock_ns(CLOCK_REALTIME) / ns_per_ms;
}

void Daemon::feed(const core::Event& event) {
  if (is_ending_at_once() || is_closed_) return;
  const auto jump = clock_guard_->check(now(), shm_layout::read_clock_ns(CLOCK_MONOTONIC));
  if (jump) step(core::ClockJumped{*jump});
  before_step(event);
  if (is_ending_at_once()) return;
  step(event);
  for (const auto& [name, host] : pools_) host->beat();
}

// What must be on disk, or in the core, before the core hears of the event.
void Daemon::before_step(const core::Event& event) {
  if (const auto* entry = std::get_if<core::EntryApplied>(&event)) {
    remember(entry->term, marker_.epoch_max);
  } else if (const auto* leadership = std::get_if<core::LeadershipChanged>(&event)) {
    remember(leadership->term, marker_.epoch_max);
    // The engine tells of leadership once everything of earlier terms has been applied: the log's
    // entries come before what this host wishes for.
    if (leadership->is_leader && !is_replayed_) check_replayed_state();
    if (!ending_ && !is_loaded_) load_configuration(false);
  } else if (const auto* answered = std::get_if<core::BackendAnswered>(&event)) {
    const auto host = pools_.find(answered->pool);
    if (host == pools_.end()) return;
    host->second->refresh_address(answered->address, [&](const std::string& address) {
      return watcher_->segment_address(answered->pool, address);
    });
    host->second->port().set_version(answered->version);
  }
}

void Daemon::step(const core::Event& event) {
  core::Effects effects = node_->step(now(), unix_ms(), event);
  for (core::Effect& effect : effects) {
    if (is_ending_at_once()) return;
    perform(effect);
  }
}

void Daemon::perform(core::Effect& effect) {
  std::visit(Overloaded{
                 [&](core::Commit& order) {
                   if (engine_) engine_->commit(order.id, std::move(order.bytes));
                 },
                 [&](const core::ConfirmQuorum&) {
                   if (engine_) engine_->confirm_quorum(now());
                 },
                 [&](const core::SetVoters& order) {
                   if (engine_) engine_->set_voters(order.voters);
                 },
                 [&](const core::StartEngine& order) { vote(order); },
                 [&](const core::StopEngine&) { vote_no_more(); },
                 [&](const core::HandOver&) {
                   if (engine_) engine_->transfer_leadership();
                 },
                 [&](const core::AdoptFleet& order) { adopt_fleet(order); },
                 [&](const core::PromiseFleet& order) {
                   marker_.promised = order.cluster_id;
                   store_marker();
                 },
                 [&](const core::RememberTerm& order) {
                   marker_.term_followed = std::max(marker_.term_followed, order.term);
                   store_marker();
                 },
                 [&](const core::GiveUpFleet& order) {
                   why_state_is_lost_ = order.why;
                   log_line(LogLevel::warning, "this agent begins again: " + order.why);
                   stop(Ending::gives_up);
                 },
                 [&](const core::FenceSlots& order) { fence(order); },
                 [&](const core::PublishView& order) { publish(order); },
                 [&](const core::SetDeadline& order) { set_deadline(order.until); },
                 [&](const core::StartWatching& order) { watcher_->start(order); },
                 [&](const core::StopWatching& order) { watcher_->stop(order); },
                 [&](const core::FlushBackend& order) { watcher_->flush(order); },
                 [&](const core::ClaimBackend& order) { watcher_->claim(order); },
                 [&](const core::ProbeBackend& order) { watcher_->probe(order); },
                 [&](const core::SendMessage& order) {
                   if (mesh_) (void)mesh_->send(order.to, mesh::Channel::core, order.bytes);
                 },
                 [&](const core::DialPeers& order) {
                   if (mesh_) mesh_->dial(order.addresses);
                 },
                 [&](const core::AgreeTold& order) { answer_agree(order); },
                 [&](const core::MayStop&) {
                   may_stop_ = true;
                   end_if_possible();
                 },
                 [&](const core::Answer& order) { answer(order); },
                 [&](const core::WriteLog& order) { log_line(order.level, order.text); },
                 [&](const core::SetTimer& order) { set_timer(order.at); },
             },
             effect);
}

void Daemon::fence(const core::FenceSlots& order) {
  const auto host = pools_.find(order.pool);
  if (host != pools_.end()) return host->second->fence(order.slots);
  if (draining_.count(order.pool) != 0) published_.still_fenced.push_back(order);
}

void Daemon::publish(const core::PublishView& order) {
  remember_epoch(*order.view);
  if (is_ending_at_once() || are_segments_closed_) return;  // or it would be open again
  published_ = order;
  std::vector<std::string> left;
  for (const auto& [name, host] : pools_) {
    const core::Pool* pool = order.view->find(name);
    if (pool == nullptr) {
      if (host->is_published()) {
        left.push_back(name);
      } else {
        host->fence_all();
      }
      continue;
    }
    publish_pool(*host, *pool);
  }
  for (const std::string& name : left) retire(name);
  tell_ready();
}

void Daemon::publish_pool(PoolHost& host, const core::Pool& pool) {
  std::vector<std::uint32_t> still_fenced;
  for (const core::FenceSlots& fenced : published_.still_fenced) {
    if (fenced.pool != pool.name) continue;
    still_fenced.insert(still_fenced.end(), fenced.slots.begin(), fenced.slots.end());
  }
  const bool is_first = !host.is_published();
  host.publish(pool, published_, still_fenced, [&](const std::string& address) {
    return watcher_->segment_address(pool.name, address);
  });
  // Without a lease of this life, that of the earlier one goes on: its fences were taken over.
  if (is_first && lease_until_.ns != 0) host.set_deadline(lease_until_);
  host.port().view_changed();
}

void Daemon::set_deadline(core::Instant until) {
  if (are_segments_closed_) return;
  lease_until_ = until;
  for (const auto& [name, host] : pools_) {
    host->set_deadline(until);
    host->port().view_changed();
  }
  tell_ready();
}

void Daemon::set_timer(core::Instant at) {
  clock_guard_->expect_by(at);
  uv_update_time(&loop_);
  const std::int64_t delay_ns = std::max<std::int64_t>(0, (at - now()).ns);
  const auto delay_ms = static_cast<std::uint64_t>((delay_ns + ns_per_ms - 1) / ns_per_ms);
  uv_timer_start(
      &core_timer_,
      [](uv_timer_t* timer) { static_cast<Daemon*>(timer->data)->feed(core::TimerFired{}); },
      delay_ms, 0);
}

core::RequestId Daemon::expect_answer(Finished done) {
  const std::uint64_t id = next_request_++;
  answers_.emplace(id, std::move(done));
  return core::RequestId{id};
}

void Daemon::answer(const core::Answer& effect) {
  const auto waiting = answers_.find(effect.id.value);
  if (waiting == answers_.end()) return;
  const Finished done = std::move(waiting->second);
  answers_.erase(waiting);
  done(effect.is_ok, effect.text);
}

bool Daemon::is_ending_at_once() const {
  return ending_.has_value() && *ending_ != Ending::asked;
}

// Durable before anything is acknowledged in a newer term or epoch, so that a log that lost entries
// is noticed after the next start.
void Daemon::remember(core::Term term, core::Epoch epoch) {
  if (term <= marker_.term_max && epoch <= marker_.epoch_max) return;
  const bool is_new_term = term > marker_.term_max;
  marker_.term_max = std::max(term, marker_.term_max);
  marker_.epoch_max = std::max(epoch, marker_.epoch_max);
  store_marker();
  if (!is_new_term || is_ending_at_once()) return;
  for (const auto& [name, host] : pools_) host->store_agent(marker_.incarnation, marker_.term_max);
}

// Who is alone keeps the only copy of what it published, so a log that lost its end must be noticed
// by the marker. Where a quorum holds the log, a second's delay saves a wait for the disk in every
// change.
void Daemon::remember_epoch(const core::View& view) {
  if (view.agents.size() <= 1) return remember(marker_.term_max, view.epoch);
  if (view.epoch <= marker_.epoch_max) return;
  marker_.epoch_max = view.epoch;
  if (uv_is_active(reinterpret_cast<uv_handle_t*>(&marker_timer_)) != 0) return;
  constexpr std::uint64_t delay_ms = 1000;
  uv_timer_start(
      &marker_timer_, [](uv_timer_t* timer) { static_cast<Daemon*>(timer->data)->store_marker(); },
      delay_ms, 0);
}

void Daemon::store_marker() {
  if (Status stored = state_->store(marker_); !stored) {
    log_line(LogLevel::error, stored.error().message + ": the agent cannot go on without it");
    stop(Ending::failed);
  }
}

// Once the whole log has been applied, it must hold the highest epoch that this agent ever
// published; if not, acknowledged entries are gone and so is the knowledge of who owned what.
void Daemon::check_replayed_state() {
  is_replayed_ = true;
  const core::Epoch epoch = node_->view() ? node_->view()->epoch : core::Epoch{};
  if (epoch >= marker_.epoch_max) return;
  lose_state(fmt::format("this agent has published epoch {}, but its log ends at epoch {}",
                         marker_.epoch_max.value, epoch.value));
}

void Daemon::lose_state(const std::string& why) {
  log_line(LogLevel::error,
           "state lost: " + why + "; a new cluster id is made and every backend is flushed");
  why_state_is_lost_ = why;
  stop(Ending::state_lost);
}

void Daemon::tell_ready() {
  if (is_ready_told_ || ending_) return;
  const bool is_published = std::all_of(
      pools_.begin(), pools_.end(), [](const auto& entry) { return entry.second->is_published(); });
  const bool has_backends =
      std::any_of(config_.pools.begin(), config_.pools.end(), [](const config::PoolConfig& pool) {
        return !pool.backends.empty() || !pool.discovery.announce.empty();
      });
  if (!is_published || (has_backends && lease_until_ <= now())) return;
  is_ready_told_ = true;
  notify_service_manager("READY=1");
  log_line(LogLevel::info,
           fmt::format("ready: epoch {}, {} pool(s)", marker_.epoch_max.value, pools_.size()));
}

void Daemon::on_flush_all(core::RequestId id, const std::string& pool) {
  inbox_->post([this, id, pool] {
    const core::RequestId own =
        expect_answer([this, id, pool](bool is_ok, const std::string& text) {
          const auto host = pools_.find(pool);
          if (host != pools_.end()) host->second->port().answer_flush_all(id, is_ok, text);
        });
    feed(core::FlushAllAsked{own, pool, "a client of the local port"});
  });
}

void Daemon::on_backend_trouble(const std::string& pool, const std::string& address) {
  inbox_->post([this, pool, address] { watcher_->hint(pool, address); });
}

}  // namespace ringfence::agent::daemon
