// Bytes that wait to be sent, in order: small ones gathered by copy in an arena, large ones shared.
// One I/O thread; no system calls but in write_to.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/port/chunk.hpp"

namespace ringfence::agent::port {

class ByteQueue {
 public:
  // Copies; to where the arena has room, or, of a queue that has grown long, to a chunk of its own.
  void append(std::string_view bytes, Arena& arena);
  // Shares `chunk` when `slice` (a part of it) is large enough to be worth it, else copies.
  void append_slice(const ChunkRef& chunk, std::string_view slice, Arena& arena);
  // Moves all of `other` to the end of this queue.
  void splice(ByteQueue& other, Arena& arena);

  [[nodiscard]] std::size_t size_bytes() const noexcept { return size_bytes_; }
  [[nodiscard]] bool is_empty() const noexcept { return size_bytes_ == 0; }
  void clear() noexcept;

  // One send. Returns the bytes taken, 0 when the socket is full, or -errno.
  [[nodiscard]] long write_to(int fd);
  // Copies out and forgets everything (for short texts).
  [[nodiscard]] std::string_view front() const noexcept;

 private:
  struct Segment {
    ChunkRef chunk;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    bool is_ours = false;  // copied: more may be appended where it ends
  };
  [[nodiscard]] bool has_room(std::size_t bytes) const noexcept;
  void add_room(std::size_t bytes, Arena& arena);
  void consume(std::size_t bytes) noexcept;

  std::vector<Segment> segments_;
  std::size_t first_ = 0;  // segments before it are spent
  std::size_t size_bytes_ = 0;
};

}  // namespace ringfence::agent::port
