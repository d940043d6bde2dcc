// Leaders that are lost.
#include <csignal>
#include <cstdio>

#include "bench/fleet/changes.hpp"
#include "bench/fleet/steady_client.hpp"

namespace ringfence::bench {
namespace {

constexpr std::int64_t change_limit_ns = 20'000'000'000;

void add_client(const std::string& kind, const SteadyClient::Outcome& outcome, Figures& figures) {
  figures.add(kind + "_failed", static_cast<double>(outcome.failed));
  figures.add_ms(kind + "_slowest", outcome.slowest_ns);
  if (!outcome.failure.empty()) {
    std::fprintf(stderr, "fleet_bench: %s: %s\n", kind.c_str(), outcome.failure.c_str());
  }
}

void add_change(const std::string& kind, std::int64_t begin_ns, const SegmentWatch::Seen& seen,
                Figures& figures) {
  figures.add_ms(kind + "_elected", seen.elected_ns - begin_ns);
  figures.add_ms(kind + "_active", seen.active_ns - begin_ns);
  figures.add_ms(kind + "_after_election", seen.active_ns - seen.elected_ns);
  figures.add_ms(kind + "_pause", seen.pause_ns);
}

}  // namespace

void measure_killed_leaders(Rig& rig, std::size_t count, Figures& figures) {
  std::uint32_t weight = 1;
  for (std::size_t event = 0; event < count || weight != 1; ++event) {
    weight = 3 - weight;
    SegmentWatch watch = rig.watch();
    const std::size_t victim = rig.agents().leader();
    const std::size_t other = rig.agents().follower();
    const SegmentWatch::Slots slots = rig.slots_of_weight(watch, 0, weight);
    SteadyClient on_its_host(rig.agents()[victim].segment(), watch, slots);
    SteadyClient on_another(rig.agents()[other].segment(), watch, slots);
    watch.begin(slots);
    const std::int64_t killed_ns = monotonic_ns();
    kill(rig.agents()[victim].pid(), SIGKILL);
    {
      const WeightRequest request(rig.agents()[other], rig.address(0), weight);
      rig.agents().kill(victim);  // collects it
      rig.agents().start(victim);
      add_change("killed", killed_ns, watch.wait(change_limit_ns), figures);
    }
    add_client("killed", on_its_host.end(), figures);
    add_client("killed", on_another.end(), figures);
    rig.settle();
  }
}

void measure_gone_leaders(Rig& rig, std::size_t count, Figures& figures) {
  for (std::size_t event = 0; event < count; ++event) {
    SegmentWatch watch = rig.watch();
    const std::size_t victim = rig.agents().leader();
    const std::size_t other = rig.agents().follower();
    live::Memcached& memcached = rig.agents().memcacheds()[event % backend_count];
    const SegmentWatch::Slots slots = rig.slots_of_loss(watch, event % backend_count);
    SteadyClient on_another(rig.agents()[other].segment(), watch, slots);
    watch.begin(slots);
    const std::int64_t stopped_ns = monotonic_ns();
    kill(rig.agents()[victim].pid(), SIGSTOP);
    kill(memcached.pid(), SIGKILL);
    add_change("gone", stopped_ns, watch.wait(change_limit_ns, {victim}), figures);
    add_client("gone", on_another.end(), figures);
    kill(rig.agents()[victim].pid(), SIGCONT);
    memcached.kill();  // collects it
    memcached.restart();
    rig.settle();
  }
}

}  // namespace ringfence::bench
