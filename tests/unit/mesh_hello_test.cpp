// Greetings: what they say, hostile ones, and who is spoken with; refusals in the log; addresses.
#include "agent/mesh/hello.hpp"

#include <gtest/gtest.h>

#include "agent/mesh/address.hpp"
#include "agent/mesh/refusal_log.hpp"
#include "agent/mesh/wire.hpp"

namespace ringfence::agent::mesh {
namespace {

Hello some_hello() {
  Hello hello;
  hello.nonce = 77;
  hello.cluster = "prod";
  hello.peer = PeerHello{core::AgentId{5}, core::Incarnation{3}, "host", "10.0.0.5:7411"};
  return hello;
}

std::optional<Refusal> refusal_of_hello(const Hello& hello) {
  return decode_hello(encode_hello(hello)).refusal;
}

TEST(MeshHello, EncodedThenDecodedTheSame) {
  const DecodedHello decoded = decode_hello(encode_hello(some_hello()));
  ASSERT_FALSE(decoded.refusal);
  EXPECT_EQ(decoded.hello.nonce, 77U);
  EXPECT_EQ(decoded.hello.cluster, "prod");
  EXPECT_EQ(decoded.hello.peer.id.value, 5U);
  EXPECT_EQ(decoded.hello.peer.incarnation.value, 3U);
  EXPECT_EQ(decoded.hello.peer.name, "host");
  EXPECT_EQ(decoded.hello.peer.address, "10.0.0.5:7411");
}

TEST(MeshHello, CutAnywhereOrWithMoreBehindThenMalformed) {
  const std::string bytes = encode_hello(some_hello());
  for (std::size_t end = 0; end < bytes.size(); ++end) {
    EXPECT_EQ(decode_hello(bytes.substr(0, end)).refusal, Refusal::malformed) << end;
  }
  EXPECT_EQ(decode_hello(bytes + "x").refusal, Refusal::malformed);
}

TEST(MeshHello, FieldsBeyondTheirBoundsThenMalformed) {
  Hello hello = some_hello();
  hello.cluster = std::string(64, 'c');
  EXPECT_EQ(refusal_of_hello(hello), Refusal::malformed);
  hello = some_hello();
  hello.peer.name = std::string(256, 'n');
  EXPECT_EQ(refusal_of_hello(hello), Refusal::malformed);
  hello = some_hello();
  hello.peer.address = std::string(112, 'a');
  EXPECT_EQ(refusal_of_hello(hello), Refusal::malformed);
}

TEST(MeshHello, TheLongestOneThenItFitsItsFrame) {
  Hello hello = some_hello();
  hello.cluster = std::string(63, 'c');
  hello.peer.name = std::string(name_bytes_max, 'n');
  hello.peer.address = std::string(address_bytes_max, 'a');
  EXPECT_LE(encode_hello(hello).size(), hello_bytes_max);
  EXPECT_FALSE(refusal_of_hello(hello));
}

TEST(MeshHello, IdZeroNoClusterOrTextsForATerminalThenMalformed) {
  Hello hello = some_hello();
  hello.peer.id.value = 0;
  EXPECT_EQ(refusal_of_hello(hello), Refusal::malformed);
  hello = some_hello();
  hello.cluster.clear();
  EXPECT_EQ(refusal_of_hello(hello), Refusal::malformed);
  hello = some_hello();
  hello.peer.name = "\x1b[2J";
  EXPECT_EQ(refusal_of_hello(hello), Refusal::malformed);
}

TEST(MeshHello, VersionsThatDoNotMeetThenProtocolAndTheRestIsNotRead) {
  Hello hello = some_hello();
  hello.oldest = hello.newest = protocol_max + 1;
  EXPECT_EQ(decode_hello(encode_hello(hello).substr(0, 12)).refusal, Refusal::protocol);
  hello.oldest = hello.newest = protocol_min - 1;
  EXPECT_EQ(refusal_of_hello(hello), Refusal::protocol);
  hello.oldest = 2;
  hello.newest = 1;
  EXPECT_EQ(refusal_of_hello(hello), Refusal::malformed);
}

TEST(MeshHello, ANewerAgentThatSpeaksOursThenWhatItAddsIsPassedOver) {
  Hello hello = some_hello();
  hello.newest = protocol_max + 1;
  EXPECT_FALSE(decode_hello(encode_hello(hello) + "more").refusal);
}

TEST(MeshHello, JudgedByClusterAndIdentity) {
  const Hello own = some_hello();
  Hello theirs = some_hello();
  EXPECT_EQ(judge_hello(own, theirs), Refusal::oneself);
  theirs.nonce = 78;
  EXPECT_EQ(judge_hello(own, theirs), Refusal::same_id);
  theirs.peer.id.value = 6;
  EXPECT_FALSE(judge_hello(own, theirs));
  theirs.cluster = "test";
  EXPECT_EQ(judge_hello(own, theirs), Refusal::foreign_cluster);
}

TEST(MeshHello, RefusalsOnTheWireThenOnlyThoseThatExist) {
  for (int number = 1; number <= 8; ++number) {
    const auto refusal = refusal_of(std::string(1, static_cast<char>(number)));
    ASSERT_TRUE(refusal) << number;
    EXPECT_FALSE(describe(*refusal).empty());
  }
  EXPECT_FALSE(refusal_of(std::string(1, '\0')));
  EXPECT_FALSE(refusal_of("\x09"));
  EXPECT_FALSE(refusal_of("\xff"));
  EXPECT_FALSE(refusal_of(""));
  EXPECT_FALSE(refusal_of("\x01\x01"));
}

TEST(MeshRefusalLog, TheSameAgainAndAgainThenOneLineAndACountAtTheWindowsEnd) {
  RefusalLog log;
  const std::int64_t window = RefusalLog::window_ns;
  EXPECT_EQ(log.note(0, "10.0.0.9", "a wrong key").size(), 1U);
  for (int i = 1; i <= 40; ++i) EXPECT_TRUE(log.note(i, "10.0.0.9", "a wrong key").empty());
  EXPECT_EQ(log.note(50, "10.0.0.9", "garbage").size(), 1U);
  EXPECT_EQ(log.note(50, "10.0.0.8", "a wrong key").size(), 1U);
  EXPECT_TRUE(log.due(window - 1).empty());
  EXPECT_EQ(log.due(window),
            std::vector<std::string>{"mesh: refused 10.0.0.9 40 more times in 10 s: a wrong key"});
  // Nothing more of it: the pair is forgotten, and its next is a line again.
  EXPECT_TRUE(log.due(2 * window + 50).empty());
  EXPECT_EQ(log.note(2 * window + 51, "10.0.0.9", "a wrong key").size(), 1U);
}

TEST(MeshRefusalLog, FromEverywhereThenABoundedNumberOfLines) {
  RefusalLog log;
  std::size_t line_count = 0;
  for (int i = 0; i < 10'000; ++i) line_count += log.note(i, std::to_string(i), "garbage").size();
  EXPECT_LE(line_count, RefusalLog::pair_count_max + 1);
  EXPECT_EQ(log.due(RefusalLog::window_ns + 10'000).size(), 1U);
}

TEST(MeshAddress, PartsOfAnAddress) {
  EXPECT_EQ(split_address("host:7411").value().host, "host");
  EXPECT_EQ(split_address("[::1]:7411").value().host, "::1");
  EXPECT_EQ(split_address("10.0.0.5:7411").value().port, 7411);
  for (const char* wrong :
       {"", "host", ":1", "host:", "host:65536", "host:x", "::1:7411", "[::1]", "[host]:1"}) {
    EXPECT_FALSE(split_address(wrong)) << wrong;
  }
}

TEST(MeshAddress, LoopbackAndWildcardAlsoMappedIntoIp6) {
  const auto literal = [](const char* text) {
    return literal_address(split_address(text).value());
  };
  for (const char* text : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"}) {
    EXPECT_TRUE(is_loopback(literal(text))) << text;
  }
  for (const char* text :
       {"10.0.0.1:1", "0.0.0.0:1", "[::]:1", "[fe80::1]:1", "[::ffff:10.0.0.1]:1", "localhost:1"}) {
    EXPECT_FALSE(is_loopback(literal(text))) << text;
  }
  EXPECT_TRUE(is_wildcard(literal("0.0.0.0:1")) && is_wildcard(literal("[::]:1")));
  EXPECT_FALSE(is_wildcard(literal("127.0.0.1:1")) || is_wildcard(literal("host:1")));
  EXPECT_EQ(ip_text(literal("[::ffff:10.0.0.1]:1")), "10.0.0.1");
  EXPECT_EQ(ip_text(literal("[2001:DB8::1]:1")), "2001:db8::1");
}

}  // namespace
}  // namespace ringfence::agent::mesh
