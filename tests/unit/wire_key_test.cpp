// Wire keys: one form, never shared by two keys, split by the last mark.
#include "shim/wire_key.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <tuple>

namespace ringfence::shim {
namespace {

using shm_layout::generation_max;
using shm_layout::PoolWord;

constexpr PoolWord tagged{true, 0, 0, 'a', 'B'};

std::string wire(std::string_view key, std::uint64_t generation, PoolWord pool = tagged) {
  return std::string(WireKey(key, pool, generation).view());
}

TEST(WireKey, PlainKeyThenMarkSaltAndGeneration) {
  EXPECT_EQ(wire("user:1", 0), "user:1~aBA");
  EXPECT_EQ(wire("user:1", 1), "user:1~aBB");
  EXPECT_EQ(wire("user:1", 63), "user:1~aB_");
  EXPECT_EQ(wire("user:1", 64), "user:1~aBBA");
  EXPECT_EQ(wire("user:1", generation_max), "user:1~aB______");
}

TEST(WireKey, TagsOffThenIdentity) {
  constexpr PoolWord untagged{false, 0, 0, 'a', 'B'};
  EXPECT_EQ(wire("user:1", 7, untagged), "user:1");
  const std::string longest(key_bytes_max, 'k');
  EXPECT_EQ(wire(longest, generation_max, untagged), longest);
}

TEST(WireKey, KeyThatJustFitsThenPlainAndOneMoreThenShortened) {
  for (const std::uint64_t generation : {std::uint64_t{0}, std::uint64_t{64}, generation_max}) {
    const std::size_t tag_size = wire("k", generation).size() - 1;
    const std::string fits(key_bytes_max - tag_size, 'k');
    EXPECT_EQ(wire(fits, generation).substr(0, fits.size()), fits);
    EXPECT_FALSE(split_wire_key(wire(fits, generation))->is_shortened);

    const std::string too_long = fits + 'k';
    EXPECT_TRUE(split_wire_key(wire(too_long, generation))->is_shortened);
    EXPECT_EQ(wire(too_long, generation).size(), key_bytes_max);
  }
}

TEST(WireKey, ShortenedKeysThatDifferInTheirLastByteThenDiffer) {
  std::string first(key_bytes_max, 'k');
  std::string second = first;
  second.back() = 'l';
  EXPECT_NE(wire(first, 5), wire(second, 5));
}

TEST(WireKey, ShortenedKeyUnderAnotherSaltThenAnotherDigest) {
  const std::string key(key_bytes_max, 'k');
  const auto one = wire(key, 5, PoolWord{true, 0, 0, 'a', 'B'});
  const auto other = wire(key, 5, PoolWord{true, 0, 0, 'a', 'C'});
  EXPECT_NE(split_wire_key(one)->key, split_wire_key(other)->key);
}

// In base64 they must fit 250 characters too.
TEST(WireKey, KeyThatNoTextLineCanHoldThenShortenedAbove186Bytes) {
  for (const char broken : {' ', '\n', '\0'}) {
    const std::string fits = broken + std::string(encoded_key_bytes_max - 5, 'k');
    EXPECT_EQ(wire(fits, 0), fits + "~aBA");
    const std::string too_long = fits + 'k';
    EXPECT_TRUE(split_wire_key(wire(too_long, 0))->is_shortened);
    EXPECT_EQ(wire(too_long, 0).size(), encoded_key_bytes_max);
    EXPECT_NE(wire(too_long, 0), wire(too_long + 'k', 0));
    EXPECT_EQ(wire(broken + std::string(key_bytes_max - 1, 'k'), generation_max).size(),
              encoded_key_bytes_max);
    EXPECT_FALSE(Tag(tagged, 0).fits(too_long));
    EXPECT_TRUE(Tag(tagged, 0).fits(fits));
  }
}

// A client's key that looks like a wire key gets a tag of its own, so it stays apart.
TEST(WireKey, KeyThatEndsLikeATagThenStillApart) {
  EXPECT_EQ(wire("k~aBA", 0), "k~aBA~aBA");
  EXPECT_NE(wire("k~aBA", 0), wire("k", 0));
  const std::string shortened = wire(std::string(key_bytes_max, 'k'), 0);
  EXPECT_NE(wire(shortened, 0), shortened);
}

TEST(WireKey, ForeignKeyThenDoesNotSplit) {
  for (const char* foreign :
       {"", "plain", "k~", "k~aB", "k~aB*", "k~aBAAAAAAA", "ringfence!claim"}) {
    const auto parts = split_wire_key(foreign);
    // "ringfence!claim" has a tag's form; it is told apart by the digest that a shortened key
    // needs.
    if (parts) {
      EXPECT_TRUE(parts->is_shortened && parts->key.size() < 22) << foreign;
    }
  }
}

TEST(WireKey, SaltThenTwoDigitsFixedByTheClusterId) {
  std::array<std::uint8_t, 16> cluster{};
  const auto first = salt_of(cluster);
  cluster[15] = 1;
  EXPECT_NE(first, salt_of(cluster));
  EXPECT_EQ(first, salt_of({}));
  for (const char digit : first) {
    EXPECT_TRUE(isalnum(static_cast<unsigned char>(digit)) != 0 || digit == '-' || digit == '_');
  }
}

class WireKeyProperty : public testing::Test {
 protected:
  // Keys that provoke: of few letters, marks among them, and of lengths around the limits.
  std::string random_key() {
    static constexpr std::string_view letters = "aA~!B_";
    const bool is_long = pick(0, 3) == 0;
    const std::size_t size = is_long ? pick(235, key_bytes_max) : pick(1, 6);
    std::string key(size, 'a');
    for (std::size_t i = 0; i < std::min<std::size_t>(size, 6); ++i) {
      key[size - 1 - i] = letters[pick(0, letters.size() - 1)];
    }
    return key;
  }
  std::uint64_t random_generation() { return random_() & generation_max >> pick(0, 35); }
  PoolWord random_pool() {
    static constexpr std::string_view letters = "aAB_";
    return PoolWord{true, 0, 0, letters[pick(0, 3)], letters[pick(0, 3)]};
  }
  std::size_t pick(std::size_t low, std::size_t high) {
    return std::uniform_int_distribution<std::size_t>(low, high)(random_);
  }

  std::mt19937_64 random_{20260101};
};

TEST_F(WireKeyProperty, RandomKeysGenerationsAndSaltsThenNoTwoShareAWireKey) {
  using Source = std::tuple<std::string, std::uint64_t, std::uint64_t>;
  std::map<std::string, Source> seen;
  for (int round = 0; round < 100'000; ++round) {
    const std::string key = random_key();
    const PoolWord pool = random_pool();
    const std::uint64_t generation = random_generation();
    const std::string made = wire(key, generation, pool);
    ASSERT_LE(made.size(), key_bytes_max);
    const Source source{key, pool.raw(), generation};
    const auto [at, is_new] = seen.emplace(made, source);
    ASSERT_TRUE(is_new || at->second == source) << made;
  }
  EXPECT_GT(seen.size(), 50'000U);
}

TEST_F(WireKeyProperty, RandomKeysThenTheLastMarkSplitsThemBack) {
  for (int round = 0; round < 20'000; ++round) {
    const std::string key = random_key();
    const PoolWord pool = random_pool();
    const std::uint64_t generation = random_generation();
    const std::string made = wire(key, generation, pool);
    const auto parts = split_wire_key(made);
    ASSERT_TRUE(parts.has_value()) << made;
    EXPECT_EQ(parts->generation, generation);
    EXPECT_EQ(parts->salt, (std::array<char, 2>{pool.salt_0(), pool.salt_1()}));
    if (!parts->is_shortened) {
      EXPECT_EQ(parts->key, key);
    }
  }
}

TEST(Tag, BehindAKeyThatItFitsThenTheWireKey) {
  for (const bool has_tags : {true, false}) {
    const PoolWord pool{has_tags, 0, 0, 'x', 'y'};
    for (const std::uint64_t generation :
         {std::uint64_t{0}, std::uint64_t{63}, std::uint64_t{64}, shm_layout::generation_max}) {
      const Tag tag(pool, generation);
      EXPECT_TRUE(tag.is_of(pool, generation));
      EXPECT_FALSE(tag.is_of(pool, generation + 1));
      const std::string longest(key_bytes_max - tag.view().size(), 'k');
      for (const std::string& key : {std::string("k"), longest}) {
        EXPECT_TRUE(tag.fits(key));
        EXPECT_EQ(WireKey(key, pool, generation).view(), key + std::string(tag.view()));
      }
      if (has_tags) {
        EXPECT_FALSE(tag.fits(longest + "k"));
      }
    }
  }
  EXPECT_FALSE(Tag().is_of(PoolWord{}, 0));
}

}  // namespace
}  // namespace ringfence::shim
