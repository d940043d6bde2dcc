#include "agent/backends/watcher.hpp"

#include <uv.h>

#include <algorithm>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "agent/backends/backend_watch.hpp"
#include "shm_layout/clock.hpp"

namespace ringfence::agent::backends {
namespace {

using shm_layout::ns_per_ms;

constexpr std::int64_t never_ns = std::numeric_limits<std::int64_t>::max();
// A tick that comes this late says that the process stood still, not that the backends did: well
// above libuv's 1 ms timers and a busy machine's scheduling, well below any probe timeout.
constexpr std::int64_t late_ns = 50 * ns_per_ms;

std::int64_t now_ns() {
  return static_cast<std::int64_t>(uv_hrtime());
}

}  // namespace

struct Watcher::Impl {
  using Key = std::pair<std::string, std::string>;  // pool, address

  WatchContext context;
  Sink sink;
  std::map<Key, std::unique_ptr<BackendWatch>> watches;
  std::map<std::string, WatchSettings> settings;
  std::vector<core::Event> pending;
  uv_timer_t timer{};
  uv_idle_t delivery{};  // runs only while events are pending
  std::int64_t armed_ns = never_ns;
  int open_handle_count = 2;
  bool is_closing = false;
  std::function<void()> on_closed;

  Impl(uv_loop_t* loop, const Claimant& claimant, Sink to) : sink(std::move(to)) {
    context.connections.loop = loop;
    context.connections.on_none_left = [this] { maybe_closed(); };
    context.claim = make_claim(claimant.cluster_id, claimant.cluster, claimant.agent);
    context.random_state = uv_hrtime() | 1U;
    context.emit = [this](core::Event event) { emit(std::move(event)); };
    context.wake_by = [this](std::int64_t at_ns) { wake_by(at_ns); };
    uv_timer_init(loop, &timer);
    uv_idle_init(loop, &delivery);
    timer.data = delivery.data = this;
  }

  BackendWatch* find(const std::string& pool, const std::string& address) const {
    const auto found = watches.find(Key{pool, address});
    return found == watches.end() ? nullptr : found->second.get();
  }

  void emit(core::Event event) {
    if (is_closing) return;
    pending.push_back(std::move(event));
    uv_idle_start(&delivery, [](uv_idle_t* idle) { static_cast<Impl*>(idle->data)->deliver(); });
  }

  void deliver() {
    uv_idle_stop(&delivery);
    const std::vector<core::Event> events = std::exchange(pending, {});
    for (const core::Event& event : events) sink(event);
  }

  void wake_by(std::int64_t at_ns) {
    if (is_closing || at_ns >= armed_ns) return;
    arm(at_ns);
  }

  void arm(std::int64_t at_ns) {
    armed_ns = at_ns;
    if (at_ns == never_ns) {
      uv_timer_stop(&timer);
      return;
    }
    uv_update_time(timer.loop);
    const std::int64_t delay_ns = std::max<std::int64_t>(0, at_ns - now_ns());
    const auto delay_ms = static_cast<std::uint64_t>((delay_ns + ns_per_ms - 1) / ns_per_ms);
    uv_timer_start(
        &timer, [](uv_timer_t* fired) { static_cast<Impl*>(fired->data)->tick(); }, delay_ms, 0);
  }

  void tick() {
    const std::int64_t now = now_ns();
    const std::int64_t lateness_ns = now - armed_ns;
    armed_ns = never_ns;
    for (const auto& [key, watch] : watches) {
      if (lateness_ns > late_ns) watch->postpone(lateness_ns);
      watch->tick(now);
    }
    std::int64_t next_ns = never_ns;
    for (const auto& [key, watch] : watches) next_ns = std::min(next_ns, watch->next_wake_ns());
    arm(next_ns);
  }

  void start(const core::StartWatching& order) {
    if (find(order.pool, order.address) != nullptr) return;
    Result<Endpoint> endpoint = parse_endpoint(order.address);
    if (!endpoint) {
      return emit(core::BackendUnreachable{order.pool, order.address, endpoint.error().message});
    }
    auto watch = std::make_unique<BackendWatch>(context, order, std::move(endpoint).value(),
                                                settings[order.pool]);
    BackendWatch& started = *watch;
    watches.emplace(Key{order.pool, order.address}, std::move(watch));
    started.start();
  }

  void close_handle(uv_handle_t* handle) {
    uv_close(handle, [](uv_handle_t* closed) {
      auto* self = static_cast<Impl*>(closed->data);
      --self->open_handle_count;
      self->maybe_closed();
    });
  }

  void maybe_closed() {
    if (!is_closing || open_handle_count != 0 || context.connections.live_count != 0) return;
    if (on_closed) std::exchange(on_closed, nullptr)();
  }
};

void Watcher::set_claimant(const Claimant& claimant) {
  impl_->context.claim = make_claim(claimant.cluster_id, claimant.cluster, claimant.agent);
}

Watcher::Watcher(uv_loop_t* loop, const Claimant& claimant, Sink sink)
    : impl_(std::make_unique<Impl>(loop, claimant, std::move(sink))) {}

Watcher::~Watcher() = default;

void Watcher::configure(const std::string& pool, const WatchSettings& settings) {
  impl_->settings[pool] = settings;
  for (const auto& [key, watch] : impl_->watches) {
    if (key.first == pool) watch->configure(settings);
  }
}

void Watcher::start(const core::StartWatching& order) {
  impl_->start(order);
}

void Watcher::stop(const core::StopWatching& order) {
  const auto found = impl_->watches.find(Impl::Key{order.pool, order.address});
  if (found == impl_->watches.end()) return;
  found->second->stop();
  impl_->watches.erase(found);
}

void Watcher::flush(const core::FlushBackend& order) {
  if (BackendWatch* watch = impl_->find(order.pool, order.address)) return watch->flush(order);
  impl_->emit(core::FlushFinished{order.id, order.pool, order.address,
                                  core::FlushOutcome::unreachable, "it is not watched"});
}

void Watcher::claim(const core::ClaimBackend& order) {
  if (BackendWatch* watch = impl_->find(order.pool, order.address)) watch->claim();
}

void Watcher::probe(const core::ProbeBackend& order) {
  if (BackendWatch* watch = impl_->find(order.pool, order.address)) watch->probe(order.id);
}

void Watcher::hint(const std::string& pool, const std::string& address) {
  if (BackendWatch* watch = impl_->find(pool, address)) watch->hint();
}

WatchCounters Watcher::counters(const std::string& pool, const std::string& address) const {
  const BackendWatch* watch = impl_->find(pool, address);
  return watch == nullptr ? WatchCounters{} : watch->counters();
}

SegmentAddress Watcher::segment_address(const std::string& pool, const std::string& address) const {
  if (const BackendWatch* watch = impl_->find(pool, address)) return watch->segment_address();
  const Result<Endpoint> endpoint = parse_endpoint(address);
  if (!endpoint) return {};
  return backends::segment_address(endpoint.value(), literal_address(endpoint.value()));
}

void Watcher::close(std::function<void()> done) {
  impl_->on_closed = std::move(done);
  impl_->watches.clear();
  impl_->is_closing = true;
  impl_->close_handle(reinterpret_cast<uv_handle_t*>(&impl_->timer));
  impl_->close_handle(reinterpret_cast<uv_handle_t*>(&impl_->delivery));
}

}  // namespace ringfence::agent::backends
