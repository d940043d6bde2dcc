// A memcached without a connection to spare is not a dead one: the linked client's requests go
// through the agent's port, which keeps its own connections, and the fleet loses nobody.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/live/support/client_support.hpp"
#include "tests/live/support/fleet.hpp"

namespace ringfence::live {
namespace {

using namespace std::chrono_literals;

// How a memcached turns connections away that are beyond -c.
enum class Full { says_so, is_silent };

class ClientOverflow : public testing::TestWithParam<Full> {
 protected:
  ClientOverflow() : agent_(settings()) {
    agent_.wait_ready();
    TextClient port = agent_.client();  // so that the port has its connection
    for (int i = 0; i < 20; ++i) set_until_stored(port, "warm-" + std::to_string(i), "1");
  }
  [[nodiscard]] AgentSettings settings() {
    std::vector<std::string> arguments{"-c", "24"};
    if (GetParam() == Full::is_silent) {
      arguments.insert(arguments.end(), {"-o", "no_maxconns_fast"});
    }
    memcacheds_.emplace_back(arguments);
    return impatient(memcacheds_);
  }
  // Others take every connection that is left: one is turned away, or waits in the kernel.
  void exhaust() {
    for (bool is_served = true; is_served;) {
      others_.emplace_back(memcacheds_[0].address(), 200ms);
      try {
        is_served = others_.back().ask("version").starts_with("VERSION");
      } catch (const std::exception&) {
        is_served = false;
      }
    }
    ASSERT_GT(others_.size(), 4U);
  }

  std::vector<Memcached> memcacheds_;
  Agent agent_;
  std::vector<TextClient> others_;
};
INSTANTIATE_TEST_SUITE_P(Server, ClientOverflow, testing::Values(Full::says_so, Full::is_silent),
                         [](const auto& instance) {
                           return instance.param == Full::says_so ? "says_so" : "is_silent";
                         });

TEST_P(ClientOverflow, FullThenRequestsGoThroughThePortAndNobodyIsLost) {
  exhaust();
  const std::uint64_t epoch = agent_.epoch();
  Client client = client_of(agent_.segment());
  for (int i = 0; i < 10; ++i) {
    const std::string key = "key-" + std::to_string(i);
    EXPECT_EQ(client.set(key, "1", forever, 5, 3s), RINGFENCE_OK);
    const Read got = client.gets(key, 3s);
    EXPECT_EQ(got.view(), "1");
    EXPECT_EQ(got.flags(), 5U);
    EXPECT_EQ(client.cas(key, "2", got.cas(), forever, 0, 3s), RINGFENCE_OK);
    // What the port's NOT_STORED means, nobody can tell.
    EXPECT_EQ(client.add(key, "3", forever, 0, 3s), RINGFENCE_BACKEND_LOST);
    EXPECT_EQ(client.append(key, "0", 3s), RINGFENCE_OK);
    EXPECT_EQ(client.incr(key, 1, 3s).value, 21U);
    EXPECT_EQ(client.get("none", 3s).status, RINGFENCE_MISS);
    EXPECT_EQ(client.touch("none", 1s, 3s), RINGFENCE_NOT_FOUND);
    EXPECT_EQ(client.remove(key, 3s), RINGFENCE_OK);
  }
  EXPECT_EQ(agent_.epoch(), epoch);
  EXPECT_EQ(agent_.backend(memcacheds_[0].address()).value("state", ""), "serving");
}

TEST_P(ClientOverflow, ManyKeysWhileFullThenThroughThePortAsWell) {
  exhaust();
  Client client = client_of(agent_.segment());
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i) names.push_back("many-" + std::to_string(i));
  std::vector<Write> writes;
  for (const std::string& name : names) writes.push_back(Write::set(name, name));
  std::vector<ringfence_status> statuses(names.size(), RINGFENCE_INVALID);
  EXPECT_EQ(client.write_many(writes, statuses.data(), 5s), RINGFENCE_OK);
  const std::vector<Key> keys(names.begin(), names.end());
  std::vector<Value> values(names.size());
  EXPECT_EQ(client.get_many(keys, values.data(), statuses.data(), 5s), RINGFENCE_OK);
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(statuses[i], RINGFENCE_OK) << names[i];
    EXPECT_EQ(values[i].view(), names[i]);
  }
}

TEST_P(ClientOverflow, OthersLeaveThenTheClientGoesStraightAgain) {
  exhaust();
  Client client = client_of(agent_.segment());
  ASSERT_EQ(client.set("k", "1", forever, 0, 3s), RINGFENCE_OK);
  others_.clear();
  const auto through_port = [&] { return agent_.client().stat("cmd_get"); };
  EXPECT_TRUE(wait_until(
      [&] {
        const std::uint64_t before = through_port();
        EXPECT_EQ(client.get("k", 3s).view(), "1");
        return through_port() == before;
      },
      5s, 100ms));
}

}  // namespace
}  // namespace ringfence::live
