// A wire-tap between two agents: what it recorded is worth nothing when it is played again.
#include <fcntl.h>
#include <gtest/gtest.h>

#include "tests/live/mesh_raw.hpp"
#include "tests/live/support/text_client.hpp"

namespace ringfence::live {
namespace {

// Listens, forwards one connection to `port` both ways, and keeps what the dialler sent.
class Tap {
 public:
  explicit Tap(std::uint16_t port) : there_(port), listener_(listen_on_loopback()) {
    fcntl(listener_.fd, F_SETFL, O_NONBLOCK);
  }
  ~Tap() {
    close(listener_.fd);
    if (here_ >= 0) close(here_);
  }
  Tap(const Tap&) = delete;
  Tap& operator=(const Tap&) = delete;

  [[nodiscard]] std::string address() const { return listener_.address(); }

  void pump() {
    if (here_ < 0) here_ = accept4(listener_.fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (here_ < 0) return;
    char bytes[4096];
    for (ssize_t count = 0; (count = recv(here_, bytes, sizeof bytes, 0)) > 0;) {
      recorded += std::string(bytes, static_cast<std::size_t>(count));
    }
    there_.send(recorded.substr(passed_bytes_));
    passed_bytes_ = recorded.size();
    static_cast<void>(there_.is_closed());
    const std::string back = std::exchange(there_.received, {});
    if (!back.empty()) static_cast<void>(send(here_, back.data(), back.size(), MSG_NOSIGNAL));
  }

  std::string recorded;

 private:
  RawPeer there_;
  ListeningSocket listener_;
  int here_ = -1;
  std::size_t passed_bytes_ = 0;
};

class MeshReplayTest : public testing::Test {
 protected:
  MeshRig rig;
};

TEST_F(MeshReplayTest, ARecordedConnectionPlayedAgainThenNothingOfItIsTaken) {
  MeshAgent& a = rig.start(1, rig.with_key());
  MeshAgent& b = rig.start(2, rig.with_key());
  Tap tap(b.mesh->listen_port());
  a.mesh->dial({tap.address()});
  const auto is_there = [&] {
    tap.pump();
    if (a.told.is_up(b.id)) static_cast<void>(a.mesh->send(b.id, Channel::core, "once"));
    return !b.told.messages.empty();
  };
  ASSERT_TRUE(rig.until(is_there));
  const std::string recorded = tap.recorded;
  rig.stop(a);
  ASSERT_TRUE(rig.until([&] {
    tap.pump();
    return !b.told.is_up(AgentId{1});
  }));
  const std::size_t message_count = b.told.messages.size();
  ASSERT_EQ(recorded.find("once"), std::string::npos);  // it was not in clear

  RawPeer again(b.mesh->listen_port());
  again.send(recorded);
  EXPECT_TRUE(rig.until([&] { return again.is_closed(); }));
  EXPECT_EQ(b.told.ups.size(), 1U);
  EXPECT_EQ(b.told.messages.size(), message_count);
  EXPECT_TRUE(b.has_logged("mesh: refused 127.0.0.1"));
}

TEST_F(MeshReplayTest, OneBitIsTurnedOnTheWireThenThePeerIsDownAndTheFrameIsNotTaken) {
  MeshAgent& a = rig.start(1, rig.with_key());
  MeshAgent& b = rig.start(2, rig.with_key());
  Tap tap(b.mesh->listen_port());
  a.mesh->dial({tap.address()});
  ASSERT_TRUE(rig.until([&] {
    tap.pump();
    return a.told.is_up(b.id) && b.told.is_up(a.id);
  }));
  // A record of the right form that nobody with the key has made.
  tap.recorded += std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'z');
  ASSERT_TRUE(rig.until([&] {
    tap.pump();
    return !b.told.is_up(a.id);
  }));
  EXPECT_TRUE(b.told.messages.empty());
}

}  // namespace
}  // namespace ringfence::live
