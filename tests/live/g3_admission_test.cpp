// G3, flushed before used: once per admission, verified, and never by surprise.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/live/support/fleet.hpp"
#include "tests/live/support/lying_server.hpp"
#include "tests/live/support/tags.hpp"

namespace ringfence::live {
namespace {

class G3_Admission : public testing::TestWithParam<bool> {
 protected:
  [[nodiscard]] static AgentSettings settings(const std::vector<Memcached>& memcacheds) {
    AgentSettings settings = impatient(memcacheds);
    settings.has_tags = GetParam();
    return settings;
  }
};

INSTANTIATE_TEST_SUITE_P(Tags, G3_Admission, testing::Bool(), tags_name);

TEST_P(G3_Admission, InstanceHeldItemsThenTheyAreGoneWhenItServesAndItWasFlushedOnce) {
  std::vector<Memcached> memcacheds = start_memcacheds(2);
  for (Memcached& memcached : memcacheds) {
    ASSERT_EQ(memcached.client().set("old", "x"), "STORED");
  }

  Agent agent{settings(memcacheds)};
  agent.wait_ready();

  for (Memcached& memcached : memcacheds) {
    EXPECT_EQ(memcached.client().get("old"), std::nullopt);
    EXPECT_EQ(memcached.flush_count(), 1U);
    EXPECT_EQ(agent.backend(memcached.address()).value("flushes", 0), 1);
  }
  EXPECT_EQ(agent.client().get("old"), std::nullopt);
}

TEST_P(G3_Admission, InstanceReturnsThreeTimesThenItIsFlushedOnceEachTime) {
  std::vector<Memcached> memcacheds = start_memcacheds(2);
  Agent agent{settings(memcacheds)};
  agent.wait_ready();

  for (int round = 1; round <= 3; ++round) {
    memcacheds[0].stop();
    agent.wait_serving(1);
    memcacheds[0].resume();
    agent.wait_serving(2);
    EXPECT_EQ(memcacheds[0].flush_count(), 1U + round);
  }
  EXPECT_EQ(memcacheds[1].flush_count(), 1U) << "only who returns is flushed";
}

TEST_P(G3_Admission, InstanceEmptiedBehindOurBackThenItIsLostAndAdmittedAgain) {
  std::vector<Memcached> memcacheds = start_memcacheds(2);
  Agent agent{settings(memcacheds)};
  agent.wait_ready();
  const std::uint64_t epoch = agent.epoch();

  EXPECT_EQ(memcacheds[0].client().ask("flush_all"), "OK");

  EXPECT_TRUE(wait_until([&] { return agent.epoch() > epoch; }));
  agent.wait_serving(2);
  EXPECT_EQ(memcacheds[0].flush_count(), 3U) << "admission, somebody else, admission";
}

TEST(G3_Refused, ServerThatRefusesFlushThenItIsNotAdmittedAndStatusSaysWhy) {
  std::vector<Memcached> memcacheds = start_memcacheds(1);
  memcacheds.emplace_back(std::vector<std::string>{"-F"});
  Agent agent{impatient(memcacheds)};
  agent.wait_serving(1);

  agent.wait_backend(memcacheds[1].address(), "refused");

  const nlohmann::json backend = agent.backend(memcacheds[1].address());
  EXPECT_EQ(backend.value("slots", -1), 0);
  EXPECT_NE(backend.value("reason", "").find("flush"), std::string::npos) << backend;
}

TEST(G3_Refused, ServerThatOnlySaysItFlushedThenItIsNotAdmittedAndStatusSaysWhy) {
  std::vector<Memcached> memcacheds = start_memcacheds(1);
  LyingServer liar;
  ASSERT_EQ(liar.behind().client().set("old", "x"), "STORED");
  AgentSettings settings = impatient(memcacheds);
  settings.backends.push_back(liar.address());
  Agent agent{settings};
  agent.wait_serving(1);

  agent.wait_backend(liar.address(), "refused");

  const nlohmann::json backend = agent.backend(liar.address());
  EXPECT_EQ(backend.value("slots", -1), 0);
  EXPECT_NE(backend.value("reason", "").find("flush"), std::string::npos) << backend;
  EXPECT_GE(liar.flush_count(), 1U);
  EXPECT_EQ(liar.behind().flush_count(), 0U);
}

TEST(G3_Refused, RefusingServerWhereThePoolAdmitsUnflushedThenItServes) {
  std::vector<Memcached> memcacheds = start_memcacheds(1);
  memcacheds.emplace_back(std::vector<std::string>{"-F"});
  AgentSettings settings = impatient(memcacheds);
  settings.pool_lines += "admit_unflushed = true\n";

  Agent agent{settings};

  EXPECT_NO_THROW(agent.wait_serving(2));
}

}  // namespace
}  // namespace ringfence::live
