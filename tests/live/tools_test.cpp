// The tools against a real agent: what scripts and people rely on.
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "tests/live/support/fleet.hpp"

namespace ringfence::live {
namespace {

using nlohmann::json;

constexpr int exit_no = 1;
constexpr int exit_unreachable = 2;
constexpr int exit_usage = 64;
constexpr Milliseconds script_limit{90'000};  // a build that is up to date, a fleet, its end

RunOutcome ctl(const Agent& agent, std::vector<std::string> arguments) {
  std::vector<std::string> argv = {program("ringfencectl"), "--control", agent.control()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run(argv);
}

TEST(Ringfencectl, EveryQuestionThenAnAnswerForPeopleAndOneForScripts) {
  std::vector<Memcached> memcacheds = start_memcacheds(2);
  Agent agent{impatient(memcacheds)};
  agent.wait_ready();

  for (const char* question : {"status", "view", "history", "agree", "peers"}) {
    const RunOutcome text = ctl(agent, {question});
    const RunOutcome machine = ctl(agent, {question, "--json"});
    EXPECT_EQ(text.exit_code, 0) << text.output;
    EXPECT_FALSE(json::accept(text.output));
    EXPECT_EQ(machine.exit_code, 0) << machine.output;
    EXPECT_TRUE(json::parse(machine.output).value("ok", false)) << machine.output;
  }
  const RunOutcome status = ctl(agent, {"status"});
  for (const Memcached& memcached : memcacheds) {
    EXPECT_NE(status.output.find(memcached.address()), std::string::npos) << status.output;
  }
}

TEST(Ringfencectl, KeyAskedThenTheBackendThatReallyHoldsItAndItsWireKey) {
  std::vector<Memcached> memcacheds = start_memcacheds(2);
  Agent agent{impatient(memcacheds)};
  agent.wait_ready();
  TextClient client = agent.client();
  ASSERT_EQ(client.set("k", "v"), "STORED");

  const json where = json::parse(ctl(agent, {"where", "k", "--json"}).output);

  TextClient direct = at_address(memcacheds, where.value("backend", "")).client();
  EXPECT_EQ(direct.get(where.value("wire_key", "")), "v");
}

TEST(Ringfencectl, BackendAddedAndRemovedThenItServesAndServesNoMore) {
  std::vector<Memcached> memcacheds = start_memcacheds(2);
  AgentSettings settings = impatient(memcacheds);
  settings.backends = {memcacheds[0].address()};
  Agent agent{settings};
  agent.wait_ready();

  const RunOutcome added = ctl(agent, {"backend", "add", memcacheds[1].address()});
  EXPECT_EQ(added.exit_code, 0) << added.output;
  agent.wait_serving(2);
  const RunOutcome removed = ctl(agent, {"backend", "remove", memcacheds[1].address()});
  EXPECT_EQ(removed.exit_code, 0) << removed.output;
  agent.wait_serving(1);
}

TEST(Ringfencectl, BackendDrainedThenItServesNoMoreAndHistorySaysWhoAsked) {
  std::vector<Memcached> memcacheds = start_memcacheds(2);
  Agent agent{impatient(memcacheds)};
  agent.wait_serving(2);

  const RunOutcome drained = ctl(agent, {"backend", "drain", memcacheds[1].address()});
  EXPECT_EQ(drained.exit_code, 0) << drained.output;
  agent.wait_serving(1);
  const std::string history = ctl(agent, {"history"}).output;
  EXPECT_NE(history.find("drains " + memcacheds[1].address()), std::string::npos) << history;
  EXPECT_NE(history.find("uid "), std::string::npos) << history;
}

TEST(Ringfencectl, RequestThatCannotBeThenItIsRefusedWithAReason) {
  std::vector<Memcached> memcacheds = start_memcacheds(1);
  Agent agent{impatient(memcacheds)};
  agent.wait_ready();

  EXPECT_EQ(ctl(agent, {"backend", "add", "not an address"}).exit_code, exit_no);
  EXPECT_EQ(ctl(agent, {"where", "k", "--pool", "none"}).exit_code, exit_no);
  const RunOutcome drain = ctl(agent, {"backend", "drain", memcacheds[0].address()});
  EXPECT_EQ(drain.exit_code, exit_no);
  EXPECT_NE(drain.output.find("backend remove"), std::string::npos) << drain.output;
}

TEST(Ringfencectl, NoAgentThenItSaysHowToStartOne) {
  const RunOutcome outcome = run({program("ringfencectl"), "--control", "/nowhere/c.sock", "view"});

  EXPECT_EQ(outcome.exit_code, exit_unreachable);
  EXPECT_NE(outcome.output.find("systemctl start ringfenced"), std::string::npos);
}

TEST(Ringfencectl, AgentStoppedThenItIsNotReachedWithinTheTimeLimit) {
  std::vector<Memcached> memcacheds = start_memcacheds(1);
  Agent agent{impatient(memcacheds)};
  agent.wait_ready();

  agent.child().signal(SIGSTOP);
  const RunOutcome outcome = ctl(agent, {"status"});
  agent.child().signal(SIGCONT);

  EXPECT_EQ(outcome.exit_code, exit_unreachable) << outcome.output;
}

TEST(Ringfencectl, MisusedThenUsage) {
  EXPECT_EQ(run({program("ringfencectl")}).exit_code, exit_usage);
  EXPECT_EQ(run({program("ringfencectl"), "unknown"}).exit_code, exit_usage);
  EXPECT_EQ(run({program("ringfencectl"), "where"}).exit_code, exit_usage);
}

TEST(Ringfencectl, WatchedOffATerminalThenALineForEachChange) {
  std::vector<Memcached> memcacheds = start_memcacheds(2);
  Agent agent{impatient(memcacheds)};
  agent.wait_ready();
  const TempDir dir;
  const Child watcher({program("ringfencectl"), "--control", agent.control(), "status", "--watch"},
                      dir.file("out"));
  const auto shows = [&](const std::string& text) {
    return wait_until([&] { return read_file(dir.file("out")).find(text) != std::string::npos; });
  };

  EXPECT_TRUE(shows(memcacheds[0].address() + " serving"));
  memcacheds[0].kill();
  EXPECT_TRUE(shows(memcacheds[0].address() + " lost"));
  agent.kill();
  EXPECT_TRUE(shows("no answer from the agent"));
}

std::vector<std::string> script(const std::string& name, std::vector<std::string> arguments) {
  std::vector<std::string> argv = {"env", "RINGFENCE_BUILD=" + program(".."),
                                   source("tools/" + name)};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

TEST(UpAndDown, FleetStartedDetachedThenFleetJsonIsTrueAndDownEndsIt) {
  const TempDir parent;
  const std::string dir = parent.file("fleet");

  const RunOutcome up =
      run(script("up", {"--backends", "3", "--detach", "--dir", dir}), script_limit);
  ASSERT_EQ(up.exit_code, 0) << up.output;
  const json fleet = json::parse(read_file(dir + "/fleet.json"));
  const json& agent = fleet.at("agents").at(0);

  EXPECT_EQ(fleet.at("backends").size(), 3U);
  for (const json& backend : fleet.at("backends")) {
    TextClient direct{backend.at("address").get<std::string>()};
    EXPECT_EQ(direct.stat("pid"), backend.at("pid").get<std::uint64_t>());
  }
  TextClient client{"127.0.0.1:" + std::to_string(agent.at("port").get<int>())};
  EXPECT_EQ(client.set("k", "v"), "STORED");
  EXPECT_EQ(run({program("shmdump"), agent.at("segment")}).exit_code, 0);
  const json status = ask_control(agent.at("control"), {{"command", "status"}});
  EXPECT_EQ(status.at("agent").at("pid"), agent.at("pid"));

  const RunOutcome down = run(script("down", {"--dir", dir}), script_limit);
  EXPECT_EQ(down.exit_code, 0) << down.output;
  EXPECT_TRUE(is_gone(agent.at("pid").get<pid_t>()));
  for (const json& backend : fleet.at("backends")) {
    EXPECT_TRUE(is_gone(backend.at("pid").get<pid_t>()));
  }
  EXPECT_FALSE(std::filesystem::exists(agent.at("segment").get<std::string>()));
  EXPECT_EQ(run(script("down", {"--dir", dir})).exit_code, 0) << "a second down does nothing";
}

TEST(UpAndDown, InterruptedThenNothingIsLeft) {
  const TempDir parent;
  const std::string dir = parent.file("fleet");
  Child up(script("up", {"--backends", "1", "--dir", dir}), parent.file("out"));
  ASSERT_TRUE(
      wait_until([&] { return std::filesystem::exists(dir + "/fleet.json"); }, script_limit))
      << read_file(parent.file("out"));
  const json fleet = json::parse(read_file(dir + "/fleet.json"));

  up.signal(SIGTERM);

  EXPECT_TRUE(up.wait());
  EXPECT_TRUE(is_gone(fleet.at("agents").at(0).at("pid").get<pid_t>()));
  EXPECT_TRUE(is_gone(fleet.at("backends").at(0).at("pid").get<pid_t>()));
}

TEST(UpAndDown, ForeignProcessInFleetJsonThenItIsLeftAlone) {
  const TempDir dir;
  Child bystander({"sleep", "60"}, "/dev/null");
  write_file(dir.file("fleet.json"),
             "{\"agents\":[],\"backends\":[{\"address\":\"127.0.0.1:1\",\"pid\":" +
                 std::to_string(bystander.pid()) + "}]}\n");

  EXPECT_EQ(run(script("down", {"--dir", dir.path()})).exit_code, 0);

  EXPECT_TRUE(bystander.is_running());
}

TEST(UpAndDown, SeveralAgentsStartedThenOneFleetAndDownEndsAllOfIt) {
  const TempDir parent;
  const std::string dir = parent.file("fleet");

  const RunOutcome up = run(
      script("up", {"--agents", "3", "--backends", "2", "--detach", "--dir", dir}), script_limit);
  ASSERT_EQ(up.exit_code, 0) << up.output;
  const json agents = json::parse(read_file(dir + "/fleet.json")).at("agents");

  ASSERT_EQ(agents.size(), 3U);
  for (const json& agent : agents) {
    const json status = ask_control(agent.at("control"), {{"command", "status"}});
    EXPECT_EQ(status.at("agent").at("pid"), agent.at("pid"));
    EXPECT_EQ(status.at("agent").at("name"), agent.at("name"));
    EXPECT_EQ(run({program("shmdump"), agent.at("segment")}).exit_code, 0);
    const RunOutcome agree =
        run({program("ringfencectl"), "--control", agent.at("control"), "agree"});
    EXPECT_EQ(agree.exit_code, 0) << agree.output;
  }
  TextClient writer{"127.0.0.1:" + std::to_string(agents.at(0).at("port").get<int>())};
  TextClient reader{"127.0.0.1:" + std::to_string(agents.at(2).at("port").get<int>())};
  EXPECT_EQ(writer.set("k", "v"), "STORED");
  EXPECT_EQ(reader.get("k"), "v");

  const RunOutcome down = run(script("down", {"--dir", dir}), script_limit);
  EXPECT_EQ(down.exit_code, 0) << down.output;
  for (const json& agent : agents) EXPECT_TRUE(is_gone(agent.at("pid").get<pid_t>()));
  EXPECT_FALSE(std::filesystem::exists(dir));
}

TEST(UpAndDown, MisusedThenUsage) {
  EXPECT_EQ(run(script("up", {"--unknown"})).exit_code, exit_usage);
  EXPECT_EQ(run(script("up", {"--backends", "0"})).exit_code, exit_usage);
  EXPECT_EQ(run(script("up", {"--agents", "65"})).exit_code, exit_usage);
  EXPECT_EQ(run(script("down", {})).exit_code, exit_usage);
}

}  // namespace
}  // namespace ringfence::live
