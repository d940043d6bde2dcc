// Reference-counted bytes: what one recv brought, or what waits to be sent. A request, a reply and
// a queue may share one chunk, so that values are not copied on their way.
// An arena hands out one chunk piece by piece, so that many short pieces cost no allocation.
// One I/O thread owns a chunk for all its life; nothing here is atomic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <utility>

namespace ringfence::agent::port {

// How many bytes all chunks of one purpose hold. Outlives its chunks.
struct Account {
  std::size_t bytes = 0;
};

struct Chunk {
  Account* account;
  std::uint32_t reference_count;
  std::uint32_t capacity;
  std::uint32_t size;  // bytes in use, from the front
  std::uint32_t reserved;

  [[nodiscard]] char* data() noexcept { return reinterpret_cast<char*>(this + 1); }
};

class ChunkRef {
 public:
  ChunkRef() = default;
  ChunkRef(const ChunkRef& other) noexcept : chunk_(other.chunk_) {
    if (chunk_ != nullptr) {
      ++chunk_->reference_count;
    }
  }
  ChunkRef(ChunkRef&& other) noexcept : chunk_(std::exchange(other.chunk_, nullptr)) {}
  ChunkRef& operator=(ChunkRef other) noexcept {
    std::swap(chunk_, other.chunk_);
    return *this;
  }
  ~ChunkRef() { reset(); }

  [[nodiscard]] static ChunkRef make(std::size_t capacity, Account& account) {
    void* memory = ::operator new(sizeof(Chunk) + capacity);
    account.bytes += capacity;
    ChunkRef made;
    made.chunk_ = new (memory) Chunk{&account, 1, static_cast<std::uint32_t>(capacity), 0, 0};
    return made;
  }

  void reset() noexcept {
    Chunk* chunk = std::exchange(chunk_, nullptr);
    if (chunk == nullptr || --chunk->reference_count != 0) {
      return;
    }
    chunk->account->bytes -= chunk->capacity;
    ::operator delete(chunk);
  }

  explicit operator bool() const noexcept { return chunk_ != nullptr; }
  Chunk* operator->() const noexcept { return chunk_; }
  [[nodiscard]] bool is_shared() const noexcept { return chunk_->reference_count > 1; }
  [[nodiscard]] std::size_t room() const noexcept { return chunk_->capacity - chunk_->size; }
  [[nodiscard]] bool is_same(const ChunkRef& other) const noexcept {
    return chunk_ == other.chunk_;
  }

 private:
  Chunk* chunk_ = nullptr;
};

// Room at the end of a chunk, which whoever uses it takes by moving the chunk's size on. While
// nobody else holds the chunk its room is whole again, so in a calm turn the same memory serves
// every piece. A piece that is held for long keeps its whole chunk.
class Arena {
 public:
  Arena(std::size_t chunk_bytes, Account& account) noexcept
      : chunk_bytes_(chunk_bytes), account_(&account) {}

  [[nodiscard]] std::size_t chunk_bytes() const noexcept { return chunk_bytes_; }
  // `bytes`: at most a chunk's.
  [[nodiscard]] ChunkRef& with_room(std::size_t bytes) {
    if (chunk_ && !chunk_.is_shared()) chunk_->size = 0;
    if (!chunk_ || chunk_.room() < bytes) chunk_ = ChunkRef::make(chunk_bytes_, *account_);
    return chunk_;
  }
  [[nodiscard]] const ChunkRef& chunk() const noexcept { return chunk_; }
  [[nodiscard]] Account& account() const noexcept { return *account_; }

 private:
  std::size_t chunk_bytes_;
  Account* account_;
  ChunkRef chunk_;
};

}  // namespace ringfence::agent::port
