// Slots in blocks that tables share.
#include "agent/core/slot_table.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "shm_layout/slot_word.hpp"

namespace ringfence::agent::core {
namespace {

using shm_layout::SlotState;

SlotWord served(std::uint16_t backend, std::uint64_t generation = 1) {
  return {SlotState::served, backend, generation};
}

TEST(SlotTable, MadeOfWordsThenReadsAsThem) {
  std::mt19937 random(1);
  std::vector<SlotWord> words(4 * SlotTable::block_slots);
  for (SlotWord& word : words) word = served(static_cast<std::uint16_t>(random() % 5), random());
  const SlotTable table(words);
  ASSERT_EQ(table.size(), words.size());
  EXPECT_EQ(std::vector<SlotWord>(table.begin(), table.end()), words);
  for (std::size_t i = 0; i < words.size(); ++i) ASSERT_EQ(table[i], words[i]);
}

TEST(SlotTable, CopyIsChangedThenOnlyTheChangedBlockIsAnother) {
  const SlotTable before(4 * SlotTable::block_slots, served(1));
  SlotTable after = before;
  SlotTable::Words words = after.block(2);
  words[7] = served(3);
  after.set_block(2, words);
  EXPECT_EQ(before[2 * SlotTable::block_slots + 7], served(1));
  EXPECT_EQ(after[2 * SlotTable::block_slots + 7], served(3));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(before.shares_block(after, i), i != 2);
  EXPECT_FALSE(before == after);
  EXPECT_NE(before.digest(), after.digest());
}

TEST(SlotTable, ChangedBackThenEqualAndOfTheSameDigest) {
  const SlotTable before(2 * SlotTable::block_slots, served(1));
  SlotTable after = before;
  after.rewrite([](SlotWord) { return served(2); });
  after.rewrite_of(2, [](SlotWord) { return served(1); });
  EXPECT_TRUE(before == after);
  EXPECT_EQ(before.digest(), after.digest());
}

TEST(SlotTable, SameWordsAreSetThenTheBlockStays) {
  const SlotTable before(SlotTable::block_slots, served(1));
  SlotTable after = before;
  after.rewrite([](SlotWord word) { return word; });
  EXPECT_TRUE(before.shares_block(after, 0));
}

TEST(SlotTable, HoldingsCountServedAndKeptByBackend) {
  std::vector<SlotWord> words(2 * SlotTable::block_slots, served(4));
  words[0] = served(9);
  words[300] = SlotWord(SlotState::unowned, 9, 1);
  const std::vector<Holding> holdings = SlotTable(words).holdings();
  ASSERT_EQ(holdings.size(), 2U);
  EXPECT_EQ(holdings[0].backend, 4);
  EXPECT_EQ(holdings[0].served, 2 * SlotTable::block_slots - 2);
  EXPECT_EQ(holdings[1].backend, 9);
  EXPECT_EQ(holdings[1].served, 1U);
  EXPECT_EQ(holdings[1].unserved, 1U);
}

TEST(SlotTable, OfAnotherSizeThenNoBlockIsShared) {
  const SlotTable table(SlotTable::block_slots, served(1));
  EXPECT_FALSE(table.shares_block(SlotTable(), 0));
  EXPECT_FALSE(table == SlotTable());
  EXPECT_TRUE(SlotTable().empty());
}

}  // namespace
}  // namespace ringfence::agent::core
