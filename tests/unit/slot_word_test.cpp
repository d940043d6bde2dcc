#include "shm_layout/slot_word.hpp"

#include <gtest/gtest.h>

namespace ringfence::shm_layout {
namespace {

TEST(SlotWord, PartsGivenThenPartsReadBack) {
  const SlotWord word(SlotState::served, 1023, 0x123456789);
  EXPECT_EQ(word.state(), SlotState::served);
  EXPECT_EQ(word.backend(), 1023);
  EXPECT_EQ(word.generation(), 0x123456789U);
  EXPECT_FALSE(word.is_fenced());
  EXPECT_TRUE(word.is_routable());
}

TEST(SlotWord, FencedThenNotRoutableAndNothingElseChanges) {
  const SlotWord word(SlotState::served, 7, 42);
  const SlotWord fenced = word.fenced();
  EXPECT_TRUE(fenced.is_fenced());
  EXPECT_FALSE(fenced.is_routable());
  EXPECT_EQ(fenced.backend(), word.backend());
  EXPECT_EQ(fenced.generation(), word.generation());
  EXPECT_EQ(fenced.state(), word.state());
  EXPECT_EQ(fenced.unfenced(), word);
}

TEST(SlotWord, UnownedThenNotRoutable) {
  EXPECT_FALSE(SlotWord(SlotState::unowned, 0, 42).is_routable());
  EXPECT_FALSE(SlotWord{}.is_routable());
}

TEST(SlotWord, UnknownStateThenNotRoutable) {
  for (unsigned state = 2; state < 128; ++state) {
    EXPECT_FALSE(SlotWord(static_cast<SlotState>(state), 0, 1).is_routable()) << state;
  }
}

TEST(SlotWord, HighestGenerationThenNoOtherFieldIsTouched) {
  const SlotWord word(SlotState::served, 0xffff, generation_max);
  EXPECT_EQ(word.generation(), generation_max);
  EXPECT_EQ(word.backend(), 0xffff);
  EXPECT_EQ(word.state(), SlotState::served);
  EXPECT_FALSE(word.is_fenced());
}

}  // namespace
}  // namespace ringfence::shm_layout
