// SIGHUP and a changed file: backends, weights and pools change under load and no request is lost.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/live/support/fleet.hpp"
#include "tests/live/support/tags.hpp"
#include "tests/live/support/witness.hpp"

namespace ringfence::live {
namespace {

class Reload : public testing::TestWithParam<bool> {};

INSTANTIATE_TEST_SUITE_P(Tags, Reload, testing::Bool(), tags_name);

TEST_P(Reload, BackendAddedWeightedAndRemovedUnderLoadThenNoRequestIsLost) {
  std::vector<Memcached> memcacheds = start_memcacheds(3);
  AgentSettings settings = impatient(memcacheds);
  settings.has_tags = GetParam();
  const std::vector<std::string> all = settings.backends;
  settings.backends = {all[0], all[1]};
  Agent agent{settings};
  agent.wait_ready();
  Witness witness{agent.port_address(), GetParam()};

  settings.backends = all;
  agent.reconfigure(settings);
  agent.reload();
  agent.wait_serving(3);

  settings.backends = {all[0] + " weight=3", all[1], all[2]};
  agent.reconfigure(settings);
  agent.reload();
  EXPECT_TRUE(wait_until([&] {
    const int slots = agent.backend(all[0]).value("slots", 0);
    return slots >= 39321 && slots <= 39322;  // three fifths of 65,536
  })) << agent.backend(all[0]);

  settings.backends = {all[0], all[2]};
  agent.reconfigure(settings);
  agent.reload();
  agent.wait_serving(2);
  EXPECT_EQ(agent.backend(all[1]).value("slots", 0), 0);

  EXPECT_EQ(witness.stop(), "");
  EXPECT_GT(witness.request_count(), 20U);
  // Without tags: the write that is under way when its slot moves, at most one a change.
  EXPECT_LE(witness.not_stored_count(), GetParam() ? 0U : 3U);
}

TEST(Reloading, FileChangedWithoutASignalThenItIsAppliedToo) {
  std::vector<Memcached> memcacheds = start_memcacheds(2);
  AgentSettings settings = impatient(memcacheds);
  const std::vector<std::string> all = settings.backends;
  settings.backends = {all[0]};
  Agent agent{settings};
  agent.wait_ready();

  settings.backends = all;
  agent.reconfigure(settings);

  EXPECT_NO_THROW(agent.wait_serving(2));
}

TEST(Reloading, BadFileThenTheOldOneStaysAndTheLogSaysWhy) {
  std::vector<Memcached> memcacheds = start_memcacheds(1);
  AgentSettings settings = impatient(memcacheds);
  Agent agent{settings};
  agent.wait_ready();

  settings.pool_lines += "bakends = []\n";
  agent.reconfigure(settings);
  agent.reload();

  EXPECT_TRUE(wait_until([&] { return agent.log().find("bakends") != std::string::npos; }))
      << agent.log();
  EXPECT_NE(agent.log().find("backends"), std::string::npos) << "the nearest known key";
  EXPECT_EQ(agent.client().set("k", "v"), "STORED");
  EXPECT_TRUE(agent.child().is_running());
}

TEST(Reloading, PoolAddedAndRemovedThenItServesAndTheFirstPoolNotices) {
  std::vector<Memcached> memcacheds = start_memcacheds(2);
  AgentSettings settings = impatient(memcacheds);
  settings.backends = {memcacheds[0].address()};
  Agent agent{settings};
  agent.wait_ready();
  Witness witness{agent.port_address()};
  const std::string address = "127.0.0.1:" + std::to_string(free_port());
  const std::string one_pool = settings.pool_lines;

  settings.pool_lines += "[[pool]]\nname = \"second\"\nlisten = [\"" + address +
                         "\"]\nbackends = [\"" + memcacheds[1].address() + "\"]\n";
  agent.reconfigure(settings);
  agent.reload();
  agent.wait_serving(2);
  TextClient second{address};
  set_until_stored(second, "k", "v");

  settings.pool_lines = one_pool;
  agent.reconfigure(settings);
  agent.reload();
  agent.wait_serving(1);

  EXPECT_EQ(witness.stop(), "");
}

TEST(Regression, PoolRemovedAndTakenBackWhileItsPortDrainsThenItServes) {
  std::vector<Memcached> memcacheds = start_memcacheds(2);
  AgentSettings settings = impatient(memcacheds);
  settings.backends = {memcacheds[0].address()};
  const std::string one_pool = settings.pool_lines;
  const std::string address = "127.0.0.1:" + std::to_string(free_port());
  const std::string two_pools = one_pool + "[[pool]]\nname = \"second\"\nlisten = [\"" + address +
                                "\"]\nbackends = [\"" + memcacheds[1].address() + "\"]\n";
  settings.pool_lines = two_pools;
  Agent agent{settings};
  agent.wait_serving(2);
  TextClient half{address};
  half.send("set k 0 0 10\r\nhalf");  // keeps the port from being drained at once
  TextClient{address}.set("k", "v");

  settings.pool_lines = one_pool;
  agent.reconfigure(settings);
  agent.reload();
  ASSERT_TRUE(wait_until([&] {
    return agent.log().find("second left the view") != std::string::npos;
  })) << agent.log();
  settings.pool_lines = two_pools;
  agent.reconfigure(settings);
  agent.reload();

  EXPECT_TRUE(wait_until([&] {
    try {
      return TextClient{address}.set("k", "v") == "STORED";
    } catch (const std::exception&) {
      return false;
    }
  })) << agent.log();
}

}  // namespace
}  // namespace ringfence::live
