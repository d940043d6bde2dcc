// The commands that wait for their answers, in order. One thread pushes, one thread pops, without a
// lock between them; entries that were answered are used again.
//
//   first_ ... (answered, spare) ... last_read_ -> head -> ... -> last_
//
// The entry at last_read_ is the one that was answered last: the next is the head.
#pragma once

#include <atomic>
#include <cstddef>
#include <new>

#include "shim/preload/entry.hpp"

namespace ringfence::shim::preload {

class Fifo {
 public:
  Fifo() noexcept = default;
  ~Fifo() {
    for (Entry* entry = first_; entry != nullptr;) {
      Entry* next = entry->next.load(std::memory_order_relaxed);
      delete entry;
      entry = next;
    }
  }
  Fifo(const Fifo&) = delete;
  Fifo& operator=(const Fifo&) = delete;

  // --- The sending side.

  // False: no memory. Before anything else.
  [[nodiscard]] bool prepare() noexcept {
    if (first_ != nullptr) return true;
    auto* dummy = new (std::nothrow) Entry;
    if (dummy == nullptr) return false;
    first_ = last_ = seen_read_ = dummy;
    last_read_.store(dummy, std::memory_order_relaxed);
    return true;
  }
  // An entry to fill and push; null when there is no memory.
  [[nodiscard]] Entry* spare() noexcept {
    if (spare_ == nullptr) spare_ = take_spare();
    if (spare_ != nullptr) spare_->clear();
    return spare_;
  }
  // The one that spare() returned last.
  void push() noexcept {
    Entry* entry = spare_;
    spare_ = nullptr;
    entry->next.store(nullptr, std::memory_order_relaxed);
    // Release; pairs with the acquire in head(): who sees the entry sees it filled.
    last_->next.store(entry, std::memory_order_release);
    last_ = entry;
    pushed_.store(pushed_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  // Each entry that is not popped yet, and perhaps some that just were; what never changes in them.
  template <typename Function>
  [[nodiscard]] bool any_waiting(Function function) const noexcept {
    const Entry* entry = last_read_.load(std::memory_order_acquire);
    for (entry = after(*entry); entry != nullptr; entry = after(*entry)) {
      if (function(*entry)) return true;
    }
    return false;
  }

  // --- The receiving side.

  [[nodiscard]] Entry* head() const noexcept {
    const Entry* last = last_read_.load(std::memory_order_relaxed);
    return last == nullptr ? nullptr : after(*last);
  }
  // The head's memory is the sending side's from the next pop on.
  void pop() noexcept {
    // Release; pairs with the acquires of the sending side, which fills it again.
    last_read_.store(head(), std::memory_order_release);
    popped_.store(popped_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  // --- Any thread; acquire: who sees it empty sees what was done before.
  [[nodiscard]] std::size_t size() const noexcept {
    const std::size_t popped = popped_.load(std::memory_order_acquire);
    return pushed_.load(std::memory_order_acquire) - popped;
  }
  [[nodiscard]] bool is_empty() const noexcept { return size() == 0; }

 private:
  [[nodiscard]] static Entry* after(const Entry& entry) noexcept {
    return entry.next.load(std::memory_order_acquire);
  }
  [[nodiscard]] Entry* take_spare() noexcept {
    if (first_ == seen_read_) seen_read_ = last_read_.load(std::memory_order_acquire);
    if (first_ == seen_read_) return new (std::nothrow) Entry;
    Entry* entry = first_;
    first_ = after(*entry);
    return entry;
  }

  Entry* spare_ = nullptr;      // the sending side's, as the next three
  Entry* first_ = nullptr;      // the oldest that is spare
  Entry* last_ = nullptr;       // the newest
  Entry* seen_read_ = nullptr;  // what last_read_ was when it was looked at
  std::atomic<Entry*> last_read_{nullptr};
  std::atomic<std::size_t> pushed_{0};
  std::atomic<std::size_t> popped_{0};
};

}  // namespace ringfence::shim::preload
