// An agent's port (one I/O thread, tags on) beside twemproxy and beside clients that ask the same
// four memcacheds themselves, everything on one CPU. The contenders take turns round after round,
// in an order that turns as well; what is compared is the median of the rounds.
//   port_bench [ROUNDS [SCENARIO]]
// Prints CSV (figures.cpp); times are microseconds of CPU a key, but p50_us and p99_us, which a
// call took. All answers are awaited and checked: a wrong one, also a miss, ends it.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>

#include "bench/one_cpu.hpp"
#include "bench/port/figures.hpp"
#include "bench/port/load.hpp"
#include "bench/port/process_cost.hpp"
#include "bench/port/rig.hpp"
#include "shm_layout/clock.hpp"

namespace ringfence::bench {
namespace {

constexpr int rounds_default = 31;
constexpr std::size_t fill_clients_max = 50;

std::int64_t own_cpu_ns() {
  return shm_layout::read_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

Load::Pick random_pick(std::mt19937& random) {
  return [&random](std::size_t choices) {
    return std::uniform_int_distribution<std::size_t>(0, choices - 1)(random);
  };
}

// Each contender has its own keys in the memcacheds: it stores them, where it will look for them,
// in an order in which nobody asks.
void fill(const Items& items, const Contender& contender) {
  std::vector<std::size_t> order(items.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::mt19937 random(7);
  std::shuffle(order.begin(), order.end(), random);
  const Scenario scenario{"fill", Call::set, false, std::min(items.size(), fill_clients_max), 1, 0};
  std::size_t next = 0;
  (void)Load(items, scenario, contender.ports).run_us(items.size(), [&](std::size_t) {
    return order[next++];
  });
}

struct Costs {
  std::int64_t wall_ns = 0, proxy_ns = 0, io_thread_ns = 0, memcached_ns = 0, client_ns = 0;
};

Costs costs_by_now(const Rig& rig, const Contender& contender) {
  Costs costs;
  if (contender.pid != 0) {
    costs.proxy_ns = cpu_ns(contender.pid);
    costs.io_thread_ns = cpu_ns(contender.pid, contender.io_thread);
  }
  costs.memcached_ns = rig.memcacheds_cpu_ns();
  costs.client_ns = own_cpu_ns();
  costs.wall_ns = shm_layout::read_clock_ns(CLOCK_MONOTONIC);
  return costs;
}

void do_round(const Rig& rig, const Scenario& scenario, const Contender& contender, Load& load,
              std::mt19937 random, Figures& figures) {
  const Costs before = costs_by_now(rig, contender);
  const std::vector<double> call_us = load.run_us(scenario.calls_a_round, random_pick(random));
  const std::int64_t end_ns = shm_layout::read_clock_ns(CLOCK_MONOTONIC);
  const std::int64_t client_end_ns = own_cpu_ns();
  const Costs after = costs_by_now(rig, contender);

  const auto keys = static_cast<double>(scenario.calls_a_round * scenario.keys_of_call);
  const auto us_a_key = [keys](std::int64_t ns) { return static_cast<double>(ns) / 1000 / keys; };
  Round round;
  round.keys_per_second = 1e9 * keys / static_cast<double>(end_ns - before.wall_ns);
  round.proxy_us = us_a_key(after.proxy_ns - before.proxy_ns);
  round.io_thread_us = us_a_key(after.io_thread_ns - before.io_thread_ns);
  round.memcached_us = us_a_key(after.memcached_ns - before.memcached_ns);
  round.client_us = us_a_key(client_end_ns - before.client_ns);
  figures.rounds.push_back(round);
  figures.call_us.insert(figures.call_us.end(), call_us.begin(), call_us.end());
}

void measure(const Rig& rig, const Items& items, const Scenario& scenario, int rounds) {
  std::vector<std::unique_ptr<Load>> loads;
  std::vector<Figures> figures;
  for (const Contender& contender : rig.contenders()) {
    loads.push_back(std::make_unique<Load>(items, scenario, contender.ports));
    figures.push_back({contender.name, {}, {}, 0});
    if (contender.pid != 0) reset_peak_rss(contender.pid);
  }
  for (int round = -1; round < rounds; ++round) {                 // the first to get warm
    const std::mt19937 random(static_cast<unsigned>(round + 1));  // the same keys for all
    for (std::size_t i = 0; i < loads.size(); ++i) {
      const std::size_t turn = (i + static_cast<std::size_t>(round + 1)) % loads.size();
      do_round(rig, scenario, rig.contenders()[turn], *loads[turn], random, figures[turn]);
    }
    if (round >= 0) continue;
    for (Figures& warm : figures) warm.rounds.clear(), warm.call_us.clear();
  }
  for (std::size_t i = 0; i < figures.size(); ++i) {
    const pid_t pid = rig.contenders()[i].pid;
    if (pid != 0) figures[i].peak_rss_mib = peak_rss_mib(pid);
  }
  print(scenario.name, figures);
}

void run(int rounds, const std::string& only) {
  use_one_cpu();
  const Rig rig;
  const Items small("user", small_count, small_value_bytes);
  const Items large("page", large_count, large_value_bytes);
  print_heading();
  const Items* filled = nullptr;
  for (const Scenario& scenario : scenarios) {
    if (!only.empty() && only != scenario.name) continue;
    const Items& items = scenario.is_large ? large : small;
    if (filled != &items) {
      for (const Contender& contender : rig.contenders()) fill(items, contender);
      filled = &items;
    }
    measure(rig, items, scenario, rounds);
  }
  if (filled == nullptr) throw std::runtime_error("there is no scenario '" + only + "'");
}

}  // namespace
}  // namespace ringfence::bench

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : ringfence::bench::rounds_default;
  if (argc > 3 || rounds <= 0) {
    std::fprintf(stderr, "usage: port_bench [ROUNDS [SCENARIO]]   (default %d, all)\n",
                 ringfence::bench::rounds_default);
    return 64;
  }
  try {
    ringfence::bench::run(rounds, argc > 2 ? argv[2] : "");
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "port_bench: %s\n", error.what());
    return 1;
  }
}
