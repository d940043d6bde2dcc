// The fleet that is measured: real agents and memcacheds on this machine, each agent with
// directories, ports and a mesh address of its own, all with their default times but for what keeps
// a lost backend from coming back at once. And the changes that are asked of it.
// One thread; what it starts ends with it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/fleet/segment_watch.hpp"
#include "tests/live/support/agents.hpp"

namespace ringfence::bench {

// Two always serve, so that the slots of the others have somewhere to go.
inline constexpr std::size_t backend_count = 6;

class Rig {
 public:
  // Starts `agent_count` agents, and makes room for one that joins later.
  explicit Rig(std::size_t agent_count);

  [[nodiscard]] live::Agents& agents() { return *agents_; }
  [[nodiscard]] std::size_t size() const { return agent_count_; }
  [[nodiscard]] std::size_t joiner() const { return agent_count_; }
  void start(std::size_t i);
  void remove(const std::string& address);  // by command
  void settle() { settle(backend_count); }  // all agree, and all backends serve
  void settle(std::size_t serving_count);

  [[nodiscard]] std::vector<std::string> segments() const;
  // Attached to all agents' segments.
  [[nodiscard]] SegmentWatch watch() const { return SegmentWatch{segments()}; }

  // Slots that a change of this backend's weight, or its loss, moves and leaves alone.
  [[nodiscard]] SegmentWatch::Slots slots_of_weight(const SegmentWatch& watch, std::size_t backend,
                                                    std::uint32_t weight) const;
  [[nodiscard]] SegmentWatch::Slots slots_of_loss(const SegmentWatch& watch,
                                                  std::size_t backend) const {
    return slots_of_loss(watch, address(backend));
  }
  [[nodiscard]] static SegmentWatch::Slots slots_of_loss(const SegmentWatch& watch,
                                                         const std::string& address);
  // That go to a backend that comes, or comes back.
  [[nodiscard]] static SegmentWatch::Slots slots_of_coming(const SegmentWatch& watch,
                                                           const std::string& address);
  [[nodiscard]] std::string address(std::size_t backend) const;

 private:
  const std::size_t agent_count_;
  std::unique_ptr<live::Agents> agents_;
};

// Asks an agent over its control socket for a backend's weight, on a thread of its own and again
// until it says yes.
class WeightRequest {
 public:
  WeightRequest(const live::Agent& agent, const std::string& address, std::uint32_t weight);
  ~WeightRequest();
  WeightRequest(const WeightRequest&) = delete;
  WeightRequest& operator=(const WeightRequest&) = delete;

 private:
  std::atomic<bool> is_ending_{false};  // relaxed: only ends a loop
  std::thread thread_;
};

}  // namespace ringfence::bench
