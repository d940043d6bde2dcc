#include "agent/port/byte_queue.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "agent/port/limits.hpp"

namespace ringfence::agent::port {
namespace {

// From this size on a piece that waited is moved rather than copied.
constexpr std::size_t move_bytes_min = 1000;
// A queue that holds more takes chunks of its own: its receiver is slow, and would keep an arena's.
constexpr std::size_t arena_bytes_max = 8 * kib;
constexpr std::size_t own_chunk_bytes = 16 * kib - 64;
constexpr std::size_t iovec_count_max = 64;
constexpr std::size_t kept_segment_count = 8;

}  // namespace

bool ByteQueue::has_room(std::size_t bytes) const noexcept {
  if (first_ == segments_.size()) return false;
  const Segment& last = segments_.back();
  return last.is_ours && last.end == last.chunk->size && last.chunk.room() >= bytes;
}

void ByteQueue::add_room(std::size_t bytes, Arena& arena) {
  const bool is_small = bytes <= arena.chunk_bytes() / 4 && size_bytes_ <= arena_bytes_max;
  ChunkRef chunk = is_small ? arena.with_room(bytes)
                            : ChunkRef::make(std::max(bytes, own_chunk_bytes), arena.account());
  const std::uint32_t begin = chunk->size;
  segments_.push_back({std::move(chunk), begin, begin, true});
}

void ByteQueue::append(std::string_view bytes, Arena& arena) {
  if (bytes.empty()) return;
  if (!has_room(bytes.size())) add_room(bytes.size(), arena);
  Segment& last = segments_.back();
  std::memcpy(last.chunk->data() + last.end, bytes.data(), bytes.size());
  last.end += static_cast<std::uint32_t>(bytes.size());
  last.chunk->size = last.end;
  size_bytes_ += bytes.size();
}

void ByteQueue::append_slice(const ChunkRef& chunk, std::string_view slice, Arena& arena) {
  if (slice.size() < share_bytes_min) {
    append(slice, arena);
    return;
  }
  const auto begin = static_cast<std::uint32_t>(slice.data() - chunk->data());
  segments_.push_back({chunk, begin, begin + static_cast<std::uint32_t>(slice.size()), false});
  size_bytes_ += slice.size();
}

void ByteQueue::splice(ByteQueue& other, Arena& arena) {
  for (std::size_t i = other.first_; i < other.segments_.size(); ++i) {
    Segment& segment = other.segments_[i];
    const std::size_t bytes = segment.end - segment.begin;
    if (bytes < move_bytes_min) {
      append({segment.chunk->data() + segment.begin, bytes}, arena);
      continue;
    }
    size_bytes_ += bytes;
    segments_.push_back(std::move(segment));
  }
  other.clear();
}

void ByteQueue::clear() noexcept {
  if (segments_.capacity() > kept_segment_count) {
    segments_ = {};
  } else {
    segments_.clear();
  }
  first_ = 0;
  size_bytes_ = 0;
}

std::string_view ByteQueue::front() const noexcept {
  if (is_empty()) {
    return {};
  }
  const Segment& segment = segments_[first_];
  return {segment.chunk->data() + segment.begin, segment.end - segment.begin};
}

void ByteQueue::consume(std::size_t bytes) noexcept {
  size_bytes_ -= bytes;
  if (size_bytes_ == 0) {
    clear();
    return;
  }
  while (bytes > 0) {
    Segment& segment = segments_[first_];
    const std::size_t part = std::min<std::size_t>(bytes, segment.end - segment.begin);
    segment.begin += static_cast<std::uint32_t>(part);
    bytes -= part;
    if (segment.begin == segment.end) {
      segment.chunk.reset();
      ++first_;
    }
  }
  if (first_ > kept_segment_count && first_ * 2 > segments_.size()) {
    segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

long ByteQueue::write_to(int fd) {
  constexpr int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
  ssize_t sent = 0;
  if (segments_.size() - first_ == 1) {
    const std::string_view all = front();
    sent = ::send(fd, all.data(), all.size(), flags);
  } else {
    std::array<iovec, iovec_count_max> parts;  // NOLINT(*-member-init): filled as far as it is used
    const std::size_t count = std::min(segments_.size() - first_, parts.size());
    for (std::size_t i = 0; i < count; ++i) {
      const Segment& segment = segments_[first_ + i];
      parts[i] = {segment.chunk->data() + segment.begin, segment.end - segment.begin};
    }
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    sent = ::sendmsg(fd, &message, flags);
  }
  if (sent >= 0) {
    consume(static_cast<std::size_t>(sent));
    return sent;
  }
  const bool is_full = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return is_full ? 0 : -errno;
}

}  // namespace ringfence::agent::port
