// Virtual time and chance: what is to happen, in order, and every draw from the seed. The same seed
// gives the same run. One thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <random>
#include <utility>
#include <vector>

#include "agent/core/types.hpp"

namespace ringfence::sim {

using namespace agent::core;  // NOLINT(google-build-using-namespace): the simulator is its shell

class Schedule {
 public:
  explicit Schedule(std::uint64_t seed) : random_(seed) {}

  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] std::uint64_t random(std::uint64_t below) { return random_() % below; }
  [[nodiscard]] bool chance(std::uint64_t percent) { return random(100) < percent; }
  [[nodiscard]] Duration between(Duration low, Duration high) {
    return {low.ns +
            static_cast<std::int64_t>(random(static_cast<std::uint64_t>(high.ns - low.ns)))};
  }
  void after(Duration delay, std::function<void()> action) {
    queue_.push_back({now_ + std::max(delay, Duration{}), ++order_, std::move(action)});
    std::push_heap(queue_.begin(), queue_.end());
  }
  // Does what comes next; false when there is nothing before `end`.
  bool step(Instant end) {
    if (queue_.empty() || queue_.front().at > end) return false;
    std::pop_heap(queue_.begin(), queue_.end());
    const Scheduled next = std::move(queue_.back());
    queue_.pop_back();
    now_ = next.at;
    next.action();
    return true;
  }

 private:
  struct Scheduled {
    Instant at;
    std::uint64_t order = 0;
    std::function<void()> action;
    friend bool operator<(const Scheduled& a, const Scheduled& b) {
      return a.at != b.at ? a.at > b.at : a.order > b.order;
    }
  };
  std::mt19937_64 random_;
  Instant now_{1'000'000'000};
  std::uint64_t order_ = 0;
  std::vector<Scheduled> queue_;  // a heap
};

}  // namespace ringfence::sim
