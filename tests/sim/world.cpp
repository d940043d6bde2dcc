#include "tests/sim/world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "tests/sim/seeds.hpp"

namespace ringfence::sim {
namespace {

constexpr std::size_t backend_count = 4;
constexpr std::size_t client_count = 4;

}  // namespace

World::World(std::uint64_t seed, Faults faults)
    : random_(seed), is_traced_(is_traced()), faults_(faults) {
  for (std::size_t i = 0; i < backend_count; ++i) {
    backends_.push_back({});
    backends_.back().address = "b" + std::to_string(i);
  }
  segment_ = std::make_shared<Segment>();
  segment_->slots.resize(shm_layout::slot_count);
  attached_.assign(client_count, segment_);
}

Duration World::between(Duration low, Duration high) {
  return {low.ns + static_cast<std::int64_t>(random(static_cast<std::uint64_t>(high.ns - low.ns)))};
}

void World::after(Duration delay, std::function<void()> action) {
  queue_.push({now_ + delay, ++order_, std::move(action)});
}

// Dies with the agent's process.
void World::after_in_life(Duration delay, std::function<void()> action) {
  after(delay, [this, life = life_, run = std::move(action)] {
    if (life == life_ && node_ != nullptr) run();
  });
}

void World::run(Instant trouble_ends, Instant end) {
  trouble_ends_ = trouble_ends;
  start_agent();
  for (std::size_t client = 0; client < attached_.size(); ++client) {
    after(between(1_ms, 20_ms), [this, client] { client_turn(client); });
  }
  after(between(100_ms, 1000_ms), [this] { draw_fault(); });
  queue_.push({trouble_ends, 0, [this] { make_peace(); }});
  while (!queue_.empty() && queue_.top().at <= end && check_.failures().empty()) {
    const Scheduled next = queue_.top();
    queue_.pop();
    now_ = next.at;
    next.action();
  }
  if (!check_.failures().empty()) return;
  for (const BackendReport& report : node_->report().backends) {
    if (report.state != "serving") {
      check_.fail("liveness: in peace " + report.address + " is " + report.state + ": " +
                  report.reason);
    }
  }
  if (segment_->deadline <= now_) check_.fail("liveness: in peace there is no lease");
  const bool is_whole = std::all_of(segment_->slots.begin(), segment_->slots.end(),
                                    [](SlotWord slot) { return slot.is_routable(); });
  if (!is_whole) check_.fail("liveness: in peace not every slot is routed");
}

void World::draw_fault() {
  if (now_ >= trouble_ends_) return;
  after(between(50_ms, 1500_ms), [this] { draw_fault(); });
  const std::uint64_t kind = random(10);
  if (kind < 6 && faults_.has_backend_faults) break_backend();
  if (kind == 6 && faults_.has_agent_crashes) crash_agent();
  if (kind == 7 && node_ != nullptr) {
    trace("the clock jumps");
    give(ClockJumped{"simulated"});
  }
  if (kind == 8 && faults_.has_flush_alls && node_ != nullptr) {
    // As a write of every key, acknowledged by the answer.
    const RequestId id{++last_request_};
    flush_all_begin_[id.value] = now_;
    trace("a flush of the pool is asked for");
    give(FlushAllAsked{id, "p", "sim"});
  }
  if (kind == 9 && node_ != nullptr && faults_.has_engine_faults) {
    trace("the lead is lost");
    give(LeadershipChanged{false, Term{life_}});
    after_in_life(between(10_ms, 3000_ms), [this] { give(LeadershipChanged{true, Term{life_}}); });
  }
}

void World::make_peace() {
  trace("--- peace ---");
  for (std::size_t i = 0; i < backends_.size(); ++i) {
    backends_[i].is_up = true;
    backends_[i].refuses_flush = backends_[i].lies_about_flush = false;
    look_soon(i);
  }
}

void World::trace(const std::string& text) const {
  if (!is_traced_) return;
  fmt::print(stderr, "{:11.6f} {}\n", static_cast<double>(now_.ns) / 1e9, text);
}

}  // namespace ringfence::sim
