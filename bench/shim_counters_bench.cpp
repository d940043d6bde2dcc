// What counting adds to an operation: a request, a hit and a latency, in the file that the agent
// reads. By one thread, by several in their own stripes, and the same with no file.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <stdexcept>
#include <string>

#include "agent/shims/shim_files.hpp"
#include "shim/counters/shim_counters.hpp"

namespace {

using ringfence::shim::counters::process_counters;
using ringfence::shim::counters::ShimCounters;

// A segment directory of the benchmark's own, removed at the end.
class Host {
 public:
  Host() : directory_("/dev/shm/ringfence-bench-XXXXXX") {
    if (mkdtemp(directory_.data()) == nullptr) throw std::runtime_error("mkdtemp");
    if (!ringfence::agent::shims::ShimFiles(directory_).make_directory()) {
      throw std::runtime_error("no directory for counters");
    }
  }
  ~Host() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  [[nodiscard]] std::string segment() const { return directory_ + "/bench.default"; }

 private:
  std::string directory_;
};

void count_operations(benchmark::State& state, ShimCounters& counters) {
  std::uint16_t backend = 0;
  std::int64_t latency_ns = 15'000;
  for (auto unused : state) {
    static_cast<void>(unused);
    counters.add_request();
    counters.add_hit();
    counters.add_latency(backend, latency_ns);
    backend = static_cast<std::uint16_t>((backend + 1) % 4);
    latency_ns = 15'000 + (latency_ns * 7) % 30'000;
  }
  state.SetItemsProcessed(state.iterations());
}

void count_operation(benchmark::State& state) {
  static const Host host;
  ShimCounters& counters = process_counters(host.segment());
  if (!counters.has_file()) return state.SkipWithError("no file to count in");
  count_operations(state, counters);
}

void count_operation_private(benchmark::State& state) {
  count_operations(state, process_counters("/nowhere/bench.default"));
}

}  // namespace

BENCHMARK(count_operation);
BENCHMARK(count_operation)->Threads(2)->UseRealTime();
BENCHMARK(count_operation_private);
