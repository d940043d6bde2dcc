// Reference-counted bytes: what one recv brought, or what waits to be sent. A request, a reply and
// a queue may share one chunk, so that values are not copied on their way.
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

 private:
  Chunk* chunk_ = nullptr;
};

}  // namespace ringfence::agent::port
