// Who votes: one becomes five and three again, replacements, lost disks, and what libraft gets
// wrong about changes of voters.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/engine_fleet.hpp"

namespace ringfence::agent::engine::test {
namespace {

TEST(EngineVoters, EmptyLogWithoutBootstrapThenWaitsToBeAdded) {
  Fleet fleet;
  fleet.start(1, {1});
  fleet.start(2);
  ASSERT_TRUE(fleet.commit("first"));
  ASSERT_TRUE(fleet.wait([&] { return !fleet.at(2).voters_history.empty(); }));
  EXPECT_EQ(fleet.at(2).voters, Ids{});
  EXPECT_EQ(fleet.at(2).term, 0U);
  ASSERT_TRUE(fleet.make_voters({1, 2}));
  EXPECT_TRUE(fleet.wait_same(1));
}

TEST(EngineVoters, OneGrownToFiveAndShrunkToThreeThenEveryStepIsTold) {
  Fleet fleet;
  fleet.be_patient();
  fleet.start(1, {1});
  for (const std::uint64_t id : {2, 3, 4, 5}) fleet.start(id);
  ASSERT_TRUE(fleet.commit_many(5, "alone "));
  ASSERT_TRUE(fleet.make_voters({1, 2, 3}));
  ASSERT_TRUE(fleet.commit_many(5, "three "));
  ASSERT_TRUE(fleet.make_voters({1, 2, 3, 4, 5}));
  ASSERT_TRUE(fleet.commit_many(5, "five "));
  EXPECT_TRUE(fleet.wait_same(15));
  ASSERT_TRUE(fleet.make_voters({1, 2, 3}));
  ASSERT_TRUE(fleet.commit_many(5, "three again "));
  for (const std::uint64_t id : {4, 5}) fleet.stop(id);
  EXPECT_TRUE(fleet.wait_same(20));
  const std::vector<Ids>& told = fleet.at(1).voters_history;
  ASSERT_EQ(told.size(), 7U);
  EXPECT_EQ(told[0], Ids({1}));
  EXPECT_EQ(told[2], Ids({1, 2, 3}));
  EXPECT_EQ(told[4], Ids({1, 2, 3, 4, 5}));
  EXPECT_EQ(told[6], Ids({1, 2, 3}));
  for (const std::size_t i : {1U, 3U, 5U}) {
    EXPECT_EQ(told[i].size(), (told[i - 1].size() + told[i + 1].size()) / 2) << i;
  }
}

TEST(EngineVoters, LeaderTakenOutThenItHandsOverAndIsRemoved) {
  Fleet fleet;
  fleet.start_all({1, 2, 3});
  fleet.start(4);
  ASSERT_TRUE(fleet.commit("first"));
  const std::uint64_t old = fleet.wait_leader();
  Ids wanted;
  for (const std::uint64_t id : {1, 2, 3, 4}) {
    if (id != old) wanted.push_back(id);
  }
  ASSERT_TRUE(fleet.make_voters(wanted));
  ASSERT_TRUE(fleet.commit("second"));
  EXPECT_FALSE(fleet.at(old).leads);
  fleet.stop(old);
  EXPECT_TRUE(fleet.wait_same(2));
}

TEST(EngineVoters, RemovedOneThatRunsOnThenTheOthersKeepLeaderAndTerm) {
  Fleet fleet;
  fleet.be_patient();
  fleet.start_all({1, 2, 3, 4});
  ASSERT_TRUE(fleet.commit("first"));
  const std::uint64_t leader = fleet.wait_leader();
  Ids wanted;
  const std::uint64_t removed = leader % 4 + 1;
  for (const std::uint64_t id : {1, 2, 3, 4}) {
    if (id != removed) wanted.push_back(id);
  }
  // It never hears that it was removed, and asks for votes.
  for (const std::uint64_t id : wanted) fleet.cut(id, removed);
  ASSERT_TRUE(fleet.make_voters(wanted));
  const std::uint64_t term = fleet.at(fleet.wait_leader()).term;
  // To them alone: it still hears nobody.
  fleet.heal();
  for (const std::uint64_t id : wanted) fleet.cut(id, removed);
  ASSERT_TRUE(fleet.wait_vote_requests(removed, 4));
  ASSERT_TRUE(fleet.commit("last"));
  EXPECT_EQ(fleet.at(fleet.wait_leader()).term, term);
}

TEST(EngineVoters, AddedAfterManyEntriesThenASnapshotIsInstalled) {
  Fleet fleet;
  fleet.be_patient();
  fleet.start_all({1, 2, 3});
  ASSERT_TRUE(fleet.commit_many(150, "entry "));
  fleet.start(4);
  ASSERT_TRUE(fleet.make_voters({1, 2, 3, 4}));
  EXPECT_TRUE(fleet.wait_same(150));
  EXPECT_EQ(fleet.at(4).snapshots, 1U);
  fleet.stop(4);
  fleet.start(4);
  ASSERT_TRUE(fleet.commit("more"));
  EXPECT_TRUE(fleet.wait_same(151));
}

TEST(EngineVoters, SnapshotLostOnItsWayThenSentAgain) {
  Fleet fleet;
  fleet.start_all({1, 2, 3});
  ASSERT_TRUE(fleet.commit_many(100, "entry "));
  std::atomic<unsigned> seen{0};
  fleet.set_filter([&](std::uint64_t, std::uint64_t, const std::string& bytes) {
    return !is_install_snapshot(bytes) || ++seen > 2;
  });
  fleet.start(4);
  ASSERT_TRUE(fleet.make_voters({1, 2, 3, 4}));
  EXPECT_TRUE(fleet.wait_same(100));
  EXPECT_GT(seen, 2U);
}

TEST(EngineVoters, WantedOneThatIsDeadThenTheOthersCommitAndAnotherTakesItsPlace) {
  Fleet fleet;
  fleet.start(1, {1});
  fleet.start(2);
  fleet.at(fleet.wait_leader()).engine->set_voters(Fleet::voters_of({1, 2, 9}));
  ASSERT_TRUE(fleet.wait_voters({1, 2}));
  ASSERT_TRUE(fleet.commit("while 9 is missing"));
  fleet.start(3);
  ASSERT_TRUE(fleet.make_voters({1, 2, 3}));
  ASSERT_TRUE(fleet.commit("on"));
  EXPECT_TRUE(fleet.wait_same(2));
}

TEST(EngineVoters, DeadVoterReplacedThenItsVoteIsGone) {
  Fleet fleet;
  fleet.start_all({1, 2, 3});
  ASSERT_TRUE(fleet.commit("first"));
  const std::uint64_t dead = fleet.wait_leader() % 3 + 1;
  fleet.stop(dead);
  fleet.start(4);
  Ids wanted;
  for (const std::uint64_t id : {1, 2, 3, 4}) {
    if (id != dead) wanted.push_back(id);
  }
  ASSERT_TRUE(fleet.make_voters(wanted));
  EXPECT_TRUE(fleet.wait_same(1));
}

TEST(EngineVoters, DiskLostThenReturnsUnderANewIdAtItsOldAddress) {
  Fleet fleet;
  fleet.start_all({1, 2, 3});
  ASSERT_TRUE(fleet.commit_many(10, "entry "));
  fleet.stop(2);
  fleet.forget_disk(2);
  fleet.start(12);  // 10.0.0.2, as before
  ASSERT_TRUE(fleet.make_voters({1, 3, 12}));
  ASSERT_TRUE(fleet.commit("more"));
  EXPECT_TRUE(fleet.wait_same(11));
}

TEST(EngineVoters, WantedSetReplacedMeanwhileThenTheNewerWins) {
  Fleet fleet;
  fleet.be_patient();
  fleet.start(1, {1});
  for (const std::uint64_t id : {2, 3, 4, 5}) fleet.start(id);
  ASSERT_NE(fleet.wait_leader(), 0U);
  fleet.at(1).engine->set_voters(Fleet::voters_of({1, 2, 3}));
  fleet.at(1).engine->set_voters(Fleet::voters_of({1, 4, 5}));
  ASSERT_TRUE(fleet.wait_voters({1, 4, 5}));
  EXPECT_EQ(fleet.at(2).voters, Ids{});
}

TEST(EngineVoters, SetAtAFollowerThenIgnored) {
  Fleet fleet;
  fleet.be_patient();
  fleet.start_all({1, 2, 3});
  ASSERT_TRUE(fleet.commit("first"));
  const std::uint64_t leader = fleet.wait_leader();
  fleet.at(leader % 3 + 1).engine->set_voters(Fleet::voters_of({leader % 3 + 1}));
  fleet.at(leader).engine->transfer_leadership();
  ASSERT_NE(fleet.wait_leader(leader), 0U);
  ASSERT_TRUE(fleet.commit("second"));
  EXPECT_TRUE(fleet.wait_voters({1, 2, 3}));
}

RaftFault fault_of(Fleet& fleet, std::uint64_t id, std::string& error) {
  Fleet::Member member(fleet, id);
  RaftSettings settings = fleet.base;
  settings.dir = fleet.dir(id);
  settings.id = {id};
  RaftFault fault = RaftFault::none;
  const auto engine = RaftEngine::start(settings, member, member, &fault);
  error = engine ? "" : engine.error().message;
  return fault;
}

// It voted, and would vote again for another: it must come back as somebody else.
TEST(EngineVoters, EntriesOfAVoterGoneThenDamagedNotWaiting) {
  Fleet fleet;
  fleet.start_all({1, 2, 3});
  ASSERT_TRUE(fleet.commit("first"));
  ASSERT_TRUE(fleet.wait_same(1));
  fleet.stop(2);
  for (const auto& file : std::filesystem::directory_iterator(fleet.dir(2))) {
    if (file.path().filename() != "owner") std::filesystem::remove(file.path());
  }
  std::string error;
  EXPECT_EQ(fault_of(fleet, 2, error), RaftFault::damaged);
  EXPECT_NE(error.find("its entries are gone"), std::string::npos) << error;
}

TEST(EngineVoters, WaitingLogOpenedAgainThenItStillWaits) {
  Fleet fleet;
  for (int life = 0; life < 3; life++) {
    fleet.start(2);
    ASSERT_TRUE(fleet.wait([&] { return !fleet.at(2).voters_history.empty(); }));
    EXPECT_EQ(fleet.at(2).voters, Ids{});
    fleet.stop(2);
  }
}

TEST(EngineVoters, OwnersFileDamagedThenDamaged) {
  Fleet fleet;
  fleet.start(1, {1});
  ASSERT_TRUE(fleet.commit("first"));
  fleet.stop(1);
  std::ofstream(fleet.dir(1) + "/owner")
      << "ringfence-log 0000000000000001 begun 0123456789abcdef\n";
  std::string error;
  EXPECT_EQ(fault_of(fleet, 1, error), RaftFault::damaged);
  EXPECT_NE(error.find("the file that names its owner is"), std::string::npos) << error;
}

TEST(EngineVoters, MoreVotersOrLongerAddressesThanFitThenError) {
  for (const bool are_many : {true, false}) {
    const TempDir dir;
    Fleet fleet;
    Fleet::Member member(fleet, 1);
    RaftSettings settings;
    settings.dir = dir.path();
    settings.id = {1};
    settings.bootstrap = {{{1}, std::string(are_many ? 1 : 256, 'a')}};
    for (std::uint64_t id = 2; are_many && id <= 10; id++)
      settings.bootstrap.push_back({{id}, "a"});
    RaftFault fault = RaftFault::none;
    EXPECT_FALSE(RaftEngine::start(settings, member, member, &fault));
    EXPECT_EQ(fault, RaftFault::other);
  }
}

TEST(EngineVoters, MostVotersWithTheLongestAddressesThenTheyFit) {
  Fleet fleet;
  Ids ids;
  for (std::uint64_t id = 1; id <= 9; id++) ids.push_back(id);
  const TempDir dir;
  Fleet::Member member(fleet, 1);
  RaftSettings settings;
  settings.dir = dir.path();
  settings.id = {1};
  for (const std::uint64_t id : ids) settings.bootstrap.push_back({{id}, std::string(255, 'a')});
  {
    const auto engine = RaftEngine::start(settings, member, member);
    ASSERT_TRUE(engine) << engine.error().message;
  }
  settings.bootstrap.clear();
  const auto again = RaftEngine::start(settings, member, member);
  ASSERT_TRUE(again) << again.error().message;
  ASSERT_TRUE(fleet.wait([&] { return member.voters == ids; }));
}

// libraft 0.22.1 books a change under the index of the first new entry of its message: a follower
// that caught up on one in the middle, once it leads, refused every change for ever.
TEST(EngineVoters, CaughtUpOnAChangeAmongEntriesThenLeadsAndChangesVoters) {
  Fleet fleet;
  fleet.be_patient();
  fleet.start_all({1, 2, 3});
  for (const std::uint64_t id : {4, 5}) fleet.start(id);
  ASSERT_TRUE(fleet.commit_many(3, "before "));
  const std::uint64_t leader = fleet.wait_leader();
  const std::uint64_t away = leader % 3 + 1;
  const std::uint64_t other = away % 3 + 1;
  fleet.isolate(away);
  ASSERT_TRUE(fleet.commit_many(3, "around "));
  fleet.at(leader).engine->set_voters(Fleet::voters_of({1, 2, 3, 4}));
  ASSERT_TRUE(fleet.wait([&] { return fleet.at(leader).voters == Ids({1, 2, 3, 4}); }));
  ASSERT_TRUE(fleet.commit_many(3, "a change "));
  fleet.heal();
  ASSERT_TRUE(fleet.wait_voters({1, 2, 3, 4}));
  fleet.stop(5);
  ASSERT_TRUE(fleet.wait_same(9));
  fleet.start(5);
  // No other one can win votes now.
  fleet.set_filter([away](std::uint64_t from, std::uint64_t, const std::string& bytes) {
    return from == away || !is_request_vote(bytes);
  });
  fleet.stop(leader);
  ASSERT_EQ(fleet.wait_leader(), away);
  Ids wanted = {away, other, 4, 5};
  std::sort(wanted.begin(), wanted.end());
  EXPECT_TRUE(fleet.make_voters(wanted));
  EXPECT_TRUE(fleet.at(away).leads);
}

}  // namespace
}  // namespace ringfence::agent::engine::test
