// The harness itself: what every other live test stands on must fail loudly and end what it began.
#include <gtest/gtest.h>

#include <csignal>

#include "tests/live/support/child.hpp"
#include "tests/live/support/memcached.hpp"
#include "tests/live/support/temp_dir.hpp"

namespace ringfence::live {
namespace {

TEST(Harness, MemcachedStartedThenItAnswersAndForgetsOverARestart) {
  Memcached memcached;
  TextClient client = memcached.client();

  EXPECT_EQ(client.set("k", "1"), "STORED");
  EXPECT_EQ(client.get("k"), "1");
  memcached.kill();
  EXPECT_THROW((void)client.get("k"), std::runtime_error);
  memcached.restart();

  EXPECT_EQ(memcached.client().get("k"), std::nullopt);
}

TEST(Harness, MemcachedStoppedThenTheClientTimesOutAndResumedThenItAnswers) {
  const Memcached memcached;
  TextClient client{memcached.address(), Milliseconds{50}};

  memcached.stop();
  EXPECT_THROW((void)client.ask("version"), std::runtime_error);
  memcached.resume();

  EXPECT_TRUE(memcached.client().ask("version").starts_with("VERSION"));
}

TEST(Harness, MemcachedOnUnixSocketThenItAnswersThere) {
  const TempDir dir;
  const Memcached memcached = Memcached::on_unix_socket(dir.file("m.sock"));

  EXPECT_EQ(memcached.client().stat("curr_items"), 0U);
}

TEST(Harness, ProgramRunThenItsExitCodeAndOutputAreKnown) {
  const RunOutcome outcome = run({"sh", "-c", "echo out; echo err >&2; exit 3"});

  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_EQ(outcome.output, "out\nerr\n");
  EXPECT_EQ(run({"sh", "-c", "kill -9 $$"}).exit_code, -1);
  EXPECT_EQ(run({"sleep", "60"}, Milliseconds{20}).exit_code, -1);
}

TEST(Harness, ChildDroppedThenItsProcessIsGone) {
  pid_t pid = 0;
  {
    const Child child({"sleep", "60"}, "/dev/null");
    pid = child.pid();
    EXPECT_EQ(kill(pid, 0), 0);
  }

  EXPECT_EQ(kill(pid, 0), -1);
}

TEST(Harness, ConditionThatNeverHoldsThenWaitingEndsAtTheLimit) {
  EXPECT_FALSE(wait_until([] { return false; }, Milliseconds{20}));
}

}  // namespace
}  // namespace ringfence::live
