// How many connections to each backend all preloaded processes of this host may hold together, and
// the places that this process has of them. memcached takes 1,024 connections by default: many
// processes must not exhaust it.
//
// A place is one byte's lock of a file beside the segment, `shims/<segment>.connections`: the
// kernel gives it back when the process ends, however it ends, and nobody needs to be asked. Where
// there is no such file (a container that may only read), a process has a few places of its own.
// Any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "shim/preload/hidden_fd.hpp"

namespace ringfence::shim::preload {

// Where the segment does not tell: half of memcached's default.
inline constexpr std::uint32_t budget_default = 512;
// Of a process that cannot reckon with the others.
inline constexpr std::uint32_t budget_alone = 4;

class ConnectionBudget {
 public:
  static constexpr int no_place = -1;

  explicit ConnectionBudget(const std::string& segment_path);
  ConnectionBudget(const ConnectionBudget&) = delete;
  ConnectionBudget& operator=(const ConnectionBudget&) = delete;

  // no_place: all are taken. Some microseconds; up to 0.2 ms when most are taken.
  [[nodiscard]] int take(std::uint16_t backend, std::uint32_t budget);
  void give_back(std::uint16_t backend, int place) noexcept;

  void after_fork_in_child() noexcept;  // its places are the parent's

 private:
  void open() noexcept;
  [[nodiscard]] bool lock(std::uint16_t backend, std::uint32_t place, short type) noexcept;

  const std::string path_;
  std::mutex mutex_;  // what follows
  HiddenFd file_;
  bool is_opened_ = false;
  std::uint32_t next_ = 0;
  std::vector<std::vector<bool>> own_;  // places by backend
};

}  // namespace ringfence::shim::preload
