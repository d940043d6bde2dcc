// Memcacheds that are lost in each way in which they are lost, and those that come.
#include <poll.h>
#include <sched.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "bench/fleet/changes.hpp"

namespace ringfence::bench {
namespace {

constexpr live::Milliseconds between_changes{100};
constexpr std::int64_t change_limit_ns = 10'000'000'000;
constexpr int full_mib = 1024;

// When a connection to a memcached ends, as any idle client sees it.
class EndWatch {
 public:
  explicit EndWatch(const live::Memcached& memcached)
      : client_(memcached.client()), thread_([this] {
          pollfd poller{client_.fd(), POLLIN, 0};
          (void)poll(&poller, 1, static_cast<int>(change_limit_ns / 1'000'000));
          ended_ns_.store(monotonic_ns(), std::memory_order_relaxed);  // read after the join
        }) {}
  ~EndWatch() {
    if (thread_.joinable()) thread_.join();
  }
  EndWatch(const EndWatch&) = delete;
  EndWatch& operator=(const EndWatch&) = delete;

  [[nodiscard]] std::int64_t ended_ns() {
    thread_.join();
    return ended_ns_.load(std::memory_order_relaxed);
  }

 private:
  live::TextClient client_;
  std::atomic<std::int64_t> ended_ns_{0};
  std::thread thread_;
};

// Where agents run under the real-time scheduler, what they start does so too: the kernel would
// free a killed memcached's memory for 100 ms before any of them may run on that core.
void schedule_as_others(const live::Memcached& memcached) {
  const std::string tasks = "/proc/" + std::to_string(memcached.pid()) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    const sched_param none{};
    (void)sched_setscheduler(std::stoi(task.path().filename().string()), SCHED_OTHER, &none);
  }
}

void fill(const live::Memcached& memcached) {
  live::TextClient client = memcached.client();
  const std::string value(1'000'000, 'v');
  for (int i = 0; i < full_mib; ++i) {
    if (client.set("full-" + std::to_string(i), value) != "STORED") {
      throw std::runtime_error("a memcached does not take 1 GiB");
    }
  }
}

void measure_killed(const std::string& kind, SegmentWatch& watch, live::Memcached& victim,
                    Figures& figures) {
  live::pass(between_changes);
  watch.begin(Rig::slots_of_loss(watch, victim.address()));
  EndWatch end(victim);
  const std::int64_t killed_ns = monotonic_ns();
  kill(victim.pid(), SIGKILL);
  const SegmentWatch::Seen seen = watch.wait(change_limit_ns);
  const std::int64_t ended_ns = end.ended_ns();
  figures.add_ms(kind + "_eof", ended_ns - killed_ns);
  figures.add_ms(kind + "_fenced", seen.fenced_ns - killed_ns);
  figures.add_ms(kind + "_active", seen.active_ns - killed_ns);
  figures.add_ms(kind + "_fenced_after_eof", seen.fenced_ns - ended_ns);
  figures.add_ms(kind + "_active_after_eof", seen.active_ns - ended_ns);
  victim.kill();  // collects it
}

void measure_return(const std::string& kind, SegmentWatch& watch, live::Memcached& memcached,
                    Figures& figures) {
  watch.begin(Rig::slots_of_coming(watch, memcached.address()));
  memcached.restart();
  const std::int64_t answered_ns = monotonic_ns();
  const SegmentWatch::Seen seen = watch.wait(change_limit_ns);
  figures.add_ms(kind + "_active", seen.active_ns - answered_ns);
}

}  // namespace

void measure_killed_memcacheds(Rig& rig, std::size_t count, Figures& figures) {
  SegmentWatch watch = rig.watch();
  for (std::size_t event = 0; event < count; ++event) {
    live::Memcached& victim = rig.agents().memcacheds()[event % backend_count];
    measure_killed("empty", watch, victim, figures);
    measure_return("back", watch, victim, figures);
    rig.settle();
  }
}

void measure_killed_full_memcacheds(Rig& rig, std::size_t count, Figures& figures) {
  live::Memcached large({"-m", std::to_string(full_mib + full_mib / 8)});
  SegmentWatch watch = rig.watch();
  {
    const WeightRequest request(rig.agents()[0], large.address(), 1);
    rig.settle(backend_count + 1);
  }
  for (std::size_t event = 0; event < count; ++event) {
    schedule_as_others(large);
    fill(large);
    measure_killed("full", watch, large, figures);
    large.restart();
    rig.settle(backend_count + 1);
  }
  rig.remove(large.address());
  rig.settle();
}

void measure_stopped_memcacheds(Rig& rig, std::size_t count, Figures& figures) {
  SegmentWatch watch = rig.watch();
  for (std::size_t event = 0; event < count; ++event) {
    live::Memcached& victim = rig.agents().memcacheds()[event % backend_count];
    live::pass(between_changes);
    watch.begin(Rig::slots_of_loss(watch, victim.address()));
    const std::int64_t stopped_ns = monotonic_ns();
    kill(victim.pid(), SIGSTOP);
    const SegmentWatch::Seen seen = watch.wait(change_limit_ns);
    figures.add_ms("stopped_fenced", seen.fenced_ns - stopped_ns);
    figures.add_ms("stopped_active", seen.active_ns - stopped_ns);
    victim.resume();
    rig.settle();
  }
}

void measure_new_memcacheds(Rig& rig, std::size_t count, Figures& figures) {
  SegmentWatch watch = rig.watch();
  for (std::size_t event = 0; event < count; ++event) {
    const live::Memcached added;
    live::pass(between_changes);
    watch.begin(Rig::slots_of_coming(watch, added.address()));
    const std::int64_t asked_ns = monotonic_ns();
    {
      const WeightRequest request(rig.agents()[event % rig.size()], added.address(), 1);
      figures.add_ms("new_active", watch.wait(change_limit_ns).active_ns - asked_ns);
    }
    rig.remove(added.address());
    rig.settle();
  }
}

void measure_vanished_hosts(Rig& rig, std::size_t count, Figures& figures) {
  for (std::size_t event = 0; event < count; ++event) {
    SegmentWatch watch = rig.watch();
    const std::size_t host = rig.agents().follower();
    live::Memcached& memcached = rig.agents().memcacheds()[event % backend_count];
    watch.begin(Rig::slots_of_loss(watch, memcached.address()));
    const std::int64_t vanished_ns = monotonic_ns();
    kill(rig.agents()[host].pid(), SIGSTOP);
    kill(memcached.pid(), SIGSTOP);
    const SegmentWatch::Seen seen = watch.wait(change_limit_ns, {host});
    figures.add_ms("vanished_noticed", seen.noticed_ns - vanished_ns);
    figures.add_ms("vanished_active", seen.active_ns - vanished_ns);
    figures.add_ms("vanished_after_notice", seen.active_ns - seen.noticed_ns);
    figures.add_ms("vanished_pause", seen.pause_ns);
    kill(rig.agents()[host].pid(), SIGCONT);
    memcached.resume();
    rig.settle();
  }
}

}  // namespace ringfence::bench
