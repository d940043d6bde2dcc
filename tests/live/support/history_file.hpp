// What client processes of one history share: a file that all of them map. Each key has one writer.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>

namespace ringfence::live {

inline constexpr std::size_t history_keys = 12;

// seq_cst throughout: an acknowledgement must be seen by a get that begins after it.
struct HistoryCounts {
  struct OfKey {
    std::atomic<std::uint64_t> attempted, acknowledged;
  };
  std::array<OfKey, history_keys> keys;
  std::atomic<std::uint64_t> stored, hits, misses, stale, refused;
  std::atomic<std::uint32_t> is_over;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

inline std::string history_key(std::size_t index) {
  return "key" + std::to_string(index);
}

// Maps `path`, making it if there is none. Never unmapped: it lives as long as its process.
inline HistoryCounts& map_history(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);  // NOLINT
  void* memory = MAP_FAILED;
  if (fd >= 0 && ftruncate(fd, sizeof(HistoryCounts)) == 0) {
    memory = mmap(nullptr, sizeof(HistoryCounts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  if (memory == MAP_FAILED) throw std::runtime_error("cannot map " + path);
  close(fd);
  return *static_cast<HistoryCounts*>(memory);  // zero pages are zero counts
}

}  // namespace ringfence::live
