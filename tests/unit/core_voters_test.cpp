// Who votes: how many, who stays, how zones are filled.
#include "agent/core/voters.hpp"

#include <gtest/gtest.h>

namespace ringfence::agent::core {
namespace {

std::vector<VoterCandidate> agents(std::uint64_t count) {
  std::vector<VoterCandidate> made;
  for (std::uint64_t i = 1; i <= count; ++i) {
    made.push_back({AgentId{i}, "h" + std::to_string(i) + ":1", "", Epoch{i}, false, true, false});
  }
  return made;
}

std::vector<std::uint64_t> ids(const std::vector<VoterCandidate>& candidates) {
  std::vector<std::uint64_t> found;
  for (const Voter& voter : choose_voters(candidates)) found.push_back(voter.id.value);
  return found;
}

using Ids = std::vector<std::uint64_t>;

TEST(CoreVoters, AgentsThenOneThreeOrFiveVoters) {
  EXPECT_EQ(ids(agents(0)).size(), 0U);
  EXPECT_EQ(ids(agents(1)).size(), 1U);
  EXPECT_EQ(ids(agents(2)).size(), 1U);
  EXPECT_EQ(ids(agents(3)).size(), 3U);
  EXPECT_EQ(ids(agents(4)).size(), 3U);
  EXPECT_EQ(ids(agents(5)).size(), 5U);
  EXPECT_EQ(ids(agents(100)).size(), 5U);
}

TEST(CoreVoters, TwoAgentsThenTheElderVotesAlone) {
  std::vector<VoterCandidate> two = agents(2);
  two[0].joined = Epoch{9};
  EXPECT_EQ(ids(two), Ids{2});
}

TEST(CoreVoters, WhoVotesStays) {
  std::vector<VoterCandidate> five = agents(4);
  five[1].is_voter = five[2].is_voter = five[3].is_voter = true;
  EXPECT_EQ(ids(five), (Ids{2, 3, 4}));
}

TEST(CoreVoters, VoterIsGoneThenAnotherTakesItsPlace) {
  std::vector<VoterCandidate> four = agents(4);
  four[0].is_voter = four[1].is_voter = four[2].is_voter = true;
  four[1].is_usable = false;
  EXPECT_EQ(ids(four), (Ids{1, 3, 4}));
}

TEST(CoreVoters, NobodyToReplaceItThenItStays) {
  std::vector<VoterCandidate> three = agents(3);
  for (VoterCandidate& agent : three) agent.is_voter = true;
  three[1].is_usable = false;
  EXPECT_EQ(ids(three), (Ids{1, 2, 3}));
}

TEST(CoreVoters, ZonesThenVotersAreSpread) {
  std::vector<VoterCandidate> six = agents(6);
  for (std::size_t i = 0; i < 6; ++i) six[i].zone = i < 4 ? "a" : i == 4 ? "b" : "c";
  six.resize(6);
  const Ids found = ids(six);
  EXPECT_EQ(found, (Ids{1, 2, 3, 5, 6}));  // both small zones have one
}

TEST(CoreVoters, WitnessThenItVotesBeforeOthers) {
  std::vector<VoterCandidate> four = agents(4);
  four[3].is_witness = true;
  EXPECT_EQ(ids(four), (Ids{1, 2, 4}));
}

}  // namespace
}  // namespace ringfence::agent::core
