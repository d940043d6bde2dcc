// What a cache may answer, which may forget anything at any time but may never lie: the judge of
// the random tests. Pure; KeyModel for one thread, SharedKey for any.
//
// KeyModel: a key that one thread alone writes. It knows which values the key may hold: the last
// one whose write was acknowledged, and each that was sent and never acknowledged (it may take
// effect at any later time). A miss is always allowed and teaches nothing.
//
// SharedKey: a key that many threads set and delete. Each set has a value of its own and a begin
// and an end on one clock. A hit is stale if a write that was acknowledged before its get began had
// itself begun after the value's own write had ended.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ringfence::live {

class KeyModel {
 public:
  using Values = std::set<std::string, std::less<>>;

  void stored(std::string value) { held_ = {std::move(value)}; }
  void perhaps_stored(std::string value) { in_limbo_.insert(std::move(value)); }
  void removed() { held_.clear(); }
  // An acknowledged change that depends on what was there.
  template <typename Change>
  void changed(Change change) {
    Values after;
    for (const std::string& value : all()) after.insert(change(value));
    held_ = std::move(after);
  }
  // A hit: false if it is a lie. A true one says what is held.
  [[nodiscard]] bool read(std::string_view value) {
    if (held_.find(value) == held_.end() && in_limbo_.find(value) == in_limbo_.end()) return false;
    held_ = {std::string(value)};
    return true;
  }
  [[nodiscard]] bool may_exist() const { return !held_.empty() || !in_limbo_.empty(); }
  // Nothing unacknowledged is about: what is held changes by this thread's own acknowledged writes.
  [[nodiscard]] bool is_certain() const { return in_limbo_.empty() && held_.size() <= 1; }
  [[nodiscard]] std::size_t size() const { return held_.size() + in_limbo_.size(); }
  [[nodiscard]] Values all() const {
    Values values = held_;
    values.insert(in_limbo_.begin(), in_limbo_.end());
    return values;
  }

 private:
  Values held_, in_limbo_;
};

// One clock for all keys: numbers that grow. seq_cst: what one thread saw end before another began
// must be ordered so for both.
class ModelClock {
 public:
  [[nodiscard]] std::uint64_t tick() { return now_.fetch_add(1) + 1; }

 private:
  std::atomic<std::uint64_t> now_{0};
};

class SharedKey {
 public:
  struct Begun {
    std::size_t number;   // of the set, for its value's text
    std::uint64_t begin;  // on the clock
  };

  [[nodiscard]] Begun begin_set(ModelClock& clock) {
    const std::lock_guard lock(mutex_);
    ends_.push_back(never);
    return {ends_.size() - 1, clock.tick()};
  }
  [[nodiscard]] static std::uint64_t begin_remove(ModelClock& clock) { return clock.tick(); }
  void acknowledge_set(const Begun& set, ModelClock& clock) {
    const std::lock_guard lock(mutex_);
    ends_[set.number] = clock.tick();
    overwritten_before_ = std::max(overwritten_before_, set.begin);
  }
  void acknowledge_remove(std::uint64_t begin) {
    const std::lock_guard lock(mutex_);
    overwritten_before_ = std::max(overwritten_before_, begin);
  }

  // Before a get: what a hit's set must not have ended before.
  [[nodiscard]] std::uint64_t floor() const {
    const std::lock_guard lock(mutex_);
    return overwritten_before_;
  }
  // Of a hit on set `number`: false if it is stale, or nobody wrote it.
  [[nodiscard]] bool may_be_read(std::size_t number, std::uint64_t floor) const {
    const std::lock_guard lock(mutex_);
    return number < ends_.size() && ends_[number] >= floor;
  }

 private:
  static constexpr std::uint64_t never = ~std::uint64_t{0};  // unacknowledged: never too old

  mutable std::mutex mutex_;
  std::vector<std::uint64_t> ends_;       // by the set's number
  std::uint64_t overwritten_before_ = 0;  // the latest begin of any acknowledged write
};

}  // namespace ringfence::live
