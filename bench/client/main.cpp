// The linked client beside a hand-written loop, libmemcached and twemproxy: 4 memcacheds, keys of
// 32 bytes, values of 100, everything on one CPU. The contenders take turns round after round, in
// an order that turns as well; what is compared is the median of the rounds.
//   client_bench [ROUNDS]
// Prints CSV: task,contender,keys_per_second,p50_us,p99_us,of_floor. The floor is the hand-written
// loop; of_floor is the median over the rounds of the contender's rate by the floor's in that
// round.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <random>

#include "bench/client/contender.hpp"
#include "bench/one_cpu.hpp"

namespace ringfence::bench {
namespace {

constexpr std::size_t key_count = 100'000;
constexpr int rounds_default = 31;

// One kind of work: how many calls a round, keys a call, and the call itself.
struct Task {
  const char* name;
  std::size_t calls, keys_of_call, choices;
  void (*call)(Contender& contender, std::size_t choice);
};

void expect_bytes(std::size_t bytes, std::size_t expected) {
  if (bytes != expected) throw std::runtime_error("a key is missing");
}

constexpr Task tasks[] = {
    {"get_one", 2000, 1, key_count,
     [](Contender& contender, std::size_t key) { expect_bytes(contender.get(key), value_bytes); }},
    {"get_100", 200, batch_keys, key_count / batch_keys,
     [](Contender& contender, std::size_t batch) {
       expect_bytes(contender.get_many(batch), batch_keys * value_bytes);
     }},
    {"set_1000", 10, batch_sets, key_count / batch_sets,
     [](Contender& contender, std::size_t batch) { contender.set_many(batch); }},
};

struct Figures {
  std::vector<double> keys_per_second;  // of each round
  std::vector<double> call_us;          // of every call
};

double percentile(std::vector<double>& values, double share) {
  const auto at =
      values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

void do_round(const Task& task, Contender& contender, std::mt19937& random, Figures& figures) {
  using Clock = std::chrono::steady_clock;
  std::uniform_int_distribution<std::size_t> choice(0, task.choices - 1);
  const auto begin = Clock::now();
  auto before = begin;
  for (std::size_t i = 0; i < task.calls; ++i) {
    task.call(contender, choice(random));
    const auto after = Clock::now();
    figures.call_us.push_back(std::chrono::duration<double, std::micro>(after - before).count());
    before = after;
  }
  const double seconds = std::chrono::duration<double>(before - begin).count();
  figures.keys_per_second.push_back(static_cast<double>(task.calls * task.keys_of_call) / seconds);
}

Keys make_keys() {
  std::mt19937_64 random(32);
  Keys keys;
  for (std::size_t i = 0; i < key_count; ++i) {
    char key[key_bytes + 1];
    std::snprintf(key, sizeof key, "user:%010zu:%016llx", i,
                  static_cast<unsigned long long>(random()));
    keys.emplace_back(key, key_bytes);
  }
  return keys;
}

void run(int rounds) {
  use_one_cpu();
  const Fleet fleet;
  std::vector<std::unique_ptr<Contender>> contenders;
  contenders.push_back(make_hand_written("hand_written", fleet.ports()));
  contenders.push_back(make_linked_client(fleet));
  if (auto other = make_libmemcached(fleet)) contenders.push_back(std::move(other));
  const std::uint16_t proxy_port = fleet.proxy_port();
  if (proxy_port != 0) contenders.push_back(make_hand_written("twemproxy", {&proxy_port, 1}));
  const Keys keys = make_keys();
  for (const auto& contender : contenders) contender->fill(keys, std::string(value_bytes, 'v'));

  std::printf("task,contender,keys_per_second,p50_us,p99_us,of_floor\n");
  for (const Task& task : tasks) {
    std::vector<Figures> figures(contenders.size());
    std::mt19937 random(100);
    for (int round = -1; round < rounds; ++round) {
      for (std::size_t i = 0; i < contenders.size(); ++i) {
        const std::size_t turn = (i + static_cast<std::size_t>(round + 1)) % contenders.size();
        do_round(task, *contenders[turn], random, figures[turn]);
      }
      if (round < 0) figures.assign(contenders.size(), {});  // to get warm
    }
    for (std::size_t i = contenders.size();
         i-- > 0;) {  // the floor's rounds in their order to the end
      std::vector<double> of_floor;
      for (std::size_t round = 0; round < figures[i].keys_per_second.size(); ++round) {
        of_floor.push_back(figures[i].keys_per_second[round] / figures[0].keys_per_second[round]);
      }
      std::printf("%s,%s,%.0f,%.2f,%.2f,%.3f\n", task.name,
                  std::string(contenders[i]->name()).c_str(),
                  percentile(figures[i].keys_per_second, 0.5), percentile(figures[i].call_us, 0.5),
                  percentile(figures[i].call_us, 0.99), percentile(of_floor, 0.5));
    }
  }
}

}  // namespace
}  // namespace ringfence::bench

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : ringfence::bench::rounds_default;
  if (argc > 2 || rounds <= 0) {
    std::fprintf(stderr, "usage: client_bench [ROUNDS]   (default %d)\n",
                 ringfence::bench::rounds_default);
    return 64;
  }
  try {
    ringfence::bench::run(rounds);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "client_bench: %s\n", error.what());
    return 1;
  }
}
