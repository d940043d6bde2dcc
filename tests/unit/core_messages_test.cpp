// The messages of the mesh: what was written comes back, and nothing else does.
#include "agent/core/messages.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ringfence::agent::core {
namespace {

WantedPool wanted_pool() {
  WantedPool pool;
  pool.name = "p";
  pool.options.has_tags = false;
  pool.backends = {{"10.0.0.1:11211", 3, NamedBy::command, "dns cache:11211"},
                   {"/run/m.sock", 1, NamedBy::nobody}};
  pool.is_partial = true;
  return pool;
}

std::vector<Message> one_of_each() {
  ClusterId cluster{};
  cluster[15] = 7;
  const Introduction introduction{cluster, true, 9, true, false, true, "east", AgentId{4}, "h:1"};
  return {LeaseRequest{Incarnation{1}, Epoch{2}, LogIndex{3}, 4},
          LeaseReply{Incarnation{1}, Epoch{2}, LogIndex{3}, 4, Term{5}, 2_s, LogIndex{6}},
          FenceAck{Incarnation{1}, LogIndex{2}, 3},
          LeaseEnded{Incarnation{1}, Term{2}},
          BackendTold{"p", "a:1", BackendSeen::unreachable, true, true, "c", "why"},
          WantedTold{true, {wanted_pool()}},
          FleetWanted{{wanted_pool(), wanted_pool()}},
          Feed{LogIndex{1}, LogIndex{2}, Term{3}, "entry"},
          FeedAsked{LogIndex{1}},
          SnapshotPart{LogIndex{1}, 10, 4, "abcdef"},
          introduction,
          Lead{cluster, Term{2}, LogIndex{3}},
          VoteAsked{cluster, Term{2}, true},
          Leaving{Incarnation{1}},
          FormAsked{cluster},
          FormPromised{cluster},
          Formed{cluster, {{AgentId{1}, "a:1"}, {AgentId{2}, "b:1"}}},
          CommandAsked{RequestId{1}, CommandKind::remove_backend, "p", "a:1", "root", 2},
          CommandAnswered{RequestId{1}, true, "done"},
          StateAsked{RequestId{1}},
          StateTold{RequestId{1}, Epoch{2}, 3, 4_ms, true},
          ProbeAsked{RequestId{1}, "p", "a:1"},
          ProbeTold{RequestId{1}, "p", "a:1", true},
          PeersTold{{AgentId{1}, AgentId{2}}},
          LeaseRefused{"why"}};
}

TEST(CoreMessages, EachKindComesBackTheSame) {
  const std::vector<Message> messages = one_of_each();
  ASSERT_EQ(messages.size(), std::variant_size_v<Message>);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    ASSERT_EQ(messages[i].index(), i);
    const std::string bytes = encode(messages[i]);
    const std::optional<Message> back = decode_message(bytes);
    ASSERT_TRUE(back.has_value()) << "kind " << i;
    EXPECT_EQ(back->index(), i);
    EXPECT_EQ(encode(*back), bytes) << "kind " << i;
  }
}

TEST(CoreMessages, FieldsOfABackendSurvive) {
  const std::optional<Message> back = decode_message(encode(WantedTold{true, {wanted_pool()}}));
  ASSERT_TRUE(back.has_value());
  const auto& told = std::get<WantedTold>(*back);
  ASSERT_EQ(told.pools.size(), 1U);
  EXPECT_TRUE(told.is_order);
  EXPECT_FALSE(told.pools[0].options.has_tags);
  ASSERT_EQ(told.pools[0].backends.size(), 2U);
  EXPECT_EQ(told.pools[0].backends[0].address, "10.0.0.1:11211");
  EXPECT_EQ(told.pools[0].backends[0].weight, 3U);
  EXPECT_EQ(told.pools[0].backends[0].named_by, NamedBy::command);
  EXPECT_EQ(told.pools[0].backends[0].source, "dns cache:11211");
  EXPECT_TRUE(told.pools[0].is_partial);
}

TEST(CoreMessages, CutAnywhereOrLengthenedThenRefused) {
  for (const Message& message : one_of_each()) {
    const std::string bytes = encode(message);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      EXPECT_FALSE(decode_message(bytes.substr(0, length)).has_value())
          << "kind " << message.index() << " cut to " << length;
    }
    EXPECT_FALSE(decode_message(bytes + "x").has_value()) << "kind " << message.index();
  }
}

TEST(CoreMessages, UnknownKindThenRefused) {
  EXPECT_FALSE(decode_message(std::string(1, '\0')).has_value());
  EXPECT_FALSE(decode_message(std::string(1, '\xff')).has_value());
  const auto beyond = static_cast<char>(std::variant_size_v<Message> + 1);
  EXPECT_FALSE(decode_message(std::string(1, beyond)).has_value());
}

TEST(CoreMessages, PartBeyondItsSnapshotThenRefused) {
  EXPECT_FALSE(decode_message(encode(SnapshotPart{LogIndex{1}, 5, 4, "ab"})).has_value());
  EXPECT_FALSE(decode_message(encode(SnapshotPart{LogIndex{1}, snapshot_bytes_max + 1, 0, "ab"}))
                   .has_value());
}

TEST(CoreMessages, LongSourceThenCut) {
  WantedPool pool = wanted_pool();
  pool.backends[0].source.assign(source_bytes_max + 1, 'x');
  const std::optional<Message> back = decode_message(encode(FleetWanted{{pool}}));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(std::get<FleetWanted>(*back).pools[0].backends[0].source.size(), source_bytes_max);
}

TEST(CoreMessages, WeightOrNameOutOfBoundsThenRefused) {
  WantedPool heavy = wanted_pool();
  heavy.backends[0].weight = weight_max + 1;
  EXPECT_FALSE(decode_message(encode(FleetWanted{{heavy}})).has_value());
  WantedPool nameless = wanted_pool();
  nameless.name.clear();
  EXPECT_FALSE(decode_message(encode(FleetWanted{{nameless}})).has_value());
  BackendTold told;
  told.why.assign(text_bytes_max + 1, 'x');
  EXPECT_FALSE(decode_message(encode(told)).has_value());
}

}  // namespace
}  // namespace ringfence::agent::core
