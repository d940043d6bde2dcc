// The process behind a backend of this very host. A killed memcached closes its sockets only after
// the kernel has freed its memory, some 80 ms a GiB later; /proc/PID/statm reads 0 within
// milliseconds. So where its memory is large, this tells of its end long before any connection.
// Owned by BackendWatch; the loop's thread. It needs no privilege, but a /proc that shows other
// users' processes.
#pragma once

#include <cstdint>
#include <string>

#include "agent/backends/dialogue.hpp"

namespace ringfence::agent::backends {

// `stat_text`: what /proc/PID/stat holds. When the process started, in clock ticks since boot;
// negative: it does not say.
[[nodiscard]] std::int64_t start_ticks_of(const std::string& stat_text);

class ProcessWatch {
 public:
  enum class Seen : std::uint8_t {
    nothing,  // no process is followed
    alive,
    gone,  // it has no memory any more, or is no more; it is no longer followed
  };

  ProcessWatch() = default;
  ~ProcessWatch() { stop(); }
  ProcessWatch(const ProcessWatch&) = delete;
  ProcessWatch& operator=(const ProcessWatch&) = delete;

  // Follows the process that a server on this host names as itself. Not one of another PID
  // namespace that happens to have the same number: it must have started when the server says.
  void follow(const ServerStats& stats);
  void stop();
  // Cost: one read of some 20 bytes, 2 us.
  [[nodiscard]] Seen look();
  // Whether looking often is worth it: its sockets would tell much later.
  [[nodiscard]] bool is_large() const { return resident_bytes_ >= large_bytes; }

 private:
  // Its sockets would close 40 ms after its end.
  static constexpr std::uint64_t large_bytes = std::uint64_t{512} << 20U;

  int statm_fd_ = -1;
  std::uint64_t resident_bytes_ = 0;
};

}  // namespace ringfence::agent::backends
