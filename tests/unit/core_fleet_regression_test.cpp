// Bugs of the core of a fleet that the simulator found, each as small as it could be made.
#include <gtest/gtest.h>

#include "agent/core/messages.hpp"
#include "tests/unit/core_rig.hpp"

namespace ringfence::agent::core::test {
namespace {

constexpr AgentId other{22};

void hear(Rig& rig, const Message& message) {
  rig.give(MessageReceived{other, encode(message)});
}

BackendTold told(const std::string& address, BackendSeen seen) {
  BackendTold made;
  made.pool = "p";
  made.address = address;
  made.seen = seen;
  return made;
}

// Leads a fleet of two.
void lead_two(Rig& rig) {
  rig.start({Rig::pool({"a", "b"})});
  rig.give(PeerUp{other, Incarnation{1}, "other", "other:1", {}});
  Introduction introduction;
  introduction.cluster_id = Rig::settings().cluster_id;
  introduction.has_fleet = true;
  hear(rig, introduction);
  hear(rig, WantedTold{false, {Rig::pool({"a", "b"})}});
}

TEST(Regression, BackendThatRestartedWhileAnotherAgentReachesItThenFlushedAgain) {
  Rig rig;
  lead_two(rig);
  for (const char* address : {"a", "b"}) {
    hear(rig, told(address, BackendSeen::answers));
    rig.answer(address);
  }
  rig.flush_all_verified();
  rig.pass(5_s);
  ASSERT_EQ(rig.state("a"), "serving");
  const std::size_t flushes = rig.count<FlushBackend>();

  rig.give(BackendContentsLost{"p", "a", "its claim is gone"});
  rig.answer("a");
  rig.pass(5_s);

  EXPECT_EQ(rig.count<FlushBackend>(), flushes + 1);
}

TEST(Regression, AgentThatSawABackendRestartThenStillOneThatReachesIt) {
  Rig rig;
  lead_two(rig);

  hear(rig, told("a", BackendSeen::contents_lost));
  hear(rig, told("b", BackendSeen::contents_lost));
  rig.answer("a");
  rig.answer("b");

  EXPECT_EQ(rig.count<FlushBackend>(), 2U);
}

TEST(Regression, AgentWhoseOnlySeedIsItselfThenFormsAFleet) {
  NodeSettings settings = Rig::settings();
  settings.has_fleet = settings.is_voter = false;
  settings.address = "host:1";
  settings.seeds = {"host:1"};
  Rig rig(settings);

  rig.give(ConfigurationLoaded{{Rig::pool({"a"})}});
  rig.pass(1_s);

  EXPECT_EQ(rig.count<StartEngine>(), 1U);
}

}  // namespace
}  // namespace ringfence::agent::core::test
