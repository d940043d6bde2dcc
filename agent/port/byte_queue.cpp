#include "agent/port/byte_queue.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "agent/port/limits.hpp"

namespace ringfence::agent::port {
namespace {

constexpr std::size_t first_chunk_bytes = 1000;  // one small reply: from malloc's fastest bins
constexpr std::size_t next_chunk_bytes = 16 * kib - 64;
constexpr std::size_t iovec_count_max = 64;
constexpr std::size_t kept_segment_count = 8;

}  // namespace

bool ByteQueue::has_room(std::size_t bytes) const noexcept {
  if (first_ == segments_.size()) {
    return false;
  }
  const Segment& last = segments_.back();
  return !last.chunk.is_shared() && last.end == last.chunk->size && last.chunk.room() >= bytes;
}

void ByteQueue::append(std::string_view bytes, Account& account) {
  if (bytes.empty()) {
    return;
  }
  if (!has_room(bytes.size())) {
    const std::size_t usual = is_empty() ? first_chunk_bytes : next_chunk_bytes;
    segments_.push_back({ChunkRef::make(std::max(bytes.size(), usual), account), 0, 0});
  }
  Segment& last = segments_.back();
  std::memcpy(last.chunk->data() + last.end, bytes.data(), bytes.size());
  last.end += static_cast<std::uint32_t>(bytes.size());
  last.chunk->size = last.end;
  size_bytes_ += bytes.size();
}

void ByteQueue::append_slice(const ChunkRef& chunk, std::string_view slice, Account& account) {
  if (slice.size() < share_bytes_min) {
    append(slice, account);
    return;
  }
  const auto begin = static_cast<std::uint32_t>(slice.data() - chunk->data());
  segments_.push_back({chunk, begin, begin + static_cast<std::uint32_t>(slice.size())});
  size_bytes_ += slice.size();
}

void ByteQueue::splice(ByteQueue& other, Account& account) {
  for (std::size_t i = other.first_; i < other.segments_.size(); ++i) {
    Segment& segment = other.segments_[i];
    const std::size_t bytes = segment.end - segment.begin;
    if (bytes < first_chunk_bytes) {
      append({segment.chunk->data() + segment.begin, bytes}, account);
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
  std::array<iovec, iovec_count_max> parts{};
  std::size_t count = 0;
  for (std::size_t i = first_; i < segments_.size() && count < parts.size(); ++i) {
    const Segment& segment = segments_[i];
    parts[count++] = {segment.chunk->data() + segment.begin, segment.end - segment.begin};
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = count;
  const ssize_t sent = ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent >= 0) {
    consume(static_cast<std::size_t>(sent));
    return sent;
  }
  const bool is_full = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return is_full ? 0 : -errno;
}

}  // namespace ringfence::agent::port
