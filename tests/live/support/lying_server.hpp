// Stands before a real memcached, passes everything on, and answers flush_all with OK without doing
// it: a server that must not be admitted. Its thread ends with it.
#pragma once

#include <atomic>
#include <string>
#include <thread>

#include "tests/live/support/memcached.hpp"

namespace ringfence::live {

class LyingServer {
 public:
  LyingServer();
  ~LyingServer();
  LyingServer(const LyingServer&) = delete;
  LyingServer& operator=(const LyingServer&) = delete;

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] Memcached& behind() { return memcached_; }
  [[nodiscard]] std::uint64_t flush_count() const { return flush_count_; }  // asked, not done

 private:
  void run();
  void serve(int client_fd);

  Memcached memcached_;
  std::string address_;
  int listen_fd_ = -1;
  std::atomic<bool> is_ending_{false};         // relaxed: only ends loops, orders nothing
  std::atomic<std::uint64_t> flush_count_{0};  // relaxed: a count
  std::thread thread_;
};

}  // namespace ringfence::live
