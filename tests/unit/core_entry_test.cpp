// Entries as bytes: what is written is read back; nothing hostile is believed.
#include "agent/core/entry.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace ringfence::agent::core {
namespace {

Proposal proposal_with_every_op() {
  Proposal proposal;
  proposal.expected = Epoch{7};
  proposal.what = "what";
  proposal.why = "why";
  proposal.who = "who";
  proposal.unix_ms = -5;
  PoolOptions options;
  options.has_tags = false;
  options.hash_tag_open = '{';
  options.hash_tag_close = '}';
  options.on_lease_loss = OnLeaseLoss::serve;
  ClusterId cluster{};
  cluster[3] = 9;
  proposal.ops = {SetCluster{cluster},
                  JoinAgent{{AgentId{5}, "host", Incarnation{2}, "h:1", "z", true, Epoch{3}}},
                  SetPool{"p", options},
                  RemovePool{"q"},
                  LoseBackend{"p", "a:1"},
                  AdmitBackend{"p", "a:2", 3},
                  RemoveBackend{"p", "a:3"},
                  SetWeight{"p", "a:4", 1000},
                  Reassign{"p", "a:5"},
                  FlushPool{"p"}};
  return proposal;
}

TEST(CoreEntry, ProposalWithEveryOpComesBackTheSame) {
  const std::string bytes = encode(proposal_with_every_op());
  const auto decoded = decode_entry(bytes);
  ASSERT_TRUE(decoded.has_value());
  const auto& proposal = std::get<Proposal>(*decoded);
  EXPECT_EQ(proposal.expected, Epoch{7});
  EXPECT_EQ(proposal.unix_ms, -5);
  EXPECT_EQ(proposal.ops.size(), 10U);
  EXPECT_EQ(encode(proposal), bytes);
}

TEST(CoreEntry, DrainComesBackAsADrain) {
  const auto entry = decode_entry(encode(Commands{{{"p", "a:1", 1, false, "root", true}}}));
  ASSERT_TRUE(entry.has_value());
  const BackendCommand& command = std::get<Commands>(*entry).commands.at(0);
  EXPECT_TRUE(command.is_drain);
  EXPECT_FALSE(command.is_add);
}

TEST(CoreEntry, ActivationAndCommandsComeBackTheSame) {
  const std::string activation = encode(Activation{LogIndex{4}, Epoch{5}, false});
  ASSERT_TRUE(decode_entry(activation).has_value());
  EXPECT_EQ(encode(*decode_entry(activation)), activation);
  const std::string commands = encode(Commands{{{"p", "a:1", 2, false, "root"}}});
  ASSERT_TRUE(decode_entry(commands).has_value());
  EXPECT_EQ(encode(*decode_entry(commands)), commands);
}

TEST(CoreEntry, PaddingIsIgnored) {
  std::string bytes = encode(Activation{LogIndex{4}, Epoch{5}, true});
  bytes.append(7, '\0');
  EXPECT_TRUE(decode_entry(bytes).has_value());
}

TEST(CoreEntry, EveryTruncationIsRefused) {
  const std::string bytes = encode(proposal_with_every_op());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_entry(bytes.substr(0, size)).has_value()) << size;
  }
}

TEST(CoreEntry, HugeLengthsAreRefusedBeforeAllocation) {
  ByteWriter out;
  out.u8(1);
  out.u8(1);
  out.u32(30);
  out.u64(1);
  out.u16(1);
  out.u64(0);
  out.u32(0xffffffff);  // the length of `what`
  out.u64(0);
  EXPECT_FALSE(decode_entry(out.bytes()).has_value());
}

TEST(CoreEntry, RandomDamageNeverYieldsWhatDoesNotEncodeAgain) {
  const std::string whole = encode(proposal_with_every_op());
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = whole;
    for (std::uint32_t n = 1 + random() % 4; n > 0; --n) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    const auto decoded = decode_entry(bytes);
    if (!decoded.has_value()) continue;
    const std::string again = encode(*decoded);
    EXPECT_EQ(again, bytes.substr(0, again.size()));
  }
}

TEST(CoreEntry, LongTextsAreCut) {
  Proposal proposal;
  proposal.what = std::string(5000, 'x');
  const auto decoded = decode_entry(encode(proposal));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(std::get<Proposal>(*decoded).what.size(), text_bytes_max);
}

TEST(CoreEntry, OutOfBoundsValuesAreRefused) {
  EXPECT_FALSE(decode_entry(encode(Commands{{{"p", "a", weight_max + 1, true, ""}}})).has_value());
  EXPECT_FALSE(decode_entry(encode(Commands{{{"", "a", 1, true, ""}}})).has_value());
  EXPECT_FALSE(
      decode_entry(encode(Commands{{{"p", std::string(112, 'a'), 1, true, ""}}})).has_value());
}

}  // namespace
}  // namespace ringfence::agent::core
