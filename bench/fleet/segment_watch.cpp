#include "bench/fleet/segment_watch.hpp"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "shm_layout/clock.hpp"

namespace ringfence::bench {
namespace {

// Finer would take a tenth of a core from the agents that are measured.
constexpr std::chrono::microseconds look_interval{250};

// One priority above the agents', where those run under the real-time scheduler too.
class Precedence {
 public:
  Precedence() {
    const int policy = sched_getscheduler(0);
    if ((policy != SCHED_RR && policy != SCHED_FIFO) || sched_getparam(0, &before_) != 0) return;
    sched_param above = before_;
    ++above.sched_priority;
    is_raised_ = sched_setparam(0, &above) == 0;
  }
  ~Precedence() {
    if (is_raised_) (void)sched_setparam(0, &before_);
  }
  Precedence(const Precedence&) = delete;
  Precedence& operator=(const Precedence&) = delete;

 private:
  sched_param before_{};
  bool is_raised_ = false;
};

}  // namespace

std::int64_t monotonic_ns() {
  return shm_layout::read_clock_ns(CLOCK_MONOTONIC);
}

bool watch_on_time() {
  const int policy = sched_getscheduler(0);
  if (policy == SCHED_RR || policy == SCHED_FIFO) return true;  // the agents as well: they inherit
  sched_param parameters{};
  parameters.sched_priority = 1;
  return sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &parameters) == 0;
}

SegmentWatch::SegmentWatch(const std::vector<std::string>& paths) : before_(paths.size()) {
  for (const std::string& path : paths) {
    segments_.push_back(std::make_unique<shm_layout::MappedSegment>());
    const auto verdict = segments_.back()->open(path.c_str());
    if (verdict != shm_layout::AttachVerdict::ok) {
      throw std::runtime_error(path + ": " + describe(verdict));
    }
  }
}

// The words of a segment are stored with release by the agent (segment_writer.hpp); acquire here.
std::uint64_t SegmentWatch::term() const {
  std::uint64_t highest = 0;
  for (const auto& segment : segments_) {
    highest = std::max(highest, segment->reader().control().term.load(std::memory_order_acquire));
  }
  return highest;
}

void SegmentWatch::begin(const Slots& slots) {
  slots_ = slots;
  term_ = term();
  seen_ = {};
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const shm_layout::Control& control = reader(i).control();
    Before& before = before_[i];
    before = {};
    before.epoch = control.epoch.load(std::memory_order_acquire);
    before.generation = reader(i).slot(slots.moving).generation();
    before.incarnation = control.agent_incarnation.load(std::memory_order_acquire);
    before.deadline_ns = control.deadline_coarse_ns.load(std::memory_order_acquire);
  }
}

void SegmentWatch::look(std::size_t i, std::int64_t now_ns, std::int64_t coarse_ns) {
  Before& before = before_[i];
  const shm_layout::SegmentReader& segment = reader(i);
  const shm_layout::Control& control = segment.control();
  const std::int64_t deadline_ns = control.deadline_coarse_ns.load(std::memory_order_acquire);
  seen_.pause_ns = std::max(seen_.pause_ns, now_ns - before.routed_ns);
  if (coarse_ns < deadline_ns && segment.slot(slots_.staying).is_routable()) {
    before.routed_ns = now_ns;
  }
  // The epoch before the slot: it is stored last.
  const std::uint64_t epoch = control.epoch.load(std::memory_order_acquire);
  const shm_layout::SlotWord word = segment.slot(slots_.moving);
  const bool is_moved = word.generation() > before.generation;
  before.is_active = before.is_active || (epoch > before.epoch && is_moved && !word.is_fenced());
  before.is_fenced = before.is_fenced || before.is_active || word.is_fenced();
  if (before.is_fenced && seen_.noticed_ns == 0) seen_.noticed_ns = now_ns;
}

SegmentWatch::Seen SegmentWatch::look_until(const std::function<bool()>& is_done,
                                            std::int64_t limit_ns) {
  const Precedence precedence;
  const std::int64_t end_ns = monotonic_ns() + limit_ns;
  for (Before& before : before_) before.routed_ns = monotonic_ns();
  const auto is_all = [this](bool Before::*what) {
    return std::all_of(before_.begin(), before_.end(),
                       [what](const Before& before) { return before.*what || !before.is_watched; });
  };
  while (true) {
    const std::int64_t now_ns = monotonic_ns();
    const std::int64_t coarse_ns = shm_layout::coarse_ns();
    for (std::size_t i = 0; i < segments_.size(); ++i) {
      if (before_[i].is_watched) look(i, now_ns, coarse_ns);
    }
    if (seen_.elected_ns == 0 && term() > term_) seen_.elected_ns = now_ns;
    if (seen_.fenced_ns == 0 && is_all(&Before::is_fenced)) seen_.fenced_ns = now_ns;
    if (seen_.active_ns == 0 && is_all(&Before::is_active)) seen_.active_ns = now_ns;
    if (is_done()) return seen_;
    if (now_ns > end_ns) throw std::runtime_error("a change did not come to its end in time");
    std::this_thread::sleep_for(look_interval);
  }
}

SegmentWatch::Seen SegmentWatch::wait(std::int64_t limit_ns,
                                      const std::vector<std::size_t>& without) {
  for (const std::size_t i : without) before_.at(i).is_watched = false;
  return look_until([this] { return seen_.active_ns != 0; }, limit_ns);
}

bool SegmentWatch::is_in_new_life(std::size_t i) const {
  const shm_layout::Control& control = reader(i).control();
  const Before& before = before_[i];
  return control.agent_incarnation.load(std::memory_order_acquire) > before.incarnation &&
         control.deadline_coarse_ns.load(std::memory_order_acquire) > before.deadline_ns &&
         reader(i).slot(slots_.staying).is_routable();
}

SegmentWatch::Seen SegmentWatch::wait_new_lives(std::int64_t limit_ns) {
  return look_until(
      [this] {
        for (std::size_t i = 0; i < segments_.size(); ++i) {
          if (!is_in_new_life(i)) return false;
        }
        return true;
      },
      limit_ns);
}

}  // namespace ringfence::bench
