// ringfenced as a process: restart, reload, refusal, the command line.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "tests/live/support/agent.hpp"

namespace ringfence::live {
namespace {

using nlohmann::json;

AgentSettings with_backends(std::vector<std::string> addresses) {
  AgentSettings settings;
  settings.backends = std::move(addresses);
  return settings;
}

TEST(G5_Daemon, KilledAndStartedThenSameViewAndNothingFlushed) {
  const std::vector<Memcached> memcacheds = start_memcacheds(3);
  Agent agent(with_backends(addresses_of(memcacheds)));
  agent.wait_ready();
  agent.client().set("k", "v");
  const json before = agent.ask("status");
  agent.kill();
  agent.start();
  agent.wait_ready();
  const json after = agent.ask("status");
  EXPECT_EQ(after["epoch"], before["epoch"]);
  EXPECT_EQ(after["digest"], before["digest"]);
  EXPECT_EQ(agent.client().get("k"), "v");
  for (const Memcached& memcached : memcacheds) EXPECT_EQ(memcached.flush_count(), 1U);
}

TEST(G3_Daemon, BackendKilledAndBackThenOneMoreFlush) {
  std::vector<Memcached> memcacheds = start_memcacheds(2);
  Agent agent(with_backends(addresses_of(memcacheds)));
  agent.wait_ready();
  memcacheds[0].kill();
  agent.wait_serving(1);
  memcacheds[0].restart();
  agent.wait_serving(2);
  EXPECT_EQ(memcacheds[0].flush_count(), 1U);
  EXPECT_EQ(memcacheds[1].flush_count(), 1U);
}

TEST(Daemon, TerminatedThenExitsWellAndSegmentIsClosed) {
  const std::vector<Memcached> memcacheds = start_memcacheds(1);
  Agent agent(with_backends(addresses_of(memcacheds)));
  agent.wait_ready();
  EXPECT_EQ(agent.terminate(), 0);
  EXPECT_NE(run({program("shmdump"), agent.segment()}).exit_code, 0);
}

TEST(Daemon, FileChangedThenBackendsAppliedWithoutSignal) {
  const std::vector<Memcached> memcacheds = start_memcacheds(2);
  Agent agent(with_backends({memcacheds[0].address()}));
  agent.wait_ready();
  agent.reconfigure(with_backends(addresses_of(memcacheds)));
  agent.wait_serving(2);
}

TEST(Daemon, BadFileThenOldOneStaysAndTheLogNamesTheLine) {
  const std::vector<Memcached> memcacheds = start_memcacheds(1);
  Agent agent(with_backends(addresses_of(memcacheds)));
  agent.wait_ready();
  const std::uint64_t epoch = agent.epoch();
  AgentSettings bad = with_backends(addresses_of(memcacheds));
  bad.pool_lines = "no_such_key = 1";
  agent.reconfigure(bad);
  agent.reload();
  EXPECT_TRUE(wait_until([&] {
    return agent.log().find("the running configuration stays: " + agent.config_path() + ":") !=
           std::string::npos;
  }));
  EXPECT_EQ(agent.epoch(), epoch);
}

TEST(Daemon, KeyThatNeedsRestartThenNamedInTheLog) {
  const std::vector<Memcached> memcacheds = start_memcacheds(1);
  Agent agent(with_backends(addresses_of(memcacheds)));
  agent.wait_ready();
  AgentSettings changed = with_backends(addresses_of(memcacheds));
  changed.table_lines = "[lease]\nlength = \"3s\"";
  agent.reconfigure(changed);
  agent.reload();
  EXPECT_TRUE(wait_until([&] {
    return agent.log().find("reload: needs a restart:") != std::string::npos;
  })) << agent.log();
}

TEST(Daemon, SecondAgentOnTheSameStateThenRefusedWithThePid) {
  const std::vector<Memcached> memcacheds = start_memcacheds(1);
  Agent agent(with_backends(addresses_of(memcacheds)));
  agent.wait_ready();
  const std::string pid = std::to_string(agent.pid());
  const RunOutcome same = run({program("ringfenced"), "--config", agent.config_path()});
  EXPECT_NE(same.exit_code, 0);
  EXPECT_NE(same.output.find("pid " + pid), std::string::npos) << same.output;
  const TempDir other;
  const RunOutcome segment =
      run({program("ringfenced"), "--config", agent.config_path(), "--state-dir",
           other.file("state"), "--control", other.file("c.sock")});
  EXPECT_NE(segment.exit_code, 0);
  EXPECT_NE(segment.output.find("pid " + pid), std::string::npos) << segment.output;
  EXPECT_TRUE(agent.ask("status").value("ok", false));
}

TEST(Daemon, CheckConfigThenSaysWhatItHolds) {
  const TempDir dir;
  write_file(dir.file("good.toml"), "[[pool]]\nname = \"a\"\nbackends = [\"127.0.0.1:1\"]\n");
  const RunOutcome good =
      run({program("ringfenced"), "--config", dir.file("good.toml"), "--check-config"});
  EXPECT_EQ(good.exit_code, 0);
  EXPECT_EQ(good.output, "ok: 1 pool, 1 backend\n");
  write_file(dir.file("bad.toml"), "clutser = \"a\"\n");
  const RunOutcome bad =
      run({program("ringfenced"), "--config", dir.file("bad.toml"), "--check-config"});
  EXPECT_NE(bad.exit_code, 0);
  EXPECT_NE(bad.output.find("bad.toml:1"), std::string::npos) << bad.output;
}

TEST(Daemon, UnknownOptionThenUsageError) {
  EXPECT_EQ(run({program("ringfenced"), "--no-such-option"}).exit_code, 64);
}

TEST(Daemon, HelpThenTeachesByExamples) {
  const RunOutcome help = run({program("ringfenced"), "--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_NE(help.output.find("Examples:"), std::string::npos);
}

TEST(Daemon, PlaceThatCannotBeWrittenThenErrorNamesItAndTheFlag) {
  const TempDir dir;
  write_file(dir.file("file"), "");
  const RunOutcome outcome = run({program("ringfenced"), "--state-dir", dir.file("file") + "/state",
                                  "--segment-dir", dir.file("s"), "--control", dir.file("c")});
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_NE(outcome.output.find(dir.file("file")), std::string::npos) << outcome.output;
}

}  // namespace
}  // namespace ringfence::live
