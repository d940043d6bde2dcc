// How many connections to each backend all preloaded processes of this host may hold together, and
// the places that this process has of them. memcached takes 1,024 connections by default: many
// processes must not exhaust it.
//
// A place is a read lock on one byte of a file beside the segment that nobody else has locked
// (shm_layout/connection_places.hpp): the kernel gives it back when the process ends, however it
// ends, and nobody needs to be asked. Of two that lock one byte at once both may see the other and
// leave it: a place is free for a moment then, and never held twice. Where there is no such file
// (an older agent), a process has a few places of its own. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "shim/preload/hidden_fd.hpp"
#include "shm_layout/connection_places.hpp"

namespace ringfence::shim::preload {

// Of a process that cannot reckon with the others.
inline constexpr std::uint32_t budget_alone = 4;
// Places that others may have which are asked about: with 9 of 10 taken, one of 30 searches finds
// none and tries again when the backend is no longer spared.
inline constexpr std::uint32_t looks_max = 32;

class ConnectionBudget {
 public:
  static constexpr int no_place = -1;

  explicit ConnectionBudget(std::string segment_path);
  ConnectionBudget(const ConnectionBudget&) = delete;
  ConnectionBudget& operator=(const ConnectionBudget&) = delete;

  // no_place: none was found. A system call for each place that another has, three for the one
  // that is taken, and in each the kernel looks through the file's locks. Of 512 places: 1.4 us
  // where none is taken, 6 us where half are, 50 us where all are.
  [[nodiscard]] int take(std::uint16_t backend, std::uint32_t budget);
  void give_back(std::uint16_t backend, int place) noexcept;

  void after_fork_in_child() noexcept;  // its places are the parent's

 private:
  struct File {
    HiddenFd fd;
    bool is_looked_for = false;
  };
  [[nodiscard]] File& file_of(std::uint16_t backend);
  [[nodiscard]] std::uint32_t random() noexcept;

  const std::string segment_path_;
  std::mutex mutex_;  // what follows
  std::array<File, shm_layout::places_file_count> files_;
  std::uint32_t random_ = 0;
  std::vector<std::vector<bool>> own_;  // places by backend
};

}  // namespace ringfence::shim::preload
