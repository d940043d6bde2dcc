// Threads that read a segment as shims do, all the time, and note whatever must never be seen: a
// torn backend record, an address that no backend has, a generation that fell, or a route without a
// lease.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "shm_layout/mapped_segment.hpp"

namespace ringfence::live {

class SegmentReaders {
 public:
  // Attaches to `path`, which must exist, and starts `thread_count` readers of their own mapping.
  SegmentReaders(const std::string& path, std::vector<std::string> addresses,
                 std::size_t thread_count);
  ~SegmentReaders();
  SegmentReaders(const SegmentReaders&) = delete;
  SegmentReaders& operator=(const SegmentReaders&) = delete;

  // From now on (until false) every route that says ok is a violation: the lease has ended. The
  // caller waits for a moment between the lease's end and this call.
  void expect_no_route(bool is_expected);

  [[nodiscard]] std::uint64_t routed_count() const;
  [[nodiscard]] std::uint64_t refused_count() const;
  [[nodiscard]] std::string violation() const;  // the first; empty: none

 private:
  void run(std::size_t seed);
  bool read_once(const shm_layout::SegmentReader& reader, std::uint64_t turn,
                 std::vector<std::uint64_t>& generations);
  void note(const std::string& text);

  std::string path_;
  std::vector<std::string> addresses_;
  // Odd while no route is expected. Release by the test, acquire by readers: what they route while
  // it stays the same odd number is after the lease.
  std::atomic<std::uint64_t> phase_{0};
  std::atomic<bool> is_ending_{false};           // relaxed: only ends loops
  std::atomic<std::uint64_t> routed_count_{0};   // relaxed: a count
  std::atomic<std::uint64_t> refused_count_{0};  // relaxed: a count
  mutable std::mutex mutex_;
  std::string violation_;
  std::vector<std::thread> threads_;
};

}  // namespace ringfence::live
