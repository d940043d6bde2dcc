#include "shm_layout/hint.hpp"

#include <gtest/gtest.h>

namespace ringfence::shm_layout {
namespace {

TEST(Hint, AsSentThenItsBackend) {
  Hint hint;
  hint.backend = 1023;
  EXPECT_EQ(read_hint(&hint, sizeof(hint)), 1023);
}

TEST(Hint, OfAnotherSizeMagicOrVersionThenNone) {
  Hint hint;
  EXPECT_FALSE(read_hint(&hint, sizeof(hint) - 1));
  EXPECT_FALSE(read_hint(&hint, sizeof(hint) + 1));
  hint.version = 2;
  EXPECT_FALSE(read_hint(&hint, sizeof(hint)));
  hint = Hint{};
  hint.magic[0] = 'X';
  EXPECT_FALSE(read_hint(&hint, sizeof(hint)));
}

TEST(Hint, SegmentsPathThenTheSocketBesideIt) {
  EXPECT_EQ(hint_path("/dev/shm/ringfence/blue.p"), "/dev/shm/ringfence/blue.p.hints");
}

}  // namespace
}  // namespace ringfence::shm_layout
