// Four memcacheds of the benchmark's own and a segment that names them, all on one CPU with whoever
// asks them: figures are CPU work an operation then, and hold as ratios. One thread.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "shm_layout/segment_writer.hpp"

namespace ringfence::bench {

inline constexpr std::size_t server_count = 4;

class Fleet {
 public:
  Fleet();   // throws std::runtime_error where something does not start
  ~Fleet();  // ends the memcacheds by their pids
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  [[nodiscard]] std::uint16_t port(std::size_t server) const { return ports_[server]; }
  [[nodiscard]] std::span<const std::uint16_t> ports() const { return ports_; }
  // Of a twemproxy before them; 0 where it is not installed.
  [[nodiscard]] std::uint16_t proxy_port() const { return proxy_port_; }
  [[nodiscard]] const std::string& segment() const { return segment_; }

 private:
  void start_memcached(std::size_t server);
  void start_proxy();
  void write_segment();

  std::array<pid_t, server_count> pids_{};
  std::array<std::uint16_t, server_count> ports_{};
  pid_t proxy_pid_ = 0;
  std::uint16_t proxy_port_ = 0;
  std::string dir_, segment_;
  std::unique_ptr<shm_layout::SegmentWriter> writer_;
};

// A connected TCP socket with TCP_NODELAY; throws.
[[nodiscard]] int connect_to_port(std::uint16_t port);

}  // namespace ringfence::bench
