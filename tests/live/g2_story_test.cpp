// G2, no stale hit, as the story in which it was first missed: an instance goes, another takes
// over, the first returns, goes again. Told for many keys at once, on real memcacheds, with the
// ways a host can vanish: killed, stopped and resumed, or a client that stood still in between.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include <algorithm>
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>

#include "tests/live/support/client_support.hpp"
#include "tests/live/support/fleet.hpp"
#include "tests/live/support/standing_program.hpp"

namespace ringfence::live {
namespace {

constexpr std::size_t key_count = 40;
constexpr int status_ok = 0;       // RINGFENCE_OK
constexpr int status_changed = 5;  // RINGFENCE_CHANGED

enum class Vanish { killed, stopped };

void vanish(Memcached& memcached, Vanish how) {
  how == Vanish::killed ? memcached.kill() : memcached.stop();
}

void come_back(Memcached& memcached, Vanish how) {
  how == Vanish::killed ? memcached.restart() : memcached.resume();
}

// Whom the story is told through: the agent's port, or the linked client.
class Teller {
 public:
  virtual ~Teller() = default;
  virtual void set(const std::string& key, const std::string& value) = 0;  // until it is stored
  virtual std::optional<std::string> get(const std::string& key) = 0;      // nothing: a miss
};

class PortTeller final : public Teller {
 public:
  explicit PortTeller(const Agent& agent) : client_(agent.client()) {}
  void set(const std::string& key, const std::string& value) override {
    set_until_stored(client_, key, value);
  }
  std::optional<std::string> get(const std::string& key) override { return client_.get(key); }

 private:
  TextClient client_;
};

class ClientTeller final : public Teller {
 public:
  explicit ClientTeller(const Agent& agent) : client_(client_of(agent.segment())) {}
  void set(const std::string& key, const std::string& value) override {
    until_ok([&] { return client_.set(key, value); });
  }
  std::optional<std::string> get(const std::string& key) override {
    const Read got = client_.get(key);
    return got ? std::optional<std::string>(got.view()) : std::nullopt;
  }

 private:
  Client client_;
};

enum class Through { port, client };

std::unique_ptr<Teller> teller(Through through, const Agent& agent) {
  if (through == Through::port) return std::make_unique<PortTeller>(agent);
  return std::make_unique<ClientTeller>(agent);
}

// Two memcacheds, so that each is the other's taker.
class Story {
 public:
  Story(Through through, Vanish how, bool has_tags)
      : through_(through), how_(how), memcacheds_(start_memcacheds(2)), agent_([&] {
          AgentSettings settings = impatient(memcacheds_);
          settings.has_tags = has_tags;
          return settings;
        }()) {
    agent_.wait_ready();
    first_ = memcacheds_[0].address();
    go_away();  // which slots a backend gets when it joins depends on who serves: from now on it is
    return_flushed();  // always the same one other, so the slots that it has now come back to it
    keys_ = keys_owned_by(agent_, first_, key_count);
  }

  // Returns how many gets at the end answered the value that was overwritten.
  std::size_t tell() {
    const std::unique_ptr<Teller> client = teller(through_, agent_);
    for (const std::string& key : keys_) client->set(key, "1");
    go_away();
    for (const std::string& key : keys_) client->set(key, "2");
    return_flushed();
    expect_first_value_is_gone(*client);
    for (const std::string& key : keys_) client->set(key, "3");
    go_away();
    return static_cast<std::size_t>(
        std::count_if(keys_.begin(), keys_.end(),
                      [&](const std::string& key) { return client->get(key) == "2"; }));
  }

 private:
  void go_away() {
    vanish(at_address(memcacheds_, first_), how_);
    agent_.wait_serving(1);
  }

  void return_flushed() {
    come_back(at_address(memcacheds_, first_), how_);
    agent_.wait_serving(2);
  }

  // A key that went home is a miss; one that stayed with its taker is still what was set last.
  void expect_first_value_is_gone(Teller& client) {
    std::size_t home_count = 0;
    for (const std::string& key : keys_) {
      const bool is_home = agent_.owner_of(key) == first_;
      home_count += is_home ? 1 : 0;
      const std::optional<std::string> value = client.get(key);
      EXPECT_TRUE(is_home ? !value : value == "2")
          << key << " at " << agent_.owner_of(key) << " is " << value.value_or("a miss");
    }
    EXPECT_GT(home_count, 0U) << "the story needs keys that return to their first owner";
  }

  Through through_;
  Vanish how_;
  std::vector<Memcached> memcacheds_;
  Agent agent_;
  std::string first_;
  std::vector<std::string> keys_;
};

class G2_Story : public testing::TestWithParam<Through> {};
INSTANTIATE_TEST_SUITE_P(Through, G2_Story, testing::Values(Through::port, Through::client),
                         [](const auto& instance) {
                           return instance.param == Through::port ? "port" : "client";
                         });

TEST_P(G2_Story, OwnerKilledAndBackAndKilledAgainThenNoOverwrittenValueIsRead) {
  EXPECT_EQ((Story{GetParam(), Vanish::killed, true}.tell()), 0U);
}

TEST_P(G2_Story, OwnerStoppedAndResumedAndStoppedAgainThenNoOverwrittenValueIsRead) {
  EXPECT_EQ((Story{GetParam(), Vanish::stopped, true}.tell()), 0U);
}

// What README says is lost with tags = false: the taker still holds what it took over. It also
// shows that the story can see a stale hit.
TEST_P(G2_Story, TagsOffThenTheTakersOldValueComesBack) {
  EXPECT_GT((Story{GetParam(), Vanish::killed, false}.tell()), 0U);
}

// Prints what the memcached answered and what ringfence_validate() said.
struct PausedWriter : StandingProgram {
  PausedWriter(const Agent& agent, const std::string& key, const std::string& value)
      : StandingProgram({program("paused_writer"), agent.segment(), key, value}) {}
};

std::string stored_and(int verdict) {
  return "STORED " + std::to_string(verdict) + "\n";
}

TEST(G2_PausedWriter, NothingChangedMeanwhileThenItsWriteIsReadAndItsReplyHolds) {
  std::vector<Memcached> memcacheds = start_memcacheds(2);
  Agent agent{impatient(memcacheds)};
  agent.wait_ready();
  PausedWriter writer{agent, "k", "late"};

  EXPECT_EQ(writer.resume(), stored_and(status_ok));

  EXPECT_EQ(agent.client().get("k"), "late");
}

TEST(G2_PausedWriter, OwnerLostAndAdmittedMeanwhileThenItsLateWriteIsNeverRead) {
  std::vector<Memcached> memcacheds = start_memcacheds(2);
  Agent agent{impatient(memcacheds)};
  agent.wait_ready();
  const std::string owner = agent.owner_of("k");
  TextClient client = agent.client();
  PausedWriter writer{agent, "k", "late"};

  at_address(memcacheds, owner).stop();
  agent.wait_serving(1);
  set_until_stored(client, "k", "new");
  at_address(memcacheds, owner).resume();
  agent.wait_serving(2);
  EXPECT_EQ(writer.resume(), stored_and(status_changed));

  EXPECT_NE(client.get("k"), "late");
  set_until_stored(client, "k", "newer");
  EXPECT_EQ(client.get("k"), "newer");
}

TEST(G2_PausedWriter, EverythingFlushedMeanwhileThenItsLateWriteIsNeverRead) {
  std::vector<Memcached> memcacheds = start_memcacheds(2);
  Agent agent{impatient(memcacheds)};
  agent.wait_ready();
  TextClient client = agent.client();
  PausedWriter writer{agent, "k", "late"};

  EXPECT_EQ(client.ask("flush_all"), "OK");
  EXPECT_EQ(writer.resume(), stored_and(status_changed));

  EXPECT_EQ(client.get("k"), std::nullopt);
}

TEST(G2_FlushAll, AnsweredThenWhatIsStoredNextStays) {
  std::vector<Memcached> memcacheds = start_memcacheds(2);
  Agent agent{impatient(memcacheds)};
  agent.wait_ready();
  TextClient client = agent.client();
  set_until_stored(client, "old", "1");

  EXPECT_EQ(client.ask("flush_all"), "OK");
  EXPECT_EQ(client.set("new", "2"), "STORED");

  // Longer than memcached's whole seconds: a flush that was still to come would have come.
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{3};
  while (std::chrono::steady_clock::now() < until) {
    ASSERT_EQ(client.get("old"), std::nullopt);
    ASSERT_EQ(client.get("new"), "2");
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
}

}  // namespace
}  // namespace ringfence::live
