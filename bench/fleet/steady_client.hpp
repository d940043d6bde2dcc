// A process that sets and gets keys all the time, by the linked client, on slots that no change
// moves: whatever it waits for or loses is a pause or a loss that should not be.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "bench/fleet/segment_watch.hpp"

namespace ringfence::bench {

class SteadyClient {
 public:
  SteadyClient(const std::string& segment, const SegmentWatch& watch,
               const SegmentWatch::Slots& slots);
  ~SteadyClient();
  SteadyClient(const SteadyClient&) = delete;
  SteadyClient& operator=(const SteadyClient&) = delete;

  struct Outcome {
    std::uint64_t done = 0, failed = 0;
    std::int64_t slowest_ns = 0;
    std::string failure;  // the first
  };
  [[nodiscard]] Outcome end();

 private:
  void run(const std::string& segment);

  std::vector<std::string> keys_;
  std::atomic<bool> is_ready_{false};   // release by the client's thread, once it is connected
  std::atomic<bool> is_ending_{false};  // relaxed: only ends a loop
  Outcome outcome_;                     // of the thread, until it was joined
  std::thread thread_;
};

}  // namespace ringfence::bench
