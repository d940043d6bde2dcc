// A watcher on a loop of its own, and what it has told. One thread; a limit on every wait.
#pragma once

#include <uv.h>

#include <algorithm>
#include <string>
#include <variant>
#include <vector>

#include "agent/backends/watcher.hpp"
#include "tests/live/support/turning_loop.hpp"

namespace ringfence::live {

using agent::backends::Watcher;
using agent::backends::WatchSettings;
using namespace agent::core;  // NOLINT(google-build-using-namespace): event names

class WatcherRig {
 public:
  explicit WatcherRig(std::uint8_t cluster = 7)
      : watcher_(loop_.get(), {cluster_id(cluster), "test", "here"},
                 [this](const Event& event) { events_.push_back(event); }) {
    watcher_.configure("pool", {50_ms, 200_ms, 200_ms});
  }
  ~WatcherRig() {
    watcher_.close([] {});
    loop_.end();
  }
  WatcherRig(const WatcherRig&) = delete;
  WatcherRig& operator=(const WatcherRig&) = delete;

  [[nodiscard]] static ClusterId cluster_id(std::uint8_t byte) {
    ClusterId id{};
    id.fill(byte);
    return id;
  }

  void watch(const std::string& address) { watcher_.start({"pool", address}); }
  Watcher& watcher() { return watcher_; }

  [[nodiscard]] bool until(const std::function<bool()>& is_true, Milliseconds limit = patience) {
    return loop_.until(is_true, limit);
  }
  void turn_for(Milliseconds time) { loop_.turn_for(time); }

  template <typename Kind>
  [[nodiscard]] std::size_t count() const {
    return static_cast<std::size_t>(
        std::count_if(events_.begin(), events_.end(),
                      [](const Event& event) { return std::holds_alternative<Kind>(event); }));
  }
  // The next of this kind after those that were taken; a default one when none comes.
  template <typename Kind>
  [[nodiscard]] Kind next(Milliseconds limit = patience) {
    const std::size_t wanted = ++taken_[Event(Kind{}).index()];
    if (!until([&] { return count<Kind>() >= wanted; }, limit)) return Kind{};
    std::size_t seen = 0;
    for (const Event& event : events_) {
      const Kind* kind = std::get_if<Kind>(&event);
      if (kind != nullptr && ++seen == wanted) return *kind;
    }
    return Kind{};
  }
  // Orders the flush and waits for its end.
  [[nodiscard]] FlushFinished flush(const std::string& address) {
    watcher_.flush({RequestId{++flush_id_}, "pool", address});
    return next<FlushFinished>();
  }
  [[nodiscard]] agent::backends::WatchCounters counters(const std::string& address) const {
    return watcher_.counters("pool", address);
  }

 private:
  TurningLoop loop_;
  std::vector<Event> events_;
  std::size_t taken_[std::variant_size_v<Event>] = {};
  std::uint64_t flush_id_ = 0;
  Watcher watcher_;
};

}  // namespace ringfence::live
