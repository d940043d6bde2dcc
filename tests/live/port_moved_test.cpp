// Requests under way to a backend that hangs, when their slots go to another: they end as soon as
// the view has moved, not when the backend's time is over.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/live/support/agent.hpp"
#include "tests/live/support/binary_side.hpp"
#include "tests/live/support/fleet.hpp"
#include "tests/live/support/port_host.hpp"
#include "tests/live/support/scripted_server.hpp"

namespace ringfence::live {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// Far below the time-outs of the port below, far above what a busy machine delays.
constexpr auto soon = 4s;

class PortMoved : public testing::TestWithParam<bool> {
 protected:
  PortMoved() : host_(settings()) {}

  [[nodiscard]] static bool has_tags() { return GetParam(); }
  [[nodiscard]] static PortHostSettings settings() {
    PortHostSettings settings;
    settings.has_tags = GetParam();
    settings.be_patient();
    return settings;
  }
  // A key of the backend that hangs, the same one after the move.
  [[nodiscard]] const std::string& key(const std::string& stem) {
    std::string& known = keys_[stem];
    if (known.empty()) known = host_.key_on(0, stem);
    return known;
  }
  static void let_it_be_sent() { pass(50ms); }
  void move_all() {
    host_.move_slots(0, 1);
    moved_at_ = Clock::now();
  }
  // As much as the sockets on the way to a backend that hangs hold.
  static void send_until_full(const TextClient& client, const std::string& piece) {
    for (int full_count = 0; full_count < 50;) {
      const bool is_full =
          ::send(client.fd(), piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0;
      full_count = is_full ? full_count + 1 : 0;
      if (is_full) pass(2ms);
    }
  }
  void expect_soon() const { EXPECT_LT(Clock::now() - moved_at_, soon); }

  PortHost host_;
  std::map<std::string, std::string> keys_;
  Clock::time_point moved_at_ = Clock::now();
};
INSTANTIATE_TEST_SUITE_P(Tags, PortMoved, testing::Bool(),
                         [](const auto& instance) { return instance.param ? "On" : "Off"; });

TEST_P(PortMoved, BackendHungAndItsSlotsMoveThenWhatIsUnderWayOnOneConnectionEnds) {
  TextClient client = host_.client();
  host_.memcached(0).stop();
  client.send("get " + key("get") + "\r\nset " + key("set") + " 0 0 1\r\nv\r\ndelete " +
              key("delete") + "\r\nincr " + key("incr") + " 1\r\ntouch " + key("touch") + " 1\r\n");
  let_it_be_sent();

  move_all();

  EXPECT_EQ(client.read_line(), "END");
  EXPECT_EQ(client.read_line(), has_tags() ? "STORED" : "NOT_STORED");
  for (int i = 0; i < 3; ++i) {
    const std::string answer = client.read_line();
    EXPECT_TRUE(has_tags() ? answer == "NOT_FOUND" : answer.starts_with("SERVER_ERROR ringfence"))
        << answer;
  }
  expect_soon();
  EXPECT_EQ(client.get(key("set")).has_value(), has_tags());
}

TEST_P(PortMoved, BackendHungAndItsSlotsMoveThenWhatIsUnderWayOnManyConnectionsEnds) {
  std::vector<TextClient> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(host_.client());
  const std::string shared = key("shared");
  ASSERT_EQ(clients[0].set(shared, "old"), "STORED");
  host_.memcached(0).stop();
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const std::string own = key("own" + std::to_string(i) + "-");
    clients[i].send("gets " + shared + " " + own + "\r\nadd " + own + " 0 0 1\r\nv\r\nget " + own +
                    "\r\n");
  }
  let_it_be_sent();

  move_all();

  for (TextClient& client : clients) {
    EXPECT_EQ(client.read_line(), "END");
    EXPECT_EQ(client.read_line(), "NOT_STORED") << "a get of the same slot was sent behind it";
    EXPECT_EQ(client.read_line(), "END");
  }
  expect_soon();
}

TEST_P(PortMoved, BackendHungAndItsSlotsMoveThenBinaryRequestsEnd) {
  BinarySide client{host_.client()};
  host_.memcached(0).stop();
  client.send(plain(Opcode::getk, key("get")) + store(Opcode::set, key("set"), "v") +
              plain(Opcode::delete_key, key("delete")));
  let_it_be_sent();

  move_all();

  EXPECT_NE(client.read_packet().find(" 1 opaque "), std::string::npos);
  EXPECT_NE(client.read_packet().find(has_tags() ? " 0 opaque " : " 5 opaque "), std::string::npos);
  EXPECT_NE(client.read_packet().find(has_tags() ? " 1 opaque " : " 84 opaque "),
            std::string::npos);
  expect_soon();
}

TEST_P(PortMoved, BackendHungAndItsSlotsMoveThenMetaRequestsEnd) {
  TextClient client = host_.client();
  host_.memcached(0).stop();
  client.send("mg " + key("get") + " v t\r\nms " + key("set") + " 1\r\nv\r\nmd " + key("delete") +
              "\r\n");
  let_it_be_sent();

  move_all();

  EXPECT_EQ(client.read_line(), "EN");
  EXPECT_EQ(client.read_line(), has_tags() ? "HD" : "NS");
  const std::string answer = client.read_line();
  EXPECT_TRUE(has_tags() ? answer == "NF" : answer.starts_with("SERVER_ERROR ringfence")) << answer;
  expect_soon();
}

TEST_P(PortMoved, BackendHungAndItsSlotsMoveThenUploadsAreNotStored) {
  TextClient whole = host_.client();
  TextClient stuck = host_.client();
  host_.memcached(0).stop();
  const std::string large(100'000, 'x');
  whole.send("set " + key("whole") + " 0 0 100000\r\n" + large + "\r\n");
  stuck.send("set " + key("stuck") + " 0 0 900000000\r\n");
  send_until_full(stuck, large);

  move_all();

  EXPECT_EQ(whole.read_line(), "NOT_STORED");
  EXPECT_EQ(stuck.read_line(), "NOT_STORED");
  expect_soon();
}

TEST_P(PortMoved, OneSlotMovesAwayFromASlowBackendThenItsOtherRequestsAreNotLost) {
  TextClient moved = host_.client();
  TextClient other = host_.client();
  ASSERT_EQ(other.set(key("other"), "kept"), "STORED");
  host_.memcached(0).stop();
  moved.send("get " + key("moved") + "\r\n");
  let_it_be_sent();
  other.send("get " + key("other") + "\r\n");
  let_it_be_sent();

  host_.move_slot_of(key("moved"), 1);
  pass(200ms);
  host_.memcached(0).resume();

  EXPECT_EQ(other.read_line(), "VALUE " + key("other") + " 0 4");
  EXPECT_EQ(moved.read_line(), "END");
}

TEST_P(PortMoved, ValueHalfDeliveredWhenItsSlotMovesThenItIsStillWaitedFor) {
  const ScriptedServer server{[](std::string_view asked) {
    const std::size_t begin = asked.find(' ') + 1;
    const std::string wire_key{asked.substr(begin, asked.find('\r') - begin)};
    return "VALUE " + wire_key + " 0 60000\r\n" + std::string(30'000, 'x');
  }};
  host_.replace_backend(0, server.address());
  TextClient client = host_.client();
  const std::string name = key("large");
  client.send("get " + name + "\r\n");
  EXPECT_EQ(client.read_line(), "VALUE " + name + " 0 60000");
  EXPECT_EQ(client.read_bytes(30'000), std::string(30'000, 'x'));

  move_all();
  pass(200ms);

  EXPECT_EQ(host_.client().get(name), std::nullopt);  // asked of the taker
  char next = 0;
  EXPECT_EQ(::recv(client.fd(), &next, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EAGAIN);
}

// Of a host that is gone: a connection is neither taken nor refused.
class FullListener {
 public:
  FullListener() {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* name = reinterpret_cast<sockaddr*>(&where);
    socklen_t size = sizeof(where);
    sockets_.push_back(::socket(AF_INET, SOCK_STREAM, 0));
    if (::bind(sockets_[0], name, size) != 0 || ::listen(sockets_[0], 0) != 0) {
      throw std::runtime_error("a listener of its own");
    }
    ::getsockname(sockets_[0], name, &size);
    address_ = "127.0.0.1:" + std::to_string(ntohs(where.sin_port));
    for (int i = 0; i < 4; ++i) {
      sockets_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
      (void)::connect(sockets_.back(), name, size);
    }
  }
  ~FullListener() {
    for (const int fd : sockets_) ::close(fd);
  }
  FullListener(const FullListener&) = delete;
  FullListener& operator=(const FullListener&) = delete;
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  std::vector<int> sockets_;
  std::string address_;
};

TEST_P(PortMoved, BackendsHostGoneAndItsSlotsMoveThenWhatWasNotSentIsDoneByTheTaker) {
  const FullListener gone;
  TextClient client = host_.client();
  TextClient large = host_.client();
  (void)key("get"), (void)key("set"), (void)key("delete"), (void)key("large");
  host_.replace_backend(0, gone.address());
  client.send("get " + key("get") + "\r\nset " + key("set") + " 0 0 1\r\nv\r\ndelete " +
              key("delete") + "\r\n");
  large.send("set " + key("large") + " 0 0 100000\r\n" + std::string(100'000, 'x') + "\r\n");
  let_it_be_sent();

  move_all();

  EXPECT_EQ(client.read_line(), "END");
  EXPECT_EQ(client.read_line(), "STORED");
  EXPECT_EQ(client.read_line(), "NOT_FOUND");
  EXPECT_EQ(large.read_line(), "STORED");
  expect_soon();
}

// The whole agent: the view moves when the probes find the backend silent.
TEST(PortMovedFleet, BackendHungThenItsRequestsEndWithTheChangeOfTheView) {
  const std::vector<Memcached> memcacheds = start_memcacheds(4);
  AgentSettings settings = impatient(memcacheds);
  settings.pool_lines += "request_timeout = \"15s\"\nchange_wait = \"15s\"\n";
  Agent agent(settings);
  agent.wait_ready();
  const std::vector<std::string> keys = keys_owned_by(agent, memcacheds[0].address(), 4);
  std::vector<TextClient> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(agent.client());

  memcacheds[0].stop();
  const auto stopped_at = Clock::now();
  clients[0].send("get " + keys[0] + "\r\n");
  clients[1].send("set " + keys[1] + " 0 0 1\r\nv\r\n");
  clients[2].send("delete " + keys[2] + "\r\n");
  clients[3].send("incr " + keys[3] + " 1\r\n");

  EXPECT_EQ(clients[0].read_line(), "END");
  EXPECT_EQ(clients[1].read_line(), "STORED");
  EXPECT_EQ(clients[2].read_line(), "NOT_FOUND");
  EXPECT_EQ(clients[3].read_line(), "NOT_FOUND");
  EXPECT_LT(Clock::now() - stopped_at, 10s);
  EXPECT_EQ(clients[1].get(keys[1]), "v");
}

}  // namespace
}  // namespace ringfence::live
