// Reader half of publishing; the writer half is segment_writer.hpp. Each function names its
// partner. A reader never writes (its mapping is read-only), never waits and never trusts: an index
// from the segment is bounded before each use.
//
// Thread-safety: all const functions may run on any number of threads.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "shm_layout/layout.hpp"
#include "shm_layout/result.hpp"
#include "shm_layout/segment_check.hpp"

namespace boost::interprocess {
class mapped_region;
}

namespace ringfence::shm_layout {

// Over bytes that somebody else owns (a mapping, a copy, a fuzzer's input).
class SegmentReader {
 public:
  SegmentReader() = default;

  // `bytes` must be 8-byte aligned and outlive the reader. Returns the check's verdict; the reader
  // is usable only after `ok`.
  [[nodiscard]] SegmentCheck open(std::span<const std::byte> bytes) noexcept;
  [[nodiscard]] bool is_open() const noexcept { return control_ != nullptr; }

  [[nodiscard]] const Identity& identity() const noexcept { return *identity_; }
  [[nodiscard]] const Control& control() const noexcept { return *control_; }

  // Acquire; pairs with the release (a fence: seq_cst) in SegmentWriter::store_slot.
  [[nodiscard]] SlotWord slot(std::uint32_t index) const noexcept {
    return SlotWord{slots_[index & (slot_count - 1)].load(std::memory_order_acquire)};
  }
  // Asks for the slot's cache line, which slot() will want.
  void prefetch_slot(std::uint32_t index) const noexcept {
    __builtin_prefetch(&slots_[index & (slot_count - 1)]);
  }
  [[nodiscard]] PoolWord pool() const noexcept {
    return PoolWord{control_->pool_word.load(std::memory_order_acquire)};
  }

  // Relaxed: one word by itself. Partner: SegmentWriter::store_answers.
  [[nodiscard]] AnswerWord answers() const noexcept {
    return AnswerWord{control_->answer_word.load(std::memory_order_relaxed)};
  }

  // A whole copy of a record, or nothing: index out of bounds, never written, being written for
  // longer than a few tries, or with a field that cannot be (family, missing NUL).
  // Partner: SegmentWriter::store_backend / store_intercept.
  [[nodiscard]] std::optional<BackendInfo> backend(std::uint32_t index) const noexcept;
  [[nodiscard]] std::optional<InterceptInfo> intercept(std::uint32_t index) const noexcept;
  // The record's sequence: changes with every rewrite; 0 out of bounds. Acquire.
  [[nodiscard]] std::uint64_t backend_sequence(std::uint32_t index) const noexcept;

  [[nodiscard]] std::uint32_t backend_count() const noexcept { return extents_.backend_count; }
  [[nodiscard]] std::uint32_t intercept_count() const noexcept { return extents_.intercept_count; }

 private:
  const Identity* identity_ = nullptr;
  const Control* control_ = nullptr;
  const InterceptRecord* intercepts_ = nullptr;
  const BackendRecord* backends_ = nullptr;
  const std::atomic<std::uint64_t>* slots_ = nullptr;
  SegmentExtents extents_{};
};

}  // namespace ringfence::shm_layout
