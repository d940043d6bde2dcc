// G2 through the linked client whose process stands still in the middle of a call, and through many
// client processes that are stopped and continued at any moment.
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <random>

#include "tests/live/support/client_support.hpp"
#include "tests/live/support/fleet.hpp"
#include "tests/live/support/history_file.hpp"
#include "tests/live/support/standing_program.hpp"
#include "tests/live/support/tags.hpp"

namespace ringfence::live {
namespace {

using namespace std::chrono_literals;

// Times of the call that stands still: over when it goes on, or not yet.
constexpr const char* short_call = "200";
constexpr Milliseconds short_call_is_over{300};
constexpr const char* long_call = "60000";

struct PausedClient : StandingProgram {
  PausedClient(const Agent& agent, const std::string& where, const std::string& key,
               const std::string& value, const std::string& timeout_ms)
      : StandingProgram(
            {program("paused_client"), agent.segment(), where, key, value, timeout_ms}) {}
};

std::string said(ringfence_status status) {
  return std::to_string(status) + "\n";
}

class G2_PausedClient : public testing::Test {
 protected:
  G2_PausedClient() {
    agent_.wait_ready();
    client_ = client_of(agent_.segment());
    owner_ = agent_.owner_of("k");
  }
  void set(const std::string& value) {
    until_ok([&] { return client_.set("k", value); });
  }
  // The owner of "k" is lost and comes back, and "k" is set meanwhile.
  void lose_and_admit_owner(const std::string& value) {
    at_address(memcacheds_, owner_).stop();
    agent_.wait_serving(1);
    set(value);
    at_address(memcacheds_, owner_).resume();
    agent_.wait_serving(2);
  }

  std::vector<Memcached> memcacheds_ = start_memcacheds(2);
  Agent agent_{impatient(memcacheds_)};
  Client client_;
  std::string owner_;
};

TEST_F(G2_PausedClient, NothingChangedMeanwhileThenItsCallsHold) {
  PausedClient writer{agent_, "before-set", "k", "late", long_call};
  EXPECT_EQ(writer.resume(), said(RINGFENCE_OK));
  EXPECT_EQ(client_.get("k").view(), "late");

  PausedClient reader{agent_, "after-get", "k", "late", long_call};
  EXPECT_EQ(reader.resume(), "0 late\n");
}

TEST_F(G2_PausedClient, OwnerLostWhileASetWaitsToBeSentThenItIsDoneUnderTheNewTagOrNotAtAll) {
  PausedClient writer{agent_, "before-set", "k", "late", long_call};
  lose_and_admit_owner("new");
  const std::string outcome = writer.resume();

  const Read got = client_.get("k");
  if (outcome == said(RINGFENCE_OK)) {
    EXPECT_EQ(got.view(), "late");  // it was done again, and is the last write
  } else {
    EXPECT_NE(got.view(), "late") << outcome;
  }
  set("newer");
  EXPECT_EQ(client_.get("k").view(), "newer");
}

TEST_F(G2_PausedClient, OwnerLostForLongerThanTheCallThenItIsNotOkAndNeverRead) {
  PausedClient writer{agent_, "before-set", "k", "late", short_call};
  lose_and_admit_owner("new");
  EXPECT_NE(writer.resume(), said(RINGFENCE_OK));

  EXPECT_NE(client_.get("k").view(), "late");
  set("newer");
  EXPECT_EQ(client_.get("k").view(), "newer");
}

TEST_F(G2_PausedClient, OwnerLostAfterTheAnswerOfASetThenOkOnlyIfItIsReadNow) {
  PausedClient writer{agent_, "after-set", "k", "late", long_call};
  at_address(memcacheds_, owner_).kill();
  agent_.wait_serving(1);
  const std::string outcome = writer.resume();
  const Read got = client_.get("k");
  EXPECT_EQ(outcome == said(RINGFENCE_OK), got.view() == "late") << outcome;
}

TEST_F(G2_PausedClient, OverwrittenElsewhereAfterTheAnswerOfAGetThenTheOldValueIsRefused) {
  set("old");
  PausedClient reader{agent_, "after-get", "k", "old", long_call};
  lose_and_admit_owner("new");
  const std::string outcome = reader.resume();
  EXPECT_EQ(outcome.find("old"), std::string::npos) << outcome;
}

TEST_F(G2_PausedClient, OverwrittenElsewhereAndItsTimeIsUpThenTheOldValueIsRefused) {
  set("old");
  PausedClient reader{agent_, "after-get", "k", "old", short_call};
  lose_and_admit_owner("new");
  const std::string outcome = reader.resume();
  EXPECT_EQ(outcome.find("old"), std::string::npos) << outcome;
  EXPECT_NE(outcome.substr(0, 2), "0 ");
}

TEST_F(G2_PausedClient, EverythingFlushedAndItsTimeIsUpThenALateSetIsNeverRead) {
  PausedClient writer{agent_, "before-set", "k", "late", short_call};
  EXPECT_EQ(agent_.client().ask("flush_all"), "OK");
  pass(short_call_is_over);
  EXPECT_NE(writer.resume(), said(RINGFENCE_OK));
  EXPECT_EQ(client_.get("k").status, RINGFENCE_MISS);
}

// ---- many processes, stopped and continued

constexpr auto history_time = 8s;

class History {
 public:
  History(Agent& agent, std::vector<Memcached>& memcacheds)
      : agent_(agent), memcacheds_(memcacheds), counts_(map_history(dir_.file("history"))) {
    for (const char* role : {"write0", "write1", "read", "read", "read"}) {
      clients_.emplace_back(std::vector<std::string>{program("history_client"), agent.segment(),
                                                     dir_.file("history"), role},
                            dir_.file("output"));
    }
  }
  HistoryCounts& run() {
    const Stopwatch watch;
    while (watch.elapsed() < history_time && counts_.stale == 0) make_trouble();
    counts_.is_over = 1;
    for (Child& client : clients_) {
      client.signal(SIGCONT);
      EXPECT_EQ(client.wait(), std::optional<int>(0)) << read_file(dir_.file("output"));
    }
    return counts_;
  }

 private:
  void make_trouble() {
    Memcached& memcached = memcacheds_[random_() % memcacheds_.size()];
    switch (random_() % 8) {
      case 0:
        memcached.kill();
        pass(some(100));
        memcached.restart();
        break;
      case 1:  // lost, while clients stand still over it
        pause_clients([&] {
          memcached.stop();
          pass(400ms + some(200));
          memcached.resume();
        });
        break;
      case 2:
        pause_clients([&] {
          memcached.kill();
          pass(200ms + some(200));
          memcached.restart();
        });
        break;
      case 3:  // beyond the lease
        agent_.child().signal(SIGSTOP);
        pass(400ms + some(300));
        agent_.child().signal(SIGCONT);
        break;
      case 4:
        agent_.kill();
        agent_.start();
        break;
      default:
        pause_clients([&] { pass(some(30)); });
        break;
    }
    pass(some(60));
  }
  // SIGSTOP at no moment of anybody's choosing; each client goes on at a moment of its own.
  template <typename Meanwhile>
  void pause_clients(Meanwhile meanwhile) {
    for (const Child& client : clients_) {
      if (random_() % 2 == 0) client.signal(SIGSTOP);
    }
    meanwhile();
    for (const Child& client : clients_) {
      client.signal(SIGCONT);
      pass(some(5));
    }
  }
  [[nodiscard]] Milliseconds some(int most) { return Milliseconds{random_() % most}; }

  TempDir dir_;
  Agent& agent_;
  std::vector<Memcached>& memcacheds_;
  HistoryCounts& counts_;
  std::vector<Child> clients_;
  std::mt19937 random_{20070117};
};

TEST(G2_ClientHistory, ProcessesStoppedAndContinuedWhileBackendsComeAndGoThenNoStaleHit) {
  std::vector<Memcached> memcacheds = start_memcacheds(3);
  AgentSettings settings = impatient(memcacheds);
  settings.table_lines = "[lease]\nlength = \"300ms\"\nmargin = \"20ms\"\n";
  Agent agent{settings};
  agent.wait_ready();

  const HistoryCounts& counts = History{agent, memcacheds}.run();

  EXPECT_EQ(counts.stale, 0U);
  EXPECT_GT(counts.stored, 500U);
  EXPECT_GT(counts.hits, 500U);
  RecordProperty("stored", std::to_string(counts.stored));
  RecordProperty("hits", std::to_string(counts.hits));
}

}  // namespace
}  // namespace ringfence::live
