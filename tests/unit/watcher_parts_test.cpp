// The pure parts of the watcher: addresses, claims, the conversation, the flush's script.
#include <gtest/gtest.h>

#include <array>

#include "agent/backends/claim.hpp"
#include "agent/backends/dialogue.hpp"
#include "agent/backends/endpoint.hpp"
#include "agent/backends/flush_script.hpp"

namespace ringfence::agent::backends {
namespace {

using core::FlushOutcome;
using shim::text::ReplyShape;
using shm_layout::AddressFamily;
using Kind = FlushScript::Step::Kind;

TEST(Endpoint, EachFormThenItsFamily) {
  EXPECT_EQ(parse_endpoint("10.0.0.5:11211").value().family, AddressFamily::inet4);
  EXPECT_EQ(parse_endpoint("[::1]:11211").value().family, AddressFamily::inet6);
  EXPECT_EQ(parse_endpoint("cache-1:11211").value().family, AddressFamily::none);
  EXPECT_EQ(parse_endpoint("/run/m.sock").value().family, AddressFamily::unix_path);
  EXPECT_EQ(parse_endpoint("[::1]:11211").value().port, 11211);
}

TEST(Endpoint, NotAnAddressThenError) {
  for (const char* text : {"", "host", ":1", "host:", "host:99999", "::1:11211", "[h]:1"}) {
    EXPECT_FALSE(parse_endpoint(text)) << text;
  }
  EXPECT_FALSE(parse_endpoint("/" + std::string(107, 'x')));
}

TEST(Claim, OwnTextThenItsIdAndOthersNone) {
  core::ClusterId id{};
  id.fill(0xab);
  const ClaimText claim = make_claim(id, "prod", "web1");
  EXPECT_EQ(claim.value, std::string(claim.cluster_id_hex) + " prod web1");
  EXPECT_EQ(claimed_by(claim.value), claim.cluster_id_hex);
  EXPECT_EQ(claimed_by("hello"), "");
  EXPECT_EQ(claimed_by(std::string(32, 'g') + " a b"), "");
}

TEST(Dialogue, RepliesInPiecesThenWholeAndInOrder) {
  Dialogue dialogue;
  const std::array shapes{ReplyShape::line, ReplyShape::values, ReplyShape::stats};
  std::string line, value;
  std::uint64_t pid = 0;
  ASSERT_TRUE(dialogue.expect(shapes, [&](Dialogue::Replies replies) {
    line = replies[0].line;
    value = replies[1].value;
    pid = replies[2].stats.pid;
  }));
  for (const char c :
       std::string("VERSION 1\r\nVALUE k 0 2\r\nab\r\nEND\r\nSTAT pid 42\r\nEND\r\n")) {
    ASSERT_TRUE(dialogue.feed(std::string_view(&c, 1)));
  }
  EXPECT_EQ(line, "VERSION 1");
  EXPECT_EQ(value, "ab");
  EXPECT_EQ(pid, 42U);
  EXPECT_TRUE(dialogue.is_idle());
}

TEST(Dialogue, MoreThanAskedThenViolation) {
  Dialogue dialogue;
  EXPECT_FALSE(dialogue.feed("HELLO\r\n"));
  EXPECT_NE(dialogue.violation().find("more than it was asked"), std::string::npos);
}

TEST(Dialogue, TooManyOutstandingThenRefused) {
  Dialogue dialogue;
  const std::array shapes{ReplyShape::line};
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(dialogue.expect(shapes, [](Dialogue::Replies) {}));
  EXPECT_FALSE(dialogue.expect(shapes, [](Dialogue::Replies) {}));
}

TEST(ServerStats, ProxyThenNoMemcached) {
  ServerStats stats;
  for (const char* line : {"pid 1", "curr_items 0", "cmd_flush 0", "time 9", "uptime 3"}) {
    read_stat(line, stats);
  }
  EXPECT_TRUE(stats.is_memcached());
  EXPECT_EQ(stats.started_s(), 6);
  read_stat("proxy_conn_requests 3", stats);
  EXPECT_FALSE(stats.is_memcached());
}

// A server by hand: what each step of the script meets.
std::array<Reply, 5> first_replies(std::uint64_t curr_items) {
  std::array<Reply, 5> replies;
  replies[3].stats.has_pid = replies[3].stats.has_items = true;
  replies[3].stats.has_time = replies[3].stats.has_flushes = true;
  replies[3].stats.curr_items = curr_items;
  replies[4].line = "STORED";
  return replies;
}
Reply line_reply(const std::string& line) {
  Reply reply;
  reply.line = line;
  return reply;
}
FlushScript::Step answer(FlushScript& script, std::int64_t now_ns, const Reply& reply) {
  return script.on_replies(now_ns, Dialogue::Replies(&reply, 1));
}

TEST(G3_FlushScript, ItemsThenWaitsForTheServersClock) {
  FlushScript script("n", "c", true);
  ASSERT_EQ(script.begin(0).kind, Kind::send);
  EXPECT_EQ(script.on_replies(0, first_replies(1)).wire, "stats\r\n");
  Reply clock;
  clock.stats.time_s = 100;
  EXPECT_EQ(answer(script, 0, clock).kind, Kind::wait);
  EXPECT_EQ(script.on_waited(0).wire, "stats\r\n");
  clock.stats.time_s = 101;
  EXPECT_EQ(answer(script, 0, clock).kind, Kind::wait);
  clock.stats.time_s = 102;
  EXPECT_EQ(answer(script, 0, clock).wire, "flush_all\r\n");
}

TEST(FlushScript, ItemsButNoProofAskedThenFlushesAtOnce) {
  FlushScript script("n", "c", false);
  ASSERT_EQ(script.begin(0).kind, Kind::send);
  EXPECT_EQ(script.on_replies(0, first_replies(1)).wire, "flush_all\r\n");
}

TEST(G3_FlushScript, ClockStandsStillThenNotDone) {
  FlushScript script("n", "c", true);
  static_cast<void>(script.begin(0));
  static_cast<void>(script.on_replies(0, first_replies(1)));
  Reply clock;
  clock.stats.time_s = 100;
  EXPECT_EQ(answer(script, 0, clock).kind, Kind::wait);
  const auto step = answer(script, 10'000'000'000, clock);
  EXPECT_EQ(step.kind, Kind::finished);
  EXPECT_EQ(step.outcome, FlushOutcome::not_done);
}

TEST(G3_FlushScript, ServerLiesThenNotDone) {
  FlushScript script("n", "c", true);
  static_cast<void>(script.begin(0));
  ASSERT_EQ(script.on_replies(0, first_replies(0)).wire, "flush_all\r\n");
  EXPECT_EQ(answer(script, 0, line_reply("OK")).wire, "get ringfence!canary\r\n");
  Reply canary;
  canary.has_value = true;
  EXPECT_EQ(answer(script, 500'000'000, canary).kind, Kind::wait);
  const auto step = answer(script, 1'100'000'000, canary);
  EXPECT_EQ(step.outcome, FlushOutcome::not_done);
  EXPECT_NE(step.why.find("still there"), std::string::npos);
}

TEST(G3_FlushScript, FlushForbiddenThenRefused) {
  FlushScript script("n", "c", true);
  static_cast<void>(script.begin(0));
  static_cast<void>(script.on_replies(0, first_replies(0)));
  EXPECT_EQ(answer(script, 0, line_reply("CLIENT_ERROR flush_all not allowed")).outcome,
            FlushOutcome::refused);
}

TEST(G3_FlushScript, CanaryNotStoredThenNotDone) {
  FlushScript script("n", "c", true);
  static_cast<void>(script.begin(0));
  auto replies = first_replies(0);
  replies[4].line = "SERVER_ERROR out of memory storing object";
  EXPECT_EQ(script.on_replies(0, replies).outcome, FlushOutcome::not_done);
}

}  // namespace
}  // namespace ringfence::agent::backends
