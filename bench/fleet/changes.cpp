#include "bench/fleet/changes.hpp"

#include <csignal>
#include <nlohmann/json.hpp>

namespace ringfence::bench {
namespace {

// What follows a change is over before the next begins.
constexpr live::Milliseconds between_changes{100};

// Far longer than what waits for a lease.
constexpr std::int64_t change_limit_ns = 10'000'000'000;

void add_phases(const nlohmann::json& change, Figures& figures) {
  for (const char* phase : {"propose_us", "fence_us", "activate_us"}) {
    figures.add(std::string("weight_") + phase, change.value(phase, 0.0));
  }
}

}  // namespace

void measure_weights(Rig& rig, std::size_t count, Figures& figures) {
  SegmentWatch watch = rig.watch();
  const std::size_t leader = rig.agents().leader();
  std::uint32_t weight = 1;
  for (std::size_t event = 0; event < count || weight != 1; ++event) {
    weight = 3 - weight;
    live::pass(between_changes);
    watch.begin(rig.slots_of_weight(watch, 0, weight));
    const std::int64_t asked_ns = monotonic_ns();
    {
      const WeightRequest request(rig.agents()[event % rig.size()], rig.address(0), weight);
      const SegmentWatch::Seen seen = watch.wait(change_limit_ns);
      figures.add_ms("weight_fenced", seen.fenced_ns - asked_ns);
      figures.add_ms("weight_active", seen.active_ns - asked_ns);
      figures.add_ms("weight_pause", seen.pause_ns);
    }
    add_phases(rig.agents()[leader].ask("status").at("last_change"), figures);
  }
  rig.settle();
}

// One after the other, until two are left; then all come back.
void measure_losses(Rig& rig, std::size_t count, Figures& figures) {
  SegmentWatch watch = rig.watch();
  std::size_t next = 0;
  for (std::size_t event = 0; event < count; ++event) {
    live::Memcached& victim = rig.agents().memcacheds()[next];
    live::pass(between_changes);
    watch.begin(rig.slots_of_loss(watch, next));
    const std::int64_t killed_ns = monotonic_ns();
    kill(victim.pid(), SIGKILL);
    const SegmentWatch::Seen seen = watch.wait(change_limit_ns);
    figures.add_ms("loss_fenced", seen.fenced_ns - killed_ns);
    figures.add_ms("loss_active", seen.active_ns - killed_ns);
    victim.kill();  // collects it
    ++next;
    if (next + 2 < backend_count && event + 1 < count) continue;
    for (std::size_t i = 0; i < next; ++i) rig.agents().memcacheds()[i].restart();
    next = 0;
    rig.settle();
  }
}

}  // namespace ringfence::bench
