// How long the clients of others do without a memcached's keys when it is killed and when it stands
// still, and until it serves again: twemproxy and libmemcached, as they come and as they are set up
// to fail over, and ringfence beside them. Each has four memcacheds of its own, one of which is
// lost time and again; all are measured at the same time, since each mostly waits.
//   failover_bench [EVENTS]     (of each way to be lost)
// Prints CSV: contender,what,count,median,p99,max; milliseconds or a count, as the name says.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <future>
#include <mutex>
#include <stdexcept>

#include "bench/failover/outage.hpp"
#include "bench/fleet/figures.hpp"
#include "tests/live/support/memcached.hpp"

namespace ringfence::bench {
namespace {

constexpr std::size_t events_default = 20;
constexpr std::size_t memcached_count = 4;
constexpr std::size_t key_count = 32;

// Long enough to see failovers that take seconds; of lengths that differ, since the timers that a
// return meets run in whole seconds.
constexpr live::Milliseconds outage_min{16'000};
constexpr double outage_spread_ms = 2'000;
constexpr live::Milliseconds between_events{200};
constexpr std::chrono::seconds start_limit{10};

std::mutex output_mutex;  // of stdout and stderr

// On addresses of their own, as other hosts: 127.0.(10 + rig).(1 + memcached).
std::vector<live::Memcached> start_memcacheds_of(std::size_t rig) {
  std::vector<live::Memcached> memcacheds;
  for (std::size_t i = 0; i < memcached_count; ++i) {
    memcacheds.push_back(live::Memcached::at("127.0." + std::to_string(10 + rig) + "." +
                                             std::to_string(1 + i) + ":" +
                                             std::to_string(live::free_port())));
  }
  return memcacheds;
}

// Finds keys that this contender stores there.
void choose_keys(const live::Memcached& memcached, Contender& contender, Keys& keys) {
  live::TextClient client = memcached.client();
  keys.names.clear();
  for (std::size_t i = 0; keys.names.size() < key_count; ++i) {
    const std::string name = "failover-" + std::to_string(i);
    const std::uint64_t number = keys.next++;
    const std::string value = std::to_string(number);
    if (!contender.set(name, value)) throw std::runtime_error(name + " cannot be stored");
    keys.acknowledged[name] = number;
    if (client.get(contender.key_on_server(name)) == value) keys.names.push_back(name);
  }
}

class Loss {
 public:
  explicit Loss(bool is_killed) : is_killed_(is_killed) {}
  [[nodiscard]] std::string name() const { return is_killed_ ? "killed" : "stopped"; }
  void begin(live::Memcached& memcached) const { is_killed_ ? memcached.kill() : memcached.stop(); }
  void end(live::Memcached& memcached) const {
    is_killed_ ? memcached.restart() : memcached.resume();
  }

 private:
  bool is_killed_;
};

class Rig {
 public:
  Rig(const Kind& kind, std::size_t number)
      : kind_(kind), memcacheds_(start_memcacheds_of(number)) {}

  void measure(const Loss& loss, std::size_t count) {
    std::uint64_t stale = 0, back_stale = 0;
    for (std::size_t event = 0; event < count; ++event) {
      const auto share = static_cast<double>(event) / static_cast<double>(count);
      const auto more = static_cast<std::int64_t>(share * outage_spread_ms);
      const Seen seen = lose(loss, outage_min + live::Milliseconds{more});
      add(loss.name(), seen);
      stale += seen.stale;
      back_stale += seen.back_stale;
      live::pass(between_events);
    }
    figures_.add(loss.name() + "_stale_total", static_cast<double>(stale));
    figures_.add(loss.name() + "_back_stale_total", static_cast<double>(back_stale));
    const std::lock_guard lock(output_mutex);
    std::fprintf(stderr, "failover_bench: %s %s\n", kind_.name.c_str(), loss.name().c_str());
    figures_.print(kind_.name);
  }

 private:
  // With a new client each time: what it learned of an outage does not outlive it.
  [[nodiscard]] Seen lose(const Loss& loss, live::Milliseconds length) {
    live::Memcached& victim = memcacheds_.front();
    const auto contender = kind_.make(live::addresses_of(memcacheds_));
    choose_keys(victim, *contender, keys_);
    SteadyAsker asker(*contender, keys_, victim.address());
    if (!asker.wait_home(start_limit)) throw std::runtime_error(kind_.name + " does not serve");
    asker.leave_home();
    Outage outage;
    outage.gone_ns = now_ns();
    loss.begin(victim);
    outage.surely_gone_ns = now_ns();
    live::pass(length);
    outage.returning_ns = now_ns();
    loss.end(victim);
    outage.back_ns = loss.name() == "killed" ? now_ns() : outage.returning_ns;
    asker.look_home();
    (void)asker.wait_home(kind_.return_limit);
    return judge(asker.end(), outage);
  }

  void add(const std::string& loss, const Seen& seen) {
    if (seen.served_ns) figures_.add_ms(loss + "_served", *seen.served_ns);
    if (seen.back_ns) figures_.add_ms(loss + "_back", *seen.back_ns);
    figures_.add_ms(loss + "_unserved", seen.unserved_ns);
    const auto add_count = [&](const char* what, std::uint64_t count) {
      figures_.add(loss + what, static_cast<double>(count));
    };
    add_count("_requests", seen.requests);
    add_count("_failed", seen.failed);
    add_count("_slow", seen.slow);
    add_count("_back_failed", seen.back_failed);
  }

  const Kind kind_;
  std::vector<live::Memcached> memcacheds_;
  Keys keys_;
  Figures figures_;
};

void measure(const Kind& kind, std::size_t number, std::size_t events) {
  Rig rig(kind, number);
  rig.measure(Loss(true), events);
  rig.measure(Loss(false), events);
}

void run(std::size_t events) {
  std::vector<Kind> kinds = {ringfence_kind()};
  for (Kind& kind : twemproxy_kinds()) kinds.push_back(std::move(kind));
  for (Kind& kind : libmemcached_kinds()) kinds.push_back(std::move(kind));
  std::vector<std::future<void>> measuring;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    measuring.push_back(std::async(std::launch::async, measure, std::cref(kinds[i]), i, events));
  }
  for (std::future<void>& one : measuring) one.wait();
  for (std::future<void>& one : measuring) one.get();  // throws what it threw
}

}  // namespace
}  // namespace ringfence::bench

int main(int argc, char** argv) {
  const std::size_t events =
      argc > 1 ? std::strtoul(argv[1], nullptr, 10) : ringfence::bench::events_default;
  if (argc > 2 || events == 0) {
    std::fprintf(stderr, "usage: failover_bench [EVENTS]   (default %zu)\n",
                 ringfence::bench::events_default);
    return 64;
  }
  try {
    ringfence::bench::run(events);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "failover_bench: %s\n", error.what());
    return 1;
  }
}
