// The replicated state machine: equal logs give equal bytes, whatever stands in them.
#include "agent/core/replica.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "shm_layout/layout.hpp"

namespace ringfence::agent::core {
namespace {

using shm_layout::slot_count;
using shm_layout::SlotState;

// A replica and the log that made it.
class Log {
 public:
  void append(const Entry& entry) {
    entries_.push_back(encode(entry));
    replica.apply(LogIndex{entries_.size()}, entries_.back());
  }
  void change(std::vector<Op> ops, bool is_moved = true) {
    propose(std::move(ops));
    append(Activation{replica.open()->index, replica.view()->epoch, is_moved});
  }
  void propose(std::vector<Op> ops) {
    Proposal proposal;
    proposal.expected = replica.view()->epoch;
    proposal.ops = std::move(ops);
    proposal.what = "test";
    append(proposal);
  }
  const Pool& pool() { return *replica.view()->find("p"); }
  const std::vector<std::string>& entries() const { return entries_; }
  Replica replica;

 private:
  std::vector<std::string> entries_;
};

std::uint32_t slots_of(const Pool& pool, const std::string& address) {
  std::uint32_t count = 0;
  for (const SlotWord slot : pool.slots) {
    if (slot.is_routable() && slot.backend() == pool.find(address)->index) ++count;
  }
  return count;
}

TEST(CoreReplica, AdmittedBackendsShareTheRing) {
  Log log;
  log.change({SetPool{"p", {}}, AdmitBackend{"p", "a", 1}, AdmitBackend{"p", "b", 3}});
  EXPECT_EQ(log.replica.view()->epoch, Epoch{1});
  EXPECT_EQ(slots_of(log.pool(), "a"), slot_count / 4);
  EXPECT_EQ(slots_of(log.pool(), "b"), slot_count / 4 * 3);
  for (const SlotWord slot : log.pool().slots) EXPECT_EQ(slot.generation(), 1U);
}

TEST(CoreReplica, LostBackendKeepsItsSlotsUnownedAndReturnsWithNewGenerations) {
  Log log;
  log.change({SetPool{"p", {}}, AdmitBackend{"p", "a", 1}, AdmitBackend{"p", "b", 1}});
  const Pool before = log.pool();
  log.change({LoseBackend{"p", "a"}});
  EXPECT_EQ(log.replica.history().back().moved_slots, slot_count / 2);
  log.change({AdmitBackend{"p", "a", 1}});
  EXPECT_EQ(log.replica.history().back().moved_slots, slot_count / 2);
  for (std::uint32_t i = 0; i < slot_count; ++i) {
    const SlotWord slot = log.pool().slots[i];
    ASSERT_EQ(slot.backend(), before.slots[i].backend());
    ASSERT_EQ(slot.generation(), slot.backend() == before.find("a")->index ? 2U : 1U);
  }
}

TEST(CoreReplica, KeptSlotsDoNotMoveWhenAnotherJoins) {
  Log log;
  log.change({SetPool{"p", {}}, AdmitBackend{"p", "a", 1}, AdmitBackend{"p", "b", 1}});
  log.change({LoseBackend{"p", "a"}});
  log.change({AdmitBackend{"p", "c", 1}});
  EXPECT_EQ(slots_of(log.pool(), "b"), slot_count / 4);
  EXPECT_EQ(slots_of(log.pool(), "c"), slot_count / 4);
  log.change({Reassign{"p", "a"}});
  EXPECT_EQ(slots_of(log.pool(), "b"), slot_count / 2);
}

TEST(CoreReplica, FlushPoolRaisesEveryGeneration) {
  Log log;
  log.change({SetPool{"p", {}}, AdmitBackend{"p", "a", 1}});
  log.change({FlushPool{"p"}});
  for (const SlotWord slot : log.pool().slots) ASSERT_EQ(slot.generation(), 2U);
}

TEST(CoreReplica, OtherHashTagRaisesEveryGeneration) {
  Log log;
  log.change({SetPool{"p", {}}, AdmitBackend{"p", "a", 1}});
  PoolOptions options;
  options.hash_tag_open = '{';
  options.hash_tag_close = '}';
  log.change({SetPool{"p", options}});
  for (const SlotWord slot : log.pool().slots) ASSERT_EQ(slot.generation(), 2U);
}

std::uint64_t highest_generation(const Pool& pool) {
  std::uint64_t highest = 0;
  for (const SlotWord slot : pool.slots) highest = std::max(highest, slot.generation());
  return highest;
}

// Backend a's slots are some generations ahead of b's, and b's are unowned.
Log log_with_unequal_generations() {
  Log log;
  log.change({SetPool{"p", {}}, AdmitBackend{"p", "a", 1}, AdmitBackend{"p", "b", 1}});
  for (int i = 0; i < 3; ++i) {
    log.change({LoseBackend{"p", "a"}});
    log.change({AdmitBackend{"p", "a", 1}});
  }
  log.change({LoseBackend{"p", "b"}});
  return log;
}

TEST(G2_Rehash, EverySlotGoesOnAboveEveryEarlierGenerationOfThePool) {
  Log log = log_with_unequal_generations();
  const std::uint64_t highest = highest_generation(log.pool());
  PoolOptions options;
  options.hash_tag_open = '{';
  options.hash_tag_close = '}';
  log.change({SetPool{"p", options}});
  for (const SlotWord slot : log.pool().slots) {
    ASSERT_EQ(slot.generation(), slot.is_routable() ? highest + 1 : highest);
  }
  log.change({AdmitBackend{"p", "b", 1}});
  for (const SlotWord slot : log.pool().slots) ASSERT_GT(slot.generation(), highest);
}

TEST(G2_Rehash, TagsTurnedOffAndOnThenAboveEveryEarlierGenerationOfThePool) {
  Log log = log_with_unequal_generations();
  const std::uint64_t highest = highest_generation(log.pool());
  PoolOptions options;
  options.has_tags = false;
  log.change({SetPool{"p", options}});
  log.change({SetPool{"p", {}}});
  log.change({AdmitBackend{"p", "a", 1}, AdmitBackend{"p", "b", 1}});
  for (const SlotWord slot : log.pool().slots) ASSERT_GT(slot.generation(), highest);
}

TEST(CoreReplica, TagsTurnedOffThenEveryBackendMustBeAdmittedAnew) {
  Log log;
  log.change({SetPool{"p", {}}, AdmitBackend{"p", "a", 1}});
  PoolOptions options;
  options.has_tags = false;
  log.change({SetPool{"p", options}});
  EXPECT_EQ(log.pool().backends[0].status, BackendStatus::lost);
  for (const SlotWord slot : log.pool().slots) ASSERT_FALSE(slot.is_routable());
}

TEST(CoreReplica, FreedIndexRestsWhileOthersAreFree) {
  Log log;
  log.change({SetPool{"p", {}}, AdmitBackend{"p", "a", 1}, AdmitBackend{"p", "b", 1}});
  log.change({RemoveBackend{"p", "a"}});
  log.change({AdmitBackend{"p", "c", 1}});
  EXPECT_EQ(log.pool().find("c")->index, 2U);
}

TEST(CoreReplica, AbandonedChangeLeavesTheOldViewAtTheNextEpoch) {
  Log log;
  log.change({SetPool{"p", {}}, AdmitBackend{"p", "a", 1}});
  const auto before = log.pool().slots;
  log.change({FlushPool{"p"}}, false);
  EXPECT_EQ(log.replica.view()->epoch, Epoch{2});
  EXPECT_EQ(log.pool().slots, before);
  EXPECT_EQ(log.replica.history().back().what, "abandoned: test");
}

TEST(CoreReplica, SecondProposalAndForeignActivationChangeNothing) {
  Log log;
  log.propose({SetPool{"p", {}}});
  log.propose({SetPool{"q", {}}});
  EXPECT_EQ(log.replica.open()->index, LogIndex{1});
  log.append(Activation{LogIndex{2}, Epoch{0}, true});
  log.append(Activation{LogIndex{1}, Epoch{9}, true});
  EXPECT_EQ(log.replica.view()->epoch, Epoch{0});
}

TEST(CoreReplica, UnknownAssignVersionChangesNothing) {
  Replica replica;
  Proposal proposal;
  proposal.assign_version = 99;
  replica.apply(LogIndex{1}, encode(proposal));
  EXPECT_EQ(replica.open(), nullptr);
}

TEST(CoreReplica, NewestCommandStands) {
  Log log;
  log.append(Commands{{{"p", "a", 1, true, "x"}, {"p", "b", 1, true, "x"}}});
  log.append(Commands{{{"p", "a", 1, false, "y"}}});
  ASSERT_EQ(log.replica.commands().size(), 2U);
  EXPECT_FALSE(log.replica.commands()[0].is_add);
}

TEST(CoreReplica, HistoryKeepsTheNewest) {
  Log log;
  log.change({SetPool{"p", {}}});
  for (std::size_t i = 0; i < history_count_max + 5; ++i) log.change({});
  EXPECT_EQ(log.replica.history().size(), history_count_max);
  EXPECT_EQ(log.replica.history().back().epoch, log.replica.view()->epoch);
}

// A random log, with garbage in it.
Log random_log(std::uint32_t seed) {
  std::mt19937 random(seed);
  Log log;
  log.change({SetCluster{{1, 2}}, JoinAgent{{AgentId{1}, "h", Incarnation{1}, "", "", false, {}}},
              SetPool{"p", {}}});
  for (int i = 0; i < 25; ++i) {
    const std::string address(1, static_cast<char>('a' + random() % 6));
    const std::vector<Op> choices{LoseBackend{"p", address},   AdmitBackend{"p", address, 1},
                                  RemoveBackend{"p", address}, SetWeight{"p", address, 4},
                                  Reassign{"p", address},      FlushPool{"p"}};
    if (random() % 10 == 0) log.append(Commands{{{"p", address, 1, random() % 2 == 0, "x"}}});
    log.change({choices[random() % 6], choices[random() % 6]}, random() % 8 != 0);
  }
  if (random() % 2 == 0) log.propose({FlushPool{"p"}});
  return log;
}

TEST(G1_Replica, SameLogGivesTheSameBytesWhereverItWasSnapshotted) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    const Log log = random_log(seed);
    const std::string expected = log.replica.snapshot();
    const std::size_t cut = seed * 2;
    Replica other;
    for (std::size_t i = 0; i < log.entries().size(); ++i) {
      if (i == cut) {
        const std::string snapshot = other.snapshot();
        ASSERT_TRUE(other.restore(snapshot));
        EXPECT_EQ(other.snapshot(), snapshot);
      }
      other.apply(LogIndex{i + 1}, log.entries()[i]);
    }
    EXPECT_EQ(other.snapshot(), expected) << "seed " << seed;
    EXPECT_EQ(digest_of(*other.view()), digest_of(*log.replica.view()));
  }
}

TEST(CoreReplica, DamagedSnapshotsLeaveAnEmptyReplica) {
  const Log log = random_log(1);
  const std::string whole = log.replica.snapshot();
  Replica replica;
  for (std::size_t size : {std::size_t{0}, std::size_t{1}, whole.size() / 2, whole.size() - 1}) {
    EXPECT_FALSE(replica.restore(whole.substr(0, size)));
    EXPECT_EQ(replica.view()->epoch, Epoch{0});
  }
  EXPECT_FALSE(replica.restore(whole + "x"));
  std::mt19937 random(2);
  for (int i = 0; i < 200; ++i) {
    std::string bytes = whole;
    bytes[random() % 400] = static_cast<char>(random());
    (void)replica.restore(bytes);  // must neither crash nor read outside
  }
}

TEST(CoreReplica, SnapshotWithAFencedSlotIsRefused) {
  Log log;
  log.change({SetPool{"p", {}}, AdmitBackend{"p", "a", 1}});
  const std::string whole = log.replica.snapshot();
  const std::uint64_t word = log.pool().slots[0].raw();
  const std::string needle(reinterpret_cast<const char*>(&word), 8);
  const std::uint64_t fenced = log.pool().slots[0].fenced().raw();
  std::string damaged = whole;
  damaged.replace(whole.find(needle), 8, reinterpret_cast<const char*>(&fenced), 8);
  Replica replica;
  EXPECT_FALSE(replica.restore(damaged));
}

}  // namespace
}  // namespace ringfence::agent::core
