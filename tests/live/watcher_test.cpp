// The watcher against real memcacheds: what it says when they die, hang, return, fill up or lose
// what they held.
#include <gtest/gtest.h>

#include "tests/live/support/memcached.hpp"
#include "tests/live/support/temp_dir.hpp"
#include "tests/live/watcher_rig.hpp"

namespace ringfence::live {
namespace {

TEST(Watcher, EmptyInstanceThenAnsweredWithVersionAndNoItems) {
  const Memcached memcached;
  WatcherRig rig;
  rig.watch(memcached.address());
  const auto answered = rig.next<BackendAnswered>();
  EXPECT_EQ(answered.address, memcached.address());
  EXPECT_FALSE(answered.holds_items);
  EXPECT_FALSE(answered.claim_is_ours);
  EXPECT_EQ(answered.claimed_by, "");
  EXPECT_EQ(answered.version.substr(0, 4), "1.6.");
}

TEST(Watcher, UnixSocketThenAnswered) {
  const TempDir dir;
  const Memcached memcached = Memcached::on_unix_socket(dir.file("m.sock"));
  WatcherRig rig;
  rig.watch(memcached.address());
  EXPECT_EQ(rig.next<BackendAnswered>().address, memcached.address());
}

TEST(Watcher, NameThenResolvedAndAnswered) {
  const Memcached memcached;
  const std::string port = memcached.address().substr(memcached.address().rfind(':'));
  WatcherRig rig;
  rig.watch("localhost" + port);
  ASSERT_EQ(rig.next<BackendAnswered>().address, "localhost" + port);
  const auto address = rig.watcher().segment_address("pool", "localhost" + port);
  EXPECT_NE(address.family, shm_layout::AddressFamily::none);
}

TEST(Watcher, UnknownNameThenUnreachableAndWhy) {
  WatcherRig rig;
  rig.watch("no-such-host.invalid:11211");
  EXPECT_NE(rig.next<BackendUnreachable>().why.find("resolve"), std::string::npos);
}

TEST(Watcher, InstanceWithItemsThenHoldsItems) {
  const Memcached memcached;
  memcached.client().set("k", "v");
  WatcherRig rig;
  rig.watch(memcached.address());
  EXPECT_TRUE(rig.next<BackendAnswered>().holds_items);
}

TEST(Watcher, NobodyListensThenUnreachableOnceThenAnsweredWhenItComes) {
  Memcached memcached;
  memcached.kill();
  WatcherRig rig;
  rig.watch(memcached.address());
  EXPECT_NE(rig.next<BackendUnreachable>().why, "");
  rig.turn_for(Milliseconds{300});
  EXPECT_EQ(rig.count<BackendUnreachable>(), 1U);
  memcached.restart();
  EXPECT_EQ(rig.next<BackendAnswered>().address, memcached.address());
}

TEST(Watcher, KilledThenUnreachableOnce) {
  Memcached memcached;
  WatcherRig rig;
  rig.watch(memcached.address());
  ASSERT_NE(rig.next<BackendAnswered>().address, "");
  memcached.kill();
  ASSERT_NE(rig.next<BackendUnreachable>().why, "");
  rig.turn_for(Milliseconds{200});
  EXPECT_EQ(rig.count<BackendUnreachable>(), 1U);
}

TEST(Watcher, StoppedThenUnreachableAndAnsweredAfterResume) {
  const Memcached memcached;
  WatcherRig rig;
  rig.watch(memcached.address());
  ASSERT_NE(rig.next<BackendAnswered>().address, "");
  ASSERT_EQ(rig.flush(memcached.address()).outcome, FlushOutcome::verified);
  memcached.stop();
  EXPECT_NE(rig.next<BackendUnreachable>().why.find("does not answer"), std::string::npos);
  memcached.resume();
  EXPECT_TRUE(rig.next<BackendAnswered>().claim_is_ours);
}

TEST(G3_Watcher, FlushOfHeldItemsThenVerifiedAndGoneWithOneFlush) {
  const Memcached memcached;
  memcached.client().set("old", "v");
  WatcherRig rig;
  rig.watch(memcached.address());
  ASSERT_TRUE(rig.next<BackendAnswered>().holds_items);
  const std::uint64_t before = memcached.flush_count();
  ASSERT_EQ(rig.flush(memcached.address()).outcome, FlushOutcome::verified);
  EXPECT_EQ(memcached.client().get("old"), std::nullopt);
  EXPECT_EQ(memcached.client().get("ringfence!canary"), std::nullopt);
  EXPECT_NE(memcached.client().get("ringfence!claim"), std::nullopt);
  EXPECT_EQ(memcached.flush_count(), before + 1);
}

TEST(G3_Watcher, FlushOfEmptyInstanceThenVerifiedWithoutWaitingForItsClock) {
  const Memcached memcached;
  WatcherRig rig;
  rig.watch(memcached.address());
  ASSERT_FALSE(rig.next<BackendAnswered>().holds_items);
  const auto started = std::chrono::steady_clock::now();
  ASSERT_EQ(rig.flush(memcached.address()).outcome, FlushOutcome::verified);
  EXPECT_LT(std::chrono::steady_clock::now() - started, Milliseconds{1000});
}

TEST(G3_Watcher, ServerThatForbidsFlushThenRefused) {
  const Memcached memcached({"-F"});
  WatcherRig rig;
  rig.watch(memcached.address());
  ASSERT_NE(rig.next<BackendAnswered>().address, "");
  const auto finished = rig.flush(memcached.address());
  EXPECT_EQ(finished.outcome, FlushOutcome::refused);
  EXPECT_NE(finished.why.find("not allowed"), std::string::npos);
}

TEST(Regression, ClaimedServerThatRefusedAFlushThenItsRestartIsNoticed) {
  Memcached memcached({"-F"});
  WatcherRig rig;
  rig.watch(memcached.address());
  ASSERT_NE(rig.next<BackendAnswered>().address, "");
  rig.watcher().claim({"pool", memcached.address()});
  rig.turn_for(Milliseconds{100});
  ASSERT_EQ(rig.flush(memcached.address()).outcome, FlushOutcome::refused);
  rig.turn_for(Milliseconds{200});
  EXPECT_EQ(rig.count<BackendContentsLost>(), 0U);
  ASSERT_EQ(memcached.client().ask("delete ringfence!claim"), "DELETED");
  rig.turn_for(Milliseconds{300});
  EXPECT_EQ(rig.count<BackendContentsLost>(), 0U);
  EXPECT_NE(memcached.client().get("ringfence!claim"), std::nullopt) << "supervised no longer";
}

TEST(G3_Watcher, KilledDuringFlushThenUnreachable) {
  Memcached memcached;
  memcached.client().set("k", "v");
  WatcherRig rig;
  rig.watch(memcached.address());
  ASSERT_TRUE(rig.next<BackendAnswered>().holds_items);
  rig.watcher().flush({RequestId{1}, "pool", memcached.address()});
  rig.turn_for(Milliseconds{100});
  memcached.kill();
  EXPECT_EQ(rig.next<FlushFinished>().outcome, FlushOutcome::unreachable);
}

TEST(Regression, StoppedDuringFlushThenItsFlushEndsUnreachable) {
  const Memcached memcached;
  memcached.client().set("k", "v");
  WatcherRig rig;
  rig.watch(memcached.address());
  ASSERT_TRUE(rig.next<BackendAnswered>().holds_items);
  rig.watcher().flush({RequestId{1}, "pool", memcached.address()});
  rig.watcher().stop({"pool", memcached.address()});
  const auto finished = rig.next<FlushFinished>();
  EXPECT_EQ(finished.outcome, FlushOutcome::unreachable);
  EXPECT_EQ(finished.why, "it is no longer watched");
}

TEST(Watcher, FlushedBehindOurBackThenContentsLost) {
  const Memcached memcached;
  WatcherRig rig;
  rig.watch(memcached.address());
  ASSERT_NE(rig.next<BackendAnswered>().address, "");
  ASSERT_EQ(rig.flush(memcached.address()).outcome, FlushOutcome::verified);
  ASSERT_EQ(memcached.client().ask("flush_all"), "OK");
  EXPECT_NE(rig.next<BackendContentsLost>().why.find("flushed"), std::string::npos);
}

TEST(Watcher, RestartedBetweenProbesThenContentsLost) {
  Memcached memcached;
  WatcherRig rig;
  rig.watch(memcached.address());
  ASSERT_NE(rig.next<BackendAnswered>().address, "");
  ASSERT_EQ(rig.flush(memcached.address()).outcome, FlushOutcome::verified);
  memcached.kill();
  memcached.restart();
  const auto is_lost = [&] { return rig.count<BackendContentsLost>() == 1; };
  const auto is_gone = [&] { return rig.count<BackendUnreachable>() == 1; };
  ASSERT_TRUE(rig.until([&] { return is_lost() || is_gone(); }));
  // The process's end and its connection's come in either order; each says it by itself.
  if (is_lost()) {
    EXPECT_NE(rig.next<BackendContentsLost>().why.find("restarted"), std::string::npos);
  } else {
    EXPECT_NE(rig.next<BackendUnreachable>().why.find("process ended"), std::string::npos);
  }
}

TEST(Watcher, ClaimEvictedThenWrittenAgainAndNothingLost) {
  const Memcached memcached;
  WatcherRig rig;
  rig.watch(memcached.address());
  ASSERT_NE(rig.next<BackendAnswered>().address, "");
  ASSERT_EQ(rig.flush(memcached.address()).outcome, FlushOutcome::verified);
  ASSERT_EQ(memcached.client().ask("delete ringfence!claim"), "DELETED");
  EXPECT_TRUE(rig.until([&] { return memcached.client().get("ringfence!claim").has_value(); }));
  EXPECT_EQ(rig.count<BackendContentsLost>(), 0U);
}

TEST(G5_Watcher, ClaimExpiredWhileNobodyWatchedThenStillOurs) {
  const Memcached memcached;
  {
    WatcherRig rig;
    rig.watch(memcached.address());
    ASSERT_NE(rig.next<BackendAnswered>().address, "");
    ASSERT_EQ(rig.flush(memcached.address()).outcome, FlushOutcome::verified);
  }
  ASSERT_EQ(memcached.client().ask("delete ringfence!claim"), "DELETED");
  WatcherRig rig;
  rig.watch(memcached.address());
  EXPECT_TRUE(rig.next<BackendAnswered>().claim_is_ours);
  EXPECT_TRUE(rig.until([&] { return memcached.client().get("ringfence!claim").has_value(); }));
}

TEST(Watcher, ClaimOfAnotherFleetThenNamed) {
  const Memcached memcached;
  WatcherRig rig;
  rig.watch(memcached.address());
  ASSERT_NE(rig.next<BackendAnswered>().address, "");
  ASSERT_EQ(rig.flush(memcached.address()).outcome, FlushOutcome::verified);
  WatcherRig other(9);
  other.watch(memcached.address());
  const auto answered = other.next<BackendAnswered>();
  EXPECT_EQ(answered.claimed_by, "07070707070707070707070707070707");
  EXPECT_FALSE(answered.claim_is_ours);
  EXPECT_FALSE(answered.holds_items);
  other.watcher().claim({"pool", memcached.address()});
  ASSERT_TRUE(other.until(
      [&] { return memcached.client().get("ringfence!claim").value_or("").starts_with("0909"); }));
  EXPECT_NE(rig.next<BackendContentsLost>().why.find("another fleet"), std::string::npos);
}

TEST(Watcher, FullServerThenNeverUnreachable) {
  const Memcached memcached({"-c", "30"});
  std::vector<TextClient> crowd;
  while (crowd.size() < 40) {
    crowd.push_back(memcached.client());
    crowd.back().send("version\r\n");
  }
  WatcherRig rig;
  rig.watch(memcached.address());
  const bool is_noted = rig.until([&] { return !rig.counters(memcached.address()).note.empty(); });
  EXPECT_TRUE(is_noted);
  rig.turn_for(Milliseconds{500});
  EXPECT_EQ(rig.count<BackendUnreachable>(), 0U);
  crowd.clear();
  EXPECT_EQ(rig.next<BackendAnswered>().address, memcached.address());
  EXPECT_EQ(rig.counters(memcached.address()).note, "");
}

TEST(Watcher, AskedToProbeThenAnsweredWhetherItIsReached) {
  Memcached memcached;
  WatcherRig rig;
  rig.watcher().configure("pool", {10'000_ms, 200_ms, 200_ms});
  rig.watch(memcached.address());
  ASSERT_NE(rig.next<BackendAnswered>().address, "");
  rig.watcher().probe({RequestId{5}, "pool", memcached.address()});
  const auto reached = rig.next<BackendProbed>();
  EXPECT_EQ(reached.id, RequestId{5});
  EXPECT_TRUE(reached.is_reached);

  memcached.stop();
  rig.watcher().probe({RequestId{6}, "pool", memcached.address()});
  const auto unreached = rig.next<BackendProbed>();
  EXPECT_EQ(unreached.id, RequestId{6});
  EXPECT_FALSE(unreached.is_reached);
  EXPECT_EQ(rig.count<BackendUnreachable>(), 1U);

  rig.watcher().probe({RequestId{7}, "pool", memcached.address()});  // while it is given up
  EXPECT_FALSE(rig.next<BackendProbed>().is_reached);
  memcached.resume();
  rig.watcher().probe({RequestId{8}, "pool", memcached.address()});
  EXPECT_TRUE(rig.next<BackendProbed>().is_reached);
}

TEST(Watcher, AskedToProbeAFullServerThenItIsReached) {
  const Memcached memcached({"-c", "30"});
  std::vector<TextClient> crowd;
  while (crowd.size() < 40) {
    crowd.push_back(memcached.client());
    crowd.back().send("version\r\n");
  }
  WatcherRig rig;
  rig.watch(memcached.address());
  ASSERT_TRUE(rig.until([&] { return !rig.counters(memcached.address()).note.empty(); }));

  rig.watcher().probe({RequestId{5}, "pool", memcached.address()});

  EXPECT_TRUE(rig.next<BackendProbed>().is_reached);
  EXPECT_EQ(rig.count<BackendUnreachable>(), 0U);
}

TEST(Watcher, ProcessStoodStillThenBackendIsNotBlamed) {
  const Memcached memcached;
  WatcherRig rig;
  rig.watch(memcached.address());
  ASSERT_NE(rig.next<BackendAnswered>().address, "");
  rig.turn_for(Milliseconds{120});
  pass(Milliseconds{700});  // the loop does not turn: longer than probe and reconnect together
  rig.turn_for(Milliseconds{300});
  EXPECT_EQ(rig.count<BackendUnreachable>(), 0U);
  EXPECT_EQ(rig.counters(memcached.address()).connect_count, 1U);
}

TEST(Watcher, StopWatchingThenNothingMoreIsTold) {
  Memcached memcached;
  WatcherRig rig;
  rig.watch(memcached.address());
  ASSERT_NE(rig.next<BackendAnswered>().address, "");
  rig.watcher().stop({"pool", memcached.address()});
  memcached.kill();
  rig.turn_for(Milliseconds{300});
  EXPECT_EQ(rig.count<BackendUnreachable>(), 0U);
}

TEST(Watcher, HintThenProbedAtOnce) {
  const Memcached memcached;
  WatcherRig rig;
  rig.watcher().configure("pool", {10'000_ms, 200_ms, 200_ms});
  rig.watch(memcached.address());
  ASSERT_NE(rig.next<BackendAnswered>().address, "");
  rig.turn_for(Milliseconds{50});
  const std::uint64_t before = rig.counters(memcached.address()).probe_count;
  rig.watcher().hint("pool", memcached.address());
  EXPECT_EQ(rig.counters(memcached.address()).probe_count, before + 1);
}

}  // namespace
}  // namespace ringfence::live
