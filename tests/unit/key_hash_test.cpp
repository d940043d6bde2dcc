// Golden vectors of the key hash: a slot never changes for a key, in any version.
// The values are the top 16 bits of what XXH3_64bits of the shared libxxhash 0.8.1 returns, which
// shm_layout does not link (its own copy is inlined).
#include "shm_layout/key_hash.hpp"

#include <gtest/gtest.h>

#include <string>

namespace ringfence::shm_layout {
namespace {

constexpr PoolWord plain_pool(true, '\0', '\0', 'A', 'b');
constexpr PoolWord hash_tag_pool(true, '{', '}', 'A', 'b');

struct Golden {
  std::string key;
  std::uint32_t slot;
};

TEST(KeyHash, GoldenKeyThenGoldenSlot) {
  const Golden vectors[] = {
      {"", 0x2d06},
      {"a", 0xe6c6},
      {"key", 0xbbea},
      {"foo", 0xab6e},
      {"42", 0x1217},
      {"user:1000", 0xfb68},
      {"{user:1000}.following", 0x95b5},
      {"12345678901234567890123456789012", 0x8186},
      {"session/9f86d081884c7d65", 0x351e},
      {"\xc3\xbcn\xc3\xaf\x63\xc3\xb6\x64\xc3\xa9", 0xc5db},
      {std::string(250, 'x'), 0xd915},
      {"zzzzzzzzzzzzzzzzz", 0x5234},
  };
  for (const Golden& golden : vectors) {
    EXPECT_EQ(slot_of(golden.key, plain_pool), golden.slot) << golden.key;
  }
}

TEST(KeyHash, KeyWithHashTagThenSlotOfTheTag) {
  const Golden vectors[] = {
      {"{user:1000}.following", 0xfb68},
      {"prefix{user:1000}", 0xfb68},
      {"{42}{foo}", 0x1217},
      {"x{a}}", 0xe6c6},
      {"}{a}", 0xe6c6},
  };
  for (const Golden& golden : vectors) {
    EXPECT_EQ(slot_of(golden.key, hash_tag_pool), golden.slot) << golden.key;
  }
}

TEST(KeyHash, NoUsableHashTagThenSlotOfTheWholeKey) {
  const Golden vectors[] = {
      {"{}", 0x1349}, {"{a", 0xe4a9}, {"a}{b", 0xe072}, {"a", 0xe6c6}, {"", 0x2d06}};
  for (const Golden& golden : vectors) {
    EXPECT_EQ(slot_of(golden.key, hash_tag_pool), golden.slot) << golden.key;
  }
}

TEST(KeyHash, OneCharacterForBothMarksThenPartBetweenThem) {
  EXPECT_EQ(hashed_part("a|bc|d", '|', '|'), "bc");
  EXPECT_EQ(hashed_part("a|bc", '|', '|'), "a|bc");
  EXPECT_EQ(hashed_part("||x", '|', '|'), "||x");
}

TEST(KeyHash, HashTagOffThenMarksAreOrdinary) {
  EXPECT_EQ(hashed_part("{a}b", '\0', '\0'), "{a}b");
}

TEST(KeyHash, ManyKeysThenEverySlotInBounds) {
  std::uint32_t highest = 0;
  for (int i = 0; i < 200'000; ++i) {
    const std::uint32_t slot = slot_of("key:" + std::to_string(i), plain_pool);
    ASSERT_LT(slot, slot_count);
    highest = std::max(highest, slot);
  }
  EXPECT_GT(highest, slot_count - 64);  // all 16 bits are used
}

}  // namespace
}  // namespace ringfence::shm_layout
