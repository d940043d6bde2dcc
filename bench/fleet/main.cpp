// A fleet of real agents on this machine: how long its changes, losses and comings take.
//   fleet_bench AGENTS [EVENTS [SLOW_EVENTS [BACKEND_EVENTS [IDLE_SECONDS]]]]
// Prints CSV: agents,what,count,median,p99,max; milliseconds unless the name says otherwise. Slow
// events are those after which the fleet needs seconds to be whole again; backend events are those
// of memcacheds that are lost and that come, one after the other.
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "bench/fleet/changes.hpp"

namespace ringfence::bench {
namespace {

struct Counts {
  std::size_t agents = 3, events = 60, slow_events = 50, backend_events = 100, idle_seconds = 10;
};

void run(const Counts& counts) {
  if (!watch_on_time()) {
    std::fprintf(stderr,
                 "fleet_bench: no real-time scheduler for who watches: times may be late\n");
  }
  Figures figures;
  const auto print = [&] { figures.print(counts.agents); };
  measure_disk(4 * counts.events, figures);
  print();
  Rig rig(counts.agents);
  measure_idleness(rig, counts.idle_seconds, figures);
  print();
  for (const auto measure : {measure_weights, measure_losses}) {
    measure(rig, counts.events, figures);
    print();
  }
  for (const auto measure :
       {measure_killed_memcacheds, measure_killed_full_memcacheds, measure_stopped_memcacheds,
        measure_new_memcacheds, measure_vanished_hosts}) {
    measure(rig, counts.backend_events, figures);
    print();
  }
  for (const auto measure :
       {measure_killed_leaders, measure_gone_leaders, measure_restarts, measure_joins}) {
    measure(rig, counts.slow_events, figures);
    print();
  }
}

}  // namespace
}  // namespace ringfence::bench

int main(int argc, char** argv) {
  ringfence::bench::Counts counts;
  std::size_t* const fields[] = {&counts.agents, &counts.events, &counts.slow_events,
                                 &counts.backend_events, &counts.idle_seconds};
  for (int i = 1; i < argc && i <= 5; ++i) *fields[i - 1] = std::strtoul(argv[i], nullptr, 10);
  if (argc > 6 || counts.agents == 0) {
    std::fprintf(
        stderr,
        "usage: fleet_bench AGENTS [EVENTS [SLOW_EVENTS [BACKEND_EVENTS [IDLE_SECONDS]]]]\n");
    return 64;
  }
  try {
    ringfence::bench::run(counts);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fleet_bench: %s\n", error.what());
    return 1;
  }
}
