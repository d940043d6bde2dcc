// Sees in every agent's segment when a slot is fenced, when the next view stands there, and whether
// a slot that does not move is routed all the time: as the host's shims see it, by one clock for
// all agents. It looks every 100 µs, so that it leaves the machine to the agents.
// One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shm_layout/mapped_segment.hpp"

namespace ringfence::bench {

[[nodiscard]] std::int64_t monotonic_ns();

// Asks for the real-time scheduler, so that what is seen is not late because others build beside
// it. Children do not inherit it, unless this program itself was started so. False: not allowed.
bool watch_on_time();

class SegmentWatch {
 public:
  // Times are monotonic_ns(); 0: not seen.
  struct Seen {
    std::int64_t elected_ns = 0;                // a leader of a newer term, in any segment
    std::int64_t noticed_ns = 0;                // fenced on any host
    std::int64_t fenced_ns = 0, active_ns = 0;  // everywhere
    // The longest time between two looks of one wait that found the slot that stays routed on a
    // host.
    std::int64_t pause_ns = 0;
  };
  // `moving` is the last slot that a change moves (agents go through them in ascending order),
  // `staying` one that it leaves alone.
  struct Slots {
    std::uint32_t moving = 0, staying = 0;
    std::vector<bool> moves;  // of every slot
  };

  // Attaches to each path; throws where that fails.
  explicit SegmentWatch(const std::vector<std::string>& paths);

  [[nodiscard]] const shm_layout::SegmentReader& reader(std::size_t i) const {
    return segments_.at(i)->reader();
  }
  [[nodiscard]] std::uint64_t term() const;  // the highest in any segment

  // What stands there now is what the change begins from.
  void begin(const Slots& slots);
  // Until the change is active in all segments but those of `without`; throws after `limit_ns`.
  [[nodiscard]] Seen wait(std::int64_t limit_ns, const std::vector<std::size_t>& without = {});
  // Until each segment is held by a later life of its agent, under a new lease.
  [[nodiscard]] Seen wait_new_lives(std::int64_t limit_ns);

 private:
  struct Before {
    std::uint64_t epoch = 0, generation = 0, incarnation = 0;
    std::int64_t deadline_ns = 0;
    std::int64_t routed_ns = 0;  // when the staying slot was last seen routed
    bool is_fenced = false, is_active = false, is_watched = true;
  };
  [[nodiscard]] Seen look_until(const std::function<bool()>& is_done, std::int64_t limit_ns);
  void look(std::size_t i, std::int64_t now_ns, std::int64_t coarse_ns);
  [[nodiscard]] bool is_in_new_life(std::size_t i) const;

  std::vector<std::unique_ptr<shm_layout::MappedSegment>> segments_;
  std::vector<Before> before_;
  Slots slots_;
  std::uint64_t term_ = 0;
  Seen seen_;
};

}  // namespace ringfence::bench
