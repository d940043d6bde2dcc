// Meshes among strangers: who is refused, what a misbehaving peer costs, and that the others notice
// nothing of it.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include "tests/live/mesh_raw.hpp"

namespace ringfence::live {
namespace {

class MeshHostileTest : public testing::Test {
 protected:
  // Neither comes up in half a second.
  void expect_apart(const MeshAgent& a, const MeshAgent& b) {
    rig.turn_for(Milliseconds{500});
    EXPECT_TRUE(a.told.ups.empty() && b.told.ups.empty());
  }
  // A raw peer that the agent takes for one of its own.
  void expect_up(MeshAgent& agent, RawPeer& peer, std::uint64_t id) {
    peer.send_hello(id);
    ASSERT_TRUE(rig.until([&] { return agent.told.is_up(AgentId{id}); }));
  }
  MeshRig rig;
};

TEST_F(MeshHostileTest, AWrongKeyThenBothSidesSaySo) {
  MeshAgent& a = rig.start(1, rig.with_key('a'));
  MeshAgent& b = rig.start(2, rig.with_key('b'));
  a.mesh->dial({b.address});
  expect_apart(a, b);
  EXPECT_TRUE(b.has_logged("mesh: refused 127.0.0.1: a wrong cluster key"));
  EXPECT_NE(a.last_error().find("a wrong cluster key"), std::string::npos) << a.last_error();
  EXPECT_TRUE(a.has_logged(b.address + ": a wrong cluster key"));
}

TEST_F(MeshHostileTest, ManyAttemptsWithAWrongKeyThenOneLine) {
  MeshAgent& a = rig.start(1, rig.with_key('a'));
  MeshAgent& b = rig.start(2, rig.with_key('b'));
  a.mesh->dial({b.address});
  rig.turn_for(Milliseconds{1500});
  EXPECT_EQ(a.lines.size(), 1U);
  EXPECT_EQ(b.lines.size(), 1U);
}

TEST_F(MeshHostileTest, TheKeyOfAnotherClusterThenRefusedByName) {
  MeshAgent& a = rig.start(1, rig.with_key());
  MeshAgent& b = rig.start(2, rig.with_key(), 1, "other");
  a.mesh->dial({b.address});
  expect_apart(a, b);
  EXPECT_TRUE(b.has_logged("the key of another cluster"));
  EXPECT_NE(a.last_error().find("compare mesh.key_file and `cluster`"), std::string::npos)
      << a.last_error();
}

TEST_F(MeshHostileTest, AnotherClusterInClearThenRefused) {
  MeshAgent& a = rig.start(1, rig.in_clear());
  MeshAgent& b = rig.start(2, rig.in_clear(), 1, "other");
  a.mesh->dial({b.address});
  expect_apart(a, b);
  EXPECT_TRUE(b.has_logged("another cluster"));
  EXPECT_NE(a.last_error().find("another cluster"), std::string::npos) << a.last_error();
}

TEST_F(MeshHostileTest, ACopiedIdentityThenRefused) {
  MeshAgent& a = rig.start(1, rig.with_key());
  MeshAgent& b = rig.start(1, rig.with_key());
  a.mesh->dial({b.address});
  expect_apart(a, b);
  EXPECT_TRUE(b.has_logged("a state_dir was copied"));
  EXPECT_TRUE(a.told.selves.empty());
}

TEST_F(MeshHostileTest, MorePeersThanItTakesThenTheLastIsRefused) {
  MeshSettings settings = rig.with_key();
  settings.peer_count_max = 1;
  MeshAgent& a = rig.start(1, settings);
  MeshAgent& b = rig.start(2, rig.with_key());
  b.mesh->dial({a.address});
  ASSERT_TRUE(rig.until_up(a, b));
  MeshAgent& c = rig.start(3, rig.with_key());
  c.mesh->dial({a.address});
  rig.turn_for(Milliseconds{300});
  EXPECT_TRUE(c.told.ups.empty());
  EXPECT_NE(c.last_error().find("no room for another peer"), std::string::npos) << c.last_error();
  EXPECT_TRUE(a.told.downs.empty());
}

TEST_F(MeshHostileTest, PlaintextBeyondLoopbackThenNeitherListenedNorDialled) {
  EXPECT_NE(rig.start_error(rig.in_clear("0.0.0.0:0")).find("loopback alone"), std::string::npos);
  EXPECT_NE(rig.start_error(rig.in_clear("[::]:0")).find("loopback alone"), std::string::npos);
  MeshAgent& a = rig.start(1, rig.in_clear());
  a.mesh->dial({"192.0.2.1:7411"});
  ASSERT_TRUE(rig.until([&] { return a.last_error() != "not tried yet"; }));
  EXPECT_NE(a.last_error().find("loopback alone"), std::string::npos) << a.last_error();
}

TEST_F(MeshHostileTest, NoProofOrTwoThenItDoesNotStart) {
  MeshSettings none;
  none.listen = "127.0.0.1:0";
  EXPECT_NE(rig.start_error(none).find("one of them"), std::string::npos);
  MeshSettings both = rig.with_key();
  both.is_insecure = true;
  EXPECT_NE(rig.start_error(both).find("one of them"), std::string::npos);
}

TEST_F(MeshHostileTest, APortInUseThenItDoesNotStartAndSaysWhich) {
  MeshAgent& a = rig.start(1, rig.with_key());
  EXPECT_EQ(rig.start_error(rig.with_key('a', a.address)),
            "mesh.listen " + a.address + ": address already in use");
}

TEST_F(MeshHostileTest, GarbageThenRefusedAndTheOthersNoticeNothing) {
  MeshAgent& a = rig.start(1, rig.with_key());
  MeshAgent& b = rig.start(2, rig.with_key());
  b.mesh->dial({a.address});
  ASSERT_TRUE(rig.until_up(a, b));
  for (const char* text :
       {"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x40\x00garbage", "\r\n\r\n\r\n"}) {
    RawPeer stranger(a.mesh->listen_port());
    stranger.send(text + std::string(20'000, 'x'));
    EXPECT_TRUE(rig.until([&] { return stranger.is_closed(); })) << text;
  }
  EXPECT_TRUE(a.has_logged("mesh: refused 127.0.0.1"));
  EXPECT_TRUE(a.told.downs.empty());
  EXPECT_EQ(a.told.ups.size(), 1U);
}

TEST_F(MeshHostileTest, GarbageInClearThenRefused) {
  MeshAgent& a = rig.start(1, rig.in_clear());
  RawPeer stranger(a.mesh->listen_port());
  stranger.send("stats\r\nquit\r\n");
  EXPECT_TRUE(rig.until([&] { return stranger.is_closed(); }));
  EXPECT_EQ(a.lines,
            std::vector<std::string>{"mesh: refused 127.0.0.1: a frame of an unknown kind"});
}

TEST_F(MeshHostileTest, AGreetingThatMakesNoSenseThenRefusedWithTheReason) {
  MeshAgent& a = rig.start(1, rig.in_clear());
  RawPeer stranger(a.mesh->listen_port());
  stranger.send_frame(FrameKind::hello, std::string("RNGFMESH\2\0\2\0 and then", 21));
  EXPECT_TRUE(rig.until([&] { return stranger.is_closed(); }));
  std::string refusal;
  append_frame(refusal, FrameKind::refusal, std::string(1, '\x01'));
  EXPECT_TRUE(stranger.received.ends_with(refusal));
  EXPECT_TRUE(a.has_logged("a greeting that makes no sense"));
}

TEST_F(MeshHostileTest, AnOlderProtocolThenRefused) {
  MeshAgent& a = rig.start(1, rig.in_clear());
  RawPeer old(a.mesh->listen_port());
  Hello hello = RawPeer::hello(7);
  hello.oldest = hello.newest = 0;
  old.send_frame(FrameKind::hello, encode_hello(hello));
  EXPECT_TRUE(rig.until([&] { return old.is_closed(); }));
  EXPECT_TRUE(a.has_logged("a version of the mesh"));
}

TEST_F(MeshHostileTest, AMessageBeforeTheGreetingThenRefused) {
  MeshAgent& a = rig.start(1, rig.in_clear());
  RawPeer stranger(a.mesh->listen_port());
  stranger.send_frame(FrameKind::ping, "12345678");
  EXPECT_TRUE(rig.until([&] { return stranger.is_closed(); }));
  EXPECT_TRUE(a.has_logged("a frame out of place"));
}

TEST_F(MeshHostileTest, AnOversizedFrameOfAPeerThenItIsDownAndNothingWasKept) {
  MeshAgent& a = rig.start(1, rig.in_clear());
  RawPeer peer(a.mesh->listen_port());
  expect_up(a, peer, 7);
  peer.send(std::string("\xff\xff\xff\x7f\x11\0\0\0", 8));
  ASSERT_TRUE(rig.until([&] { return !a.told.is_up(AgentId{7}); }));
  EXPECT_EQ(a.told.downs, std::vector<std::string>{"an oversized frame"});
  EXPECT_TRUE(a.has_logged("an oversized frame"));
}

TEST_F(MeshHostileTest, ASilentPeerThenDownAfterItsTimeout) {
  MeshSettings settings = rig.in_clear();
  settings.peer_timeout_ms = 300;
  MeshAgent& a = rig.start(1, settings);
  RawPeer peer(a.mesh->listen_port());
  expect_up(a, peer, 7);
  ASSERT_TRUE(rig.until([&] { return !a.told.downs.empty(); }));
  EXPECT_EQ(a.told.downs[0], "nothing was heard for 300 ms");
}

TEST_F(MeshHostileTest, AGreetingThatNeverEndsThenCutAtTheLimit) {
  MeshSettings settings = rig.in_clear();
  settings.handshake_limit_ms = 200;
  MeshAgent& a = rig.start(1, settings);
  RawPeer stranger(a.mesh->listen_port());
  stranger.send("\x40");
  EXPECT_TRUE(rig.until([&] { return stranger.is_closed(); }));
  EXPECT_TRUE(a.has_logged("no whole greeting within 200 ms"));
}

TEST_F(MeshHostileTest, StrangersThatHoldEveryPlaceThenAPeerStillComesUp) {
  MeshSettings settings = rig.with_key();
  settings.unproven_count_max = 8;
  MeshAgent& a = rig.start(1, settings);
  std::vector<std::unique_ptr<RawPeer>> strangers;
  for (int i = 0; i < 40; ++i) {
    strangers.push_back(std::make_unique<RawPeer>(a.mesh->listen_port(), "127.0.0.2"));
  }
  MeshAgent& b = rig.start(2, rig.with_key());
  b.mesh->dial({a.address});
  EXPECT_TRUE(rig.until_up(a, b));
  std::size_t open_count = 0;
  for (const auto& stranger : strangers) open_count += stranger->is_closed() ? 0U : 1U;
  EXPECT_LE(open_count, 8U);
  EXPECT_EQ(b.told.ups.size(), 1U);
  EXPECT_TRUE(a.has_logged("refused 127.0.0.2: too many connections"));
}

TEST_F(MeshHostileTest, APeerThatReadsNothingThenItsQueueIsBoundedAndItIsCut) {
  MeshSettings settings = rig.in_clear();
  settings.queue_bytes_max = std::size_t{4} << 20;
  MeshAgent& a = rig.start(1, settings);
  RawPeer peer(a.mesh->listen_port());
  expect_up(a, peer, 7);
  const std::string message(std::size_t{64} << 10, 'm');
  std::uint64_t most_bytes = 0;
  bool is_taken = true;
  for (int i = 0; i < 2000 && is_taken; ++i) {
    is_taken = a.mesh->send(AgentId{7}, Channel::core, message);
    uv_run(rig.loop(), UV_RUN_NOWAIT);
    for (const PeerReport& report : a.mesh->peers()) {
      most_bytes = std::max(most_bytes, report.queued_bytes);
    }
  }
  EXPECT_FALSE(is_taken);
  EXPECT_LE(most_bytes, settings.queue_bytes_max + (std::size_t{256} << 10));
  EXPECT_GT(most_bytes, settings.queue_bytes_max / 2);
  ASSERT_TRUE(rig.until([&] { return !a.told.downs.empty(); }));
  EXPECT_EQ(a.told.downs[0], "it reads too slowly: more than 4 MiB waited for it");
  EXPECT_TRUE(a.told.is_alternating);
}

TEST_F(MeshHostileTest, APeerThatSpeaksAndTakesNothingThenCutAtTheStallLimit) {
  MeshSettings settings = rig.in_clear();
  settings.stall_limit_ms = 400;
  MeshAgent& a = rig.start(1, settings);
  RawPeer peer(a.mesh->listen_port());
  expect_up(a, peer, 7);
  ASSERT_TRUE(a.mesh->send(AgentId{7}, Channel::core, std::string(std::size_t{30} << 20, 'm')));
  const bool is_cut = rig.until([&] {
    peer.send_frame(FrameKind::pong, "12345678");
    return !a.told.downs.empty();
  });
  ASSERT_TRUE(is_cut);
  EXPECT_TRUE(a.told.downs[0].starts_with("it took nothing for 400 ms")) << a.told.downs[0];
}

TEST_F(MeshHostileTest, AWelcomeThatNobodyWaitsForThenDown) {
  MeshAgent& a = rig.start(1, rig.in_clear());
  RawPeer peer(a.mesh->listen_port());
  expect_up(a, peer, 7);
  peer.send_frame(FrameKind::welcome, "");
  ASSERT_TRUE(rig.until([&] { return !a.told.downs.empty(); }));
  EXPECT_EQ(a.told.downs[0], "a welcome that nobody waits for");
}

TEST_F(MeshHostileTest, AMessageBeforeTheWelcomeThenCut) {
  MeshAgent& a = rig.start(9, rig.in_clear());
  RawPeer peer(a.mesh->listen_port());
  peer.send_hello(7);  // the smaller id welcomes
  std::string message = std::string("\x01\0\0\0\x11\0\0\0x", 9);
  peer.send(message);
  EXPECT_TRUE(rig.until([&] { return peer.is_closed(); }));
  EXPECT_TRUE(a.told.ups.empty() && a.told.messages.empty());
}

}  // namespace
}  // namespace ringfence::live
