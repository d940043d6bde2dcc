// A pool's slots as a view holds them: in blocks that successive views share. A change touches few
// blocks, so a copy of a view, its digest, and the difference to another one cost what the change
// costs and not what the ring has. A value type; a block never changes once it is made, so tables
// that share blocks may be read in any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <vector>

#include "shm_layout/slot_word.hpp"

namespace ringfence::agent::core {

using shm_layout::SlotWord;

// How many slots name a backend: served by it, or unowned and kept for it.
struct Holding {
  std::uint16_t backend = 0;
  std::uint32_t served = 0, unserved = 0;
};

class SlotTable {
 public:
  // 2 KiB a block: small beside a view, and 256 blocks a ring.
  static constexpr std::size_t block_slots = 256;
  using Words = std::array<SlotWord, block_slots>;

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = SlotWord;
    using difference_type = std::ptrdiff_t;
    using pointer = const SlotWord*;
    using reference = const SlotWord&;

    Iterator(const SlotTable& table, std::size_t slot) : table_(&table), slot_(slot) {}
    reference operator*() const { return (*table_)[slot_]; }
    Iterator& operator++() {
      ++slot_;
      return *this;
    }
    Iterator operator++(int) { return {*table_, slot_++}; }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.slot_ == b.slot_; }

   private:
    const SlotTable* table_;
    std::size_t slot_;
  };

  SlotTable() = default;  // no slots at all
  // `slot_count`: a multiple of block_slots, as in `words`.
  SlotTable(std::size_t slot_count, SlotWord word);
  explicit SlotTable(std::span<const SlotWord> words);

  [[nodiscard]] std::size_t size() const { return blocks_.size() * block_slots; }
  [[nodiscard]] bool empty() const { return blocks_.empty(); }
  [[nodiscard]] const SlotWord& operator[](std::size_t slot) const {
    return blocks_[slot / block_slots]->words[slot % block_slots];
  }
  [[nodiscard]] Iterator begin() const { return {*this, 0}; }
  [[nodiscard]] Iterator end() const { return {*this, size()}; }

  [[nodiscard]] std::size_t block_count() const { return blocks_.size(); }
  [[nodiscard]] const Words& block(std::size_t index) const { return blocks_[index]->words; }
  // By backend, ascending; only who is named at all.
  [[nodiscard]] const std::vector<Holding>& holdings_of(std::size_t block) const {
    return blocks_[block]->holdings;
  }
  [[nodiscard]] std::vector<Holding> holdings() const;  // of all blocks
  // Both have the very same block there. False says nothing.
  [[nodiscard]] bool shares_block(const SlotTable& other, std::size_t index) const {
    return index < other.blocks_.size() && blocks_[index] == other.blocks_[index];
  }
  // XXH3-64 over the blocks' XXH3-64.
  [[nodiscard]] std::uint64_t digest() const;

  // Cost: of the blocks whose words really differ.
  void set_block(std::size_t index, const Words& words);
  // Each word becomes rule(word).
  template <typename Rule>
  void rewrite(const Rule& rule) {
    for (std::size_t i = 0; i < blocks_.size(); ++i) rewrite_block(i, rule);
  }
  // The same, where only words that name `backend` change.
  template <typename Rule>
  void rewrite_of(std::uint16_t backend, const Rule& rule) {
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      if (blocks_[i]->names(backend)) rewrite_block(i, rule);
    }
  }

  friend bool operator==(const SlotTable& a, const SlotTable& b);

 private:
  struct Block {
    explicit Block(const Words& all);
    [[nodiscard]] bool names(std::uint16_t backend) const;

    Words words;
    std::vector<Holding> holdings;
    std::uint64_t digest = 0;
  };

  template <typename Rule>
  void rewrite_block(std::size_t index, const Rule& rule) {
    Words words = blocks_[index]->words;
    for (SlotWord& word : words) word = rule(word);
    set_block(index, words);
  }

  std::vector<std::shared_ptr<const Block>> blocks_;
};

}  // namespace ringfence::agent::core
