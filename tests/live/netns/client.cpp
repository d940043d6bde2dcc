// One client process of the live proof. It sets growing versions of shared keys, adds, deletes and
// reads, a few hundred times a second, and writes down each operation when it has ended:
//   <s|a|d|g> <key> <value or -> <begun ns> <ended ns> <answer>        (CLOCK_MONOTONIC)
// and "end" when it was asked to end (SIGTERM). It judges nothing.
//   client KIND TARGET HISTORY NUMBER OF_CLIENTS KEYS RATE SEED
//
// A value names who wrote it and how often it had written before: no two writes store the same.
// Three of four keys have one writer; all clients write the others, also by `add` after a miss.
// SIGUSR1: pause.cpp, which is linked in or loaded behind libringfence-preload.
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>

#include "tests/live/netns/cache.hpp"

namespace netns {
namespace {

constexpr std::int64_t ns_per_second = 1'000'000'000;
constexpr std::int64_t behind_max_ns = ns_per_second / 10;  // later than this: no catching up
constexpr unsigned get_percent = 55;
constexpr unsigned delete_percent = 3;
constexpr unsigned shared_every = 4;  // each fourth key has all clients as writers
constexpr unsigned shared_writes_every = 3;

volatile std::sig_atomic_t is_asked_to_end = 0;

void on_signal(int /*number*/) {
  is_asked_to_end = 1;
}

std::int64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * ns_per_second + time.tv_nsec;
}

void sleep_until(std::int64_t when_ns) {
  const timespec time{when_ns / ns_per_second, when_ns % ns_per_second};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr);
}

struct Part {
  unsigned number = 0, of_clients = 1, keys = 1, rate = 1;
};

class Client {
 public:
  Client(Cache& cache, std::FILE* history, const Part& part, unsigned seed)
      : cache_(cache), history_(history), part_(part), random_(seed * 1000U + part.number) {}

  void run() {
    const std::int64_t pause_ns = ns_per_second / part_.rate;
    std::int64_t next_ns = now_ns() + chance(static_cast<unsigned>(pause_ns));
    while (is_asked_to_end == 0) {
      sleep_until(next_ns);
      operate();
      next_ns += pause_ns;
      if (next_ns < now_ns() - behind_max_ns) next_ns = now_ns();
    }
    std::fputs("end\n", history_);
  }

 private:
  unsigned chance(unsigned below) {
    return std::uniform_int_distribution<unsigned>(0, below - 1)(random_);
  }

  void operate() {
    const unsigned percent = chance(100);
    if (percent < get_percent) return read(chance(part_.keys));
    const unsigned key = own_key();
    if (percent < get_percent + delete_percent) return erase(key);
    write('s', key);
  }

  // One that this client may write; there is at least one of its own.
  unsigned own_key() {
    const bool is_to_be_shared = chance(shared_writes_every) == 0;
    for (;;) {
      const unsigned key = chance(part_.keys);
      if (is_shared(key) != is_to_be_shared) continue;
      if (is_to_be_shared || key % part_.of_clients == part_.number) return key;
    }
  }
  static bool is_shared(unsigned key) { return key % shared_every == 0; }
  static std::string name(unsigned key) { return "k" + std::to_string(key); }

  void read(unsigned key) {
    std::string value;
    const std::int64_t begun = now_ns();
    const Answer answer = cache_.get(name(key), value);
    record('g', key, answer == Answer::hit ? value : "-", begun, answer);
    if (answer == Answer::miss && is_shared(key) && chance(2) == 0) write('a', key);
  }

  void write(char verb, unsigned key) {
    const std::string value = std::to_string(part_.number) + "." + std::to_string(++count_);
    const std::int64_t begun = now_ns();
    const Answer answer = verb == 'a' ? cache_.add(name(key), value) : cache_.set(name(key), value);
    record(verb, key, value, begun, answer);
  }

  void erase(unsigned key) {
    const std::int64_t begun = now_ns();
    const Answer answer = cache_.erase(name(key));
    record('d', key, "-", begun, answer);
  }

  void record(char verb, unsigned key, const std::string& value, std::int64_t begun,
              Answer answer) {
    std::fprintf(history_, "%c %u %s %lld %lld %c\n", verb, key, value.c_str(),
                 static_cast<long long>(begun), static_cast<long long>(now_ns()),
                 static_cast<char>(answer));
  }

  Cache& cache_;
  std::FILE* history_;
  Part part_;
  std::mt19937 random_;
  std::uint64_t count_ = 0;
};

unsigned number(const char* text) {
  return static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

int run(char** arguments) {
  const std::unique_ptr<Cache> cache = open_cache(arguments[1], arguments[2]);
  std::FILE* history = std::fopen(arguments[3], "we");
  if (cache == nullptr || history == nullptr) {
    std::fprintf(stderr, "client: cannot open %s or %s\n", arguments[2], arguments[3]);
    return 1;
  }
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
  const Part part{number(arguments[4]), number(arguments[5]), number(arguments[6]),
                  number(arguments[7])};
  Client(*cache, history, part, number(arguments[8])).run();
  return std::fclose(history) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace netns

int main(int argc, char** argv) {
  if (argc == 9) return netns::run(argv);
  std::fputs("usage: client KIND TARGET HISTORY NUMBER OF_CLIENTS KEYS RATE SEED\n", stderr);
  return 64;
}
