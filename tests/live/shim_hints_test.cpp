// A linked client that has trouble with a backend tells its agent, which looks at once.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>

#include "shim/hints.hpp"
#include "shim/sockets.hpp"
#include "shm_layout/hint.hpp"
#include "tests/live/support/client_support.hpp"
#include "tests/live/support/fleet.hpp"

namespace ringfence::live {
namespace {

// By itself the agent would look once a minute.
AgentSettings seldom_probed(const std::vector<Memcached>& memcacheds) {
  AgentSettings settings = impatient(memcacheds);
  settings.pool_lines = std::regex_replace(settings.pool_lines, std::regex("probe_interval = .*"),
                                           "probe_interval = \"60s\"");
  return settings;
}

std::uint64_t probe_count(const Agent& agent, const std::string& address) {
  return agent.backend(address).at("probes").get<std::uint64_t>();
}

TEST(ShimHints, ClientMeetsAHungBackendThenItIsLostWithoutWaitingForAProbe) {
  const std::vector<Memcached> memcacheds = start_memcacheds(2);
  Agent agent(seldom_probed(memcacheds));
  agent.wait_ready();
  Client client = client_of(agent.segment());
  const std::string key = keys_owned_by(agent, memcacheds[0].address(), 1).front();
  Value value;
  ASSERT_EQ(client.get(key, value), RINGFENCE_MISS);  // it has a connection
  memcacheds[0].stop();
  EXPECT_EQ(client.get(key, value, std::chrono::milliseconds(50)), RINGFENCE_TIMED_OUT);
  agent.wait_backend(memcacheds[0].address(), "lost");
  memcacheds[0].resume();
}

TEST(ShimHints, HintThenOneProbe) {
  const std::vector<Memcached> memcacheds = start_memcacheds(1);
  Agent agent(seldom_probed(memcacheds));
  agent.wait_ready();
  const std::uint64_t before = probe_count(agent, memcacheds[0].address());
  shim::send_hint(agent.segment(), 0);
  EXPECT_TRUE(wait_until([&] { return probe_count(agent, memcacheds[0].address()) > before; }));
}

TEST(G5_ShimHints, GarbageAndFloodThenTheAgentServesOn) {
  const std::vector<Memcached> memcacheds = start_memcacheds(1);
  Agent agent(seldom_probed(memcacheds));
  agent.wait_ready();
  const auto address = shim::unix_address(shm_layout::hint_path(agent.segment()));
  ASSERT_TRUE(address.has_value());
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  ASSERT_GE(fd, 0);
  const auto send = [&](const std::string& bytes) {
    (void)sendto(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address->storage), address->size);
  };
  for (int i = 0; i < 1000; ++i) {
    send(std::string(static_cast<std::size_t>(i % 40), 'x'));
    send(std::string("RNGFHINT\1\0\xff\xff\0\0\0\0", 16));
    shim::send_hint(agent.segment(), static_cast<std::uint16_t>(i));
  }
  close(fd);
  TextClient client = agent.client();
  EXPECT_EQ(client.set("k", "v"), "STORED");
  EXPECT_EQ(client.get("k"), "v");
}

TEST(ShimHints, AgentEndsThenItsSocketIsGone) {
  const std::vector<Memcached> memcacheds = start_memcacheds(1);
  Agent agent(impatient(memcacheds));
  agent.wait_ready();
  const std::string path = shm_layout::hint_path(agent.segment());
  EXPECT_EQ(access(path.c_str(), F_OK), 0);
  agent.terminate();
  EXPECT_NE(access(path.c_str(), F_OK), 0);
  shim::send_hint(agent.segment(), 0);  // to nobody
}

}  // namespace
}  // namespace ringfence::live
