// libraft behind the seam, on a real disk: order, restart, snapshots, size limits.
#include <gtest/gtest.h>

#include "tests/unit/engine_support.hpp"

namespace ringfence::agent::engine::test {
namespace {

TEST(Engine, FirstStartThenLeadsAloneAndNothingIsApplied) {
  const TempDir dir;
  Life life(dir.path());
  ASSERT_EQ(life.error, "");
  ASSERT_TRUE(life.events.wait_leader());
  EXPECT_GT(life.events.term.value, 0U);
  EXPECT_TRUE(life.events.entries.empty());
}

TEST(Engine, EntriesCommittedThenAppliedInOrderBeforeTheyAreAnswered) {
  const TempDir dir;
  Life life(dir.path());
  ASSERT_TRUE(life.events.wait_leader());

  for (std::uint64_t i = 1; i <= 20; i++) life.engine->commit({i}, "entry " + std::to_string(i));
  ASSERT_TRUE(life.events.outcome(20).is_ok);
  life.engine->stop();

  ASSERT_EQ(life.events.entries.size(), 20U);
  for (std::size_t i = 0; i < 20; i++) {
    EXPECT_EQ(life.events.entries[i], "entry " + std::to_string(i + 1));
    EXPECT_EQ(life.events.terms[i], life.events.term.value);
    EXPECT_TRUE(life.events.outcomes[i + 1].is_ok);
  }
  std::size_t applied = 0;
  std::size_t answered = 0;
  for (const char event : life.events.order) {
    applied += event == 'A';
    answered += event == 'C';
    EXPECT_LE(answered, applied);
  }
  EXPECT_EQ(life.journal.count(), 20U);
}

TEST(Engine, EntriesOfEveryLengthThenAppliedByteForByte) {
  const TempDir dir;
  Life life(dir.path());
  ASSERT_TRUE(life.events.wait_leader());
  for (std::uint64_t length = 1; length <= 17; length++) {
    ASSERT_TRUE(life.commit(length, std::string(length, static_cast<char>('a' + length))).is_ok);
  }
  for (std::size_t i = 0; i < 17; i++) {
    EXPECT_EQ(life.events.entries[i], std::string(i + 1, static_cast<char>('b' + i)));
  }
}

TEST(Engine, EntryOfOneMebibyteThenCommittedAndReadBack) {
  const TempDir dir;
  const std::string large(std::size_t{1} << 20, 'x');
  {
    Life life(dir.path());
    ASSERT_TRUE(life.events.wait_leader());
    for (std::uint64_t i = 1; i <= 10; i++) ASSERT_TRUE(life.commit(i, large).is_ok) << i;
  }
  Life again(dir.path());
  ASSERT_EQ(again.error, "");
  ASSERT_EQ(again.events.entries.size(), 10U);
  EXPECT_EQ(again.events.entries[9], large);
}

TEST(Engine, EntryOfNoOrTooManyBytesThenRefused) {
  const TempDir dir;
  Life life(dir.path());
  ASSERT_TRUE(life.events.wait_leader());
  EXPECT_FALSE(life.commit(1, "").is_ok);
  const Recorder::Outcome large = life.commit(2, std::string((std::size_t{1} << 20) + 1, 'x'));
  EXPECT_FALSE(large.is_ok);
  EXPECT_NE(large.why.find("1048576"), std::string::npos) << large.why;
  EXPECT_TRUE(life.commit(3, "still alive").is_ok);
}

TEST(Engine, QuorumAskedOfALoneVoterThenConfirmedWithoutTheDisk) {
  const TempDir dir;
  Life life(dir.path());
  ASSERT_TRUE(life.events.wait_leader());
  life.engine->confirm_quorum({42});
  ASSERT_TRUE(life.events.wait([&] { return life.events.quorums.count(42) != 0; }));
  EXPECT_TRUE(life.events.quorums[42]);
  const core::LogIndex before = life.events.last_index;
  for (int i = 0; i < 100; i++) life.engine->confirm_quorum({i});
  ASSERT_TRUE(life.commit(1, "next").is_ok);
  // Barriers would have taken a hundred places of the log.
  EXPECT_LE(life.events.last_index.value, before.value + 3);
}

TEST(Engine, RestartedManyTimesThenContinuesWithEveryEntryAndNoLowerTerm) {
  const TempDir dir;
  std::uint64_t term = 0;
  for (std::uint64_t life_number = 0; life_number < 30; life_number++) {
    Life life(dir.path(), core::Term{term});
    ASSERT_EQ(life.error, "");
    // All of it was told before start() returned.
    EXPECT_EQ(life.journal.count(), life_number * 3);
    ASSERT_TRUE(life.events.wait_leader());
    EXPECT_GE(life.events.term.value, term);
    term = life.events.term.value;
    for (std::uint64_t i = 0; i < 3; i++) {
      ASSERT_TRUE(life.commit(i, std::to_string(life_number * 3 + i)).is_ok);
    }
  }
}

TEST(Engine, ManyEntriesThenSnapshotIsRestoredBeforeTheRest) {
  const TempDir dir;
  std::string expected;
  {
    Life life(dir.path());
    ASSERT_TRUE(life.events.wait_leader());
    for (std::uint64_t i = 0; i < 300; i++)
      ASSERT_TRUE(life.commit(i, "e" + std::to_string(i)).is_ok);
    life.engine->stop();
    expected = life.journal.bytes();
  }
  Life again(dir.path());
  ASSERT_EQ(again.error, "");
  EXPECT_EQ(again.journal.bytes(), expected);
  EXPECT_EQ(again.journal.count(), 300U);
  EXPECT_EQ(again.events.order.substr(0, 2), "RA");
  // How many snapshots were done by then is the disk's affair; each holds 64 entries more.
  EXPECT_GE(again.events.restored_index.value, 64U);
  EXPECT_LT(again.events.entries.size(), 300U - 32);
  ASSERT_TRUE(again.events.wait_leader());
  EXPECT_GT(again.events.last_index, again.events.restored_index);
}

TEST(Engine, LeadershipThenToldAfterEverythingOfEarlierTerms) {
  const TempDir dir;
  {
    Life life(dir.path());
    ASSERT_TRUE(life.events.wait_leader());
    ASSERT_TRUE(life.commit(1, "a").is_ok);
    ASSERT_TRUE(life.commit(2, "b").is_ok);
  }
  Life again(dir.path());
  ASSERT_TRUE(again.events.wait_leader());
  EXPECT_EQ(again.events.order, "AAL");
}

TEST(Engine, StoppedThenOpenCommitsAreAnsweredAndLaterOnesIgnored) {
  const TempDir dir;
  Life life(dir.path());
  ASSERT_TRUE(life.events.wait_leader());
  for (std::uint64_t i = 0; i < 50; i++) life.engine->commit({i}, "x");
  life.engine->stop();
  life.engine->stop();
  EXPECT_EQ(life.events.outcomes.size(), 50U);
  for (const auto& [id, outcome] : life.events.outcomes) {
    EXPECT_EQ(outcome.why, outcome.is_ok ? "" : "not committed: the agent stops") << id;
  }
  life.engine->commit({99}, "late");
  EXPECT_EQ(life.events.outcomes.count(99), 0U);
}

TEST(Engine, TwoInOneProcessThenEachHasItsOwnLog) {
  const TempDir one;
  const TempDir two;
  Life first(one.path());
  Life second(two.path(), {}, core::operator""_s(5), 8);
  ASSERT_TRUE(first.events.wait_leader());
  ASSERT_TRUE(second.events.wait_leader());
  ASSERT_TRUE(first.commit(1, "one").is_ok);
  ASSERT_TRUE(second.commit(1, "two").is_ok);
  EXPECT_EQ(first.events.entries, std::vector<std::string>{"one"});
  EXPECT_EQ(second.events.entries, std::vector<std::string>{"two"});
}

}  // namespace
}  // namespace ringfence::agent::engine::test
