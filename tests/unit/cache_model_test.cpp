// The judge of the random tests sees what it must.
#include "tests/live/support/cache_model.hpp"

#include <gtest/gtest.h>

namespace ringfence::live {
namespace {

TEST(KeyModel, AcknowledgedValueThenItIsReadAndItsPredecessorIsALie) {
  KeyModel key;
  EXPECT_FALSE(key.may_exist());
  EXPECT_FALSE(key.read("1"));
  key.stored("1");
  key.stored("2");
  EXPECT_TRUE(key.read("2"));
  EXPECT_FALSE(key.read("1"));
}

TEST(KeyModel, RemovedThenAnyHitIsALie) {
  KeyModel key;
  key.stored("1");
  key.removed();
  EXPECT_FALSE(key.may_exist());
  EXPECT_FALSE(key.read("1"));
}

TEST(KeyModel, UnacknowledgedValueThenItMayComeAtAnyTime) {
  KeyModel key;
  key.perhaps_stored("late");
  key.stored("1");
  EXPECT_FALSE(key.is_certain());
  EXPECT_TRUE(key.read("1"));
  EXPECT_TRUE(key.read("late"));
  EXPECT_FALSE(key.read("1"));
  key.removed();
  EXPECT_TRUE(key.read("late"));
}

TEST(KeyModel, ChangedThenEachValueItMayHoldIs) {
  KeyModel key;
  key.perhaps_stored("b");
  key.stored("a");
  key.changed([](const std::string& value) { return value + "!"; });
  EXPECT_FALSE(key.read("a"));
  EXPECT_TRUE(key.read("b!"));
  EXPECT_FALSE(key.read("a!"));  // what was read is what is held
  EXPECT_TRUE(key.read("b"));    // it came late
}

TEST(SharedKey, SetThatEndedBeforeAnAcknowledgedOneBeganThenItsValueIsStale) {
  ModelClock clock;
  SharedKey key;
  const auto first = key.begin_set(clock);
  key.acknowledge_set(first, clock);
  EXPECT_TRUE(key.may_be_read(first.number, key.floor()));
  const auto second = key.begin_set(clock);
  const std::uint64_t floor_meanwhile = key.floor();
  key.acknowledge_set(second, clock);
  EXPECT_TRUE(key.may_be_read(first.number, floor_meanwhile));
  EXPECT_FALSE(key.may_be_read(first.number, key.floor()));
  EXPECT_TRUE(key.may_be_read(second.number, key.floor()));
}

TEST(SharedKey, SetsAtTheSameTimeThenEitherMayBeRead) {
  ModelClock clock;
  SharedKey key;
  const auto first = key.begin_set(clock);
  const auto second = key.begin_set(clock);
  key.acknowledge_set(second, clock);
  key.acknowledge_set(first, clock);
  EXPECT_TRUE(key.may_be_read(first.number, key.floor()));
  EXPECT_TRUE(key.may_be_read(second.number, key.floor()));
}

TEST(SharedKey, RemovedThenWhatWasStoredBeforeIsStaleAndTheUnacknowledgedIsNot) {
  ModelClock clock;
  SharedKey key;
  const auto stored = key.begin_set(clock);
  key.acknowledge_set(stored, clock);
  const auto lost = key.begin_set(clock);
  key.acknowledge_remove(SharedKey::begin_remove(clock));
  EXPECT_FALSE(key.may_be_read(stored.number, key.floor()));
  EXPECT_TRUE(key.may_be_read(lost.number, key.floor()));
  EXPECT_FALSE(key.may_be_read(7, key.floor()));  // nobody wrote it
}

}  // namespace
}  // namespace ringfence::live
