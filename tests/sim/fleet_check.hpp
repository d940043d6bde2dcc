// What must hold in a fleet, judged by what is truly so on all hosts: the log as it was committed,
// each segment with its deadline, and what was truly flushed. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/core/replica.hpp"
#include "tests/sim/check.hpp"
#include "tests/sim/schedule.hpp"

namespace ringfence::sim {

// What the processes of a host route by; it outlives the agent.
struct Segment {
  std::size_t host = 0;
  ViewPtr view;
  const Pool* pool = nullptr;  // in `view`
  std::vector<bool> fenced;    // by slot
  Instant deadline;            // on the host's clock
  bool is_raised = true;       // false: a mutation that leaves the generations as they were

  [[nodiscard]] SlotWord word(std::uint32_t slot) const;
  [[nodiscard]] bool is_routable(std::uint32_t slot) const {
    return pool != nullptr && !fenced[slot] && pool->slots[slot].is_routable();
  }
  [[nodiscard]] std::string address(std::uint16_t backend) const;
};

class FleetCheck {
 public:
  using Segments = std::vector<std::weak_ptr<Segment>>;  // of all hosts and all fleets

  FleetCheck(Check& check, const Segments& segments, std::function<Instant(std::size_t)> clock_of)
      : check_(check), segments_(segments), clock_of_(std::move(clock_of)) {}

  // The next entry of the log.
  void committed(LogIndex index, const std::string& bytes);
  // --- what a host's agent orders ---
  void fencing(std::size_t host, const FenceSlots& order);
  void publishing(const Segment& segment, const PublishView& order);
  // Of a lease: no grant outlives the newest word of a quorum by more than a lease.
  void setting_deadline(std::size_t host, Instant until_truly);
  void flushing(std::size_t host, const std::string& address, bool serves_there);

  // --- what truly happened ---
  void confirmed(Instant submitted_at) { confirmed_at_ = std::max(confirmed_at_, submitted_at); }
  void flushed(const std::string& address);
  void had_trouble(const std::string& address) { has_trouble_[address] = true; }
  void flush_all_asked() { was_flush_all_asked_ = true; }

  [[nodiscard]] ViewPtr view() const { return replica_.view(); }
  [[nodiscard]] const OpenChange* open() const { return replica_.open(); }
  [[nodiscard]] std::string snapshot() const { return replica_.snapshot(); }

 private:
  void activating(const OpenChange& open);
  // A host that may still route by a slot that the change moves; empty: nobody may.
  [[nodiscard]] std::string who_routes(const OpenChange& open) const;
  void was_flushed(const OpenChange& open, const std::string& address);
  void flushed_without_tags(const OpenChange& open);
  void left_enough(const OpenChange& open);
  void moved_least(const View& before, const View& after, const Proposal& proposal);

  Check& check_;
  const Segments& segments_;
  std::function<Instant(std::size_t)> clock_of_;
  Replica replica_;  // of the committed log
  std::map<std::string, std::uint64_t> flushed_, lost_;
  std::map<std::string, std::uint64_t> fenced_flush_;  // while nobody routed what is to move
  std::uint64_t proposed_ = 0;                         // the open change
  std::map<std::string, bool> has_trouble_;            // since its admission
  std::set<std::uint64_t> moves_;                      // of every change: a sum of its slots
  bool was_flush_all_asked_ = false;
  std::uint64_t order_ = 0;  // of what happens
  Instant confirmed_at_;
};

}  // namespace ringfence::sim
