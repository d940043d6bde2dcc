#include "agent/core/slot_table.hpp"

#include <algorithm>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace ringfence::agent::core {
namespace {

// Slots side by side mostly belong to the same one, so the last is looked at first.
class Tally {
 public:
  void add(std::uint16_t backend, std::uint32_t served, std::uint32_t unserved) {
    if (last_ >= holdings_.size() || holdings_[last_].backend != backend) seek(backend);
    holdings_[last_].served += served;
    holdings_[last_].unserved += unserved;
  }
  [[nodiscard]] std::vector<Holding> take() { return std::move(holdings_); }

 private:
  void seek(std::uint16_t backend) {
    const auto place = std::lower_bound(
        holdings_.begin(), holdings_.end(), backend,
        [](const Holding& holding, std::uint16_t index) { return holding.backend < index; });
    last_ = static_cast<std::size_t>(place - holdings_.begin());
    if (place == holdings_.end() || place->backend != backend) {
      holdings_.insert(place, {backend, 0, 0});
    }
  }

  std::vector<Holding> holdings_;
  std::size_t last_ = 0;
};

}  // namespace

SlotTable::Block::Block(const Words& all)
    : words(all), digest(XXH3_64bits(all.data(), sizeof(all))) {
  Tally tally;
  for (const SlotWord word : words) {
    const bool is_served = word.is_routable();
    tally.add(word.backend(), is_served ? 1 : 0, is_served ? 0 : 1);
  }
  holdings = tally.take();
}

bool SlotTable::Block::names(std::uint16_t backend) const {
  return std::any_of(holdings.begin(), holdings.end(),
                     [backend](const Holding& holding) { return holding.backend == backend; });
}

SlotTable::SlotTable(std::size_t slot_count, SlotWord word) {
  Words words;
  words.fill(word);
  blocks_.assign(slot_count / block_slots, std::make_shared<const Block>(words));
}

SlotTable::SlotTable(std::span<const SlotWord> words) {
  for (; words.size() >= block_slots; words = words.subspan(block_slots)) {
    Words block;
    std::copy_n(words.begin(), block_slots, block.begin());
    blocks_.push_back(std::make_shared<const Block>(block));
  }
}

std::vector<Holding> SlotTable::holdings() const {
  Tally tally;
  for (const auto& block : blocks_) {
    for (const Holding& held : block->holdings) tally.add(held.backend, held.served, held.unserved);
  }
  return tally.take();
}

std::uint64_t SlotTable::digest() const {
  std::vector<std::uint64_t> digests;
  digests.reserve(blocks_.size());
  for (const auto& block : blocks_) digests.push_back(block->digest);
  return XXH3_64bits(digests.data(), digests.size() * sizeof(digests[0]));
}

void SlotTable::set_block(std::size_t index, const Words& words) {
  if (words != blocks_[index]->words) blocks_[index] = std::make_shared<const Block>(words);
}

bool operator==(const SlotTable& a, const SlotTable& b) {
  if (a.blocks_.size() != b.blocks_.size()) return false;
  for (std::size_t i = 0; i < a.blocks_.size(); ++i) {
    if (!a.shares_block(b, i) && a.block(i) != b.block(i)) return false;
  }
  return true;
}

}  // namespace ringfence::agent::core
