// The control socket's answers about the fleet, from what the core and the mesh report.
#include <gtest/gtest.h>

#include "agent/control/show.hpp"

namespace ringfence::agent::control {
namespace {

using core::operator""_ms;
using core::operator""_s;

constexpr core::Instant now{100'000'000'000};

core::AgentState live(std::uint64_t id, std::uint64_t epoch, std::uint64_t digest) {
  core::AgentState state;
  state.id = core::AgentId{id};
  state.name = "h" + std::to_string(id);
  state.is_connected = state.is_live = state.has_lease = true;
  state.epoch = core::Epoch{epoch};
  state.digest = digest;
  state.age = 1500_ms;
  return state;
}

TEST(AgreeJson, AllAlikeThenTheyAgreeAndEachSaysSinceWhen) {
  const Json reply = agree_json({{}, {live(1, 7, 9), live(2, 7, 9)}});

  EXPECT_TRUE(reply.at("agrees").get<bool>());
  EXPECT_EQ(reply.at("epoch"), 7);
  EXPECT_EQ(reply.at("digest"), "0000000000000009");
  EXPECT_EQ(reply.at("agents").at(1).at("age_ms"), 1500);
}

TEST(AgreeJson, OneOlderEpochOrOtherDigestThenThatOneDoesNotAgree) {
  const Json older = agree_json({{}, {live(1, 7, 9), live(2, 6, 8)}});
  const Json other = agree_json({{}, {live(1, 7, 9), live(2, 7, 8)}});

  EXPECT_FALSE(older.at("agrees").get<bool>());
  EXPECT_TRUE(older.at("agents").at(0).at("agrees").get<bool>());
  EXPECT_FALSE(older.at("agents").at(1).at("agrees").get<bool>());
  EXPECT_FALSE(other.at("agrees").get<bool>());
}

TEST(AgreeJson, ConnectedAndSilentThenTheyDoNotAgreeButOneThatIsGoneFailsNothing) {
  core::AgentState silent = live(2, 0, 0);
  silent.is_live = false;
  core::AgentState gone = silent;
  gone.is_connected = false;

  EXPECT_FALSE(agree_json({{}, {live(1, 7, 9), silent}}).at("agrees").get<bool>());
  EXPECT_TRUE(agree_json({{}, {live(1, 7, 9), gone}}).at("agrees").get<bool>());
}

TEST(AgreeJson, NoViewThenNobodyAgrees) {
  EXPECT_FALSE(agree_json({}).at("agrees").get<bool>());
}

core::NodeReport report_of_two() {
  core::NodeReport report;
  core::PeerReport own;
  own.id = core::AgentId{1};
  own.name = "h1";
  own.is_self = own.is_in_view = own.is_connected = own.is_voter = own.is_leader = true;
  own.since = now - 5_s;
  core::PeerReport other;
  other.id = core::AgentId{2};
  other.name = "h2";
  other.address = "h2:1";
  other.zone = "east";
  other.is_in_view = other.is_connected = other.is_witness = true;
  other.since = now - 3_s;
  report.peers = {own, other};
  return report;
}

TEST(PeersJson, AgentsAndConnectionsThenTheyAreJoinedByIdAndFailingAddressesStandApart) {
  mesh::PeerReport up;
  up.is_up = true;
  up.id = core::AgentId{2};
  up.round_trip_ns = 250'000;
  up.sent_bytes = 10;
  up.received_bytes = 20;
  mesh::PeerReport down;
  down.address = "h3:1";
  down.last_error = "connection refused";

  const Json reply = peers_json(report_of_two(), {up, down}, now);

  const Json& own = reply.at("agents").at(0);
  const Json& other = reply.at("agents").at(1);
  EXPECT_TRUE(own.at("is_leader").get<bool>());
  EXPECT_FALSE(own.contains("sent_bytes"));
  EXPECT_EQ(other.at("role"), "witness");
  EXPECT_EQ(other.at("zone"), "east");
  EXPECT_EQ(other.at("age_ms"), 3000);
  EXPECT_EQ(other.at("round_trip_us"), 250);
  EXPECT_EQ(other.at("received_bytes"), 20);
  ASSERT_EQ(reply.at("failing").size(), 1U);
  EXPECT_EQ(reply.at("failing").at(0).at("address"), "h3:1");
  EXPECT_EQ(reply.at("failing").at(0).at("last_error"), "connection refused");
}

TEST(PeersJson, RoundTripNotMeasuredYetThenNull) {
  mesh::PeerReport up;
  up.is_up = true;
  up.id = core::AgentId{2};

  const Json reply = peers_json(report_of_two(), {up}, now);

  EXPECT_TRUE(reply.at("agents").at(1).at("round_trip_us").is_null());
}

}  // namespace
}  // namespace ringfence::agent::control
