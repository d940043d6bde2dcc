// `ringfencectl shims` with real agents and processes: who counts is shown, who is gone is not.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/live/support/fleet.hpp"

namespace ringfence::live {
namespace {

using nlohmann::json;

class CountingProcess {
 public:
  explicit CountingProcess(const std::string& segment, bool forks = false)
      : child_(argv(segment, forks), dir_.file("out")) {
    const auto says = [&](const char* word) {
      return wait_until(
          [&] { return read_file(dir_.file("out")).find(word) != std::string::npos; });
    };
    if (!says("ready") || (forks && !says("child"))) throw std::runtime_error("it does not count");
  }
  [[nodiscard]] pid_t pid() const { return child_.pid(); }
  void kill() { child_.kill_and_wait(); }

 private:
  static std::vector<std::string> argv(const std::string& segment, bool forks) {
    std::vector<std::string> words = {program("counting_process"), segment, "100"};
    if (forks) words.emplace_back("fork");
    return words;
  }

  TempDir dir_;
  Child child_;
};

json shims_of(const std::string& control) {
  return ask_control(control, {{"command", "shims"}}).value("shims", json::array());
}

std::size_t files_beside(const Agent& agent) {
  const auto directory = std::filesystem::path(agent.segment()).parent_path() / "shims";
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory)) ++count;
  return count;
}

TEST(Shims, ProcessCountsThenItIsShownToPeopleAndScripts) {
  std::vector<Memcached> memcacheds = start_memcacheds(1);
  Agent agent{impatient(memcacheds)};
  agent.wait_ready();
  const CountingProcess process(agent.segment());

  const RunOutcome machine =
      run({program("ringfencectl"), "--control", agent.control(), "shims", "--json"});
  ASSERT_EQ(machine.exit_code, 0) << machine.output;
  const json reply = json::parse(machine.output);
  ASSERT_EQ(reply.at("shims").size(), 1U) << machine.output;
  const json& shim = reply.at("shims").at(0);
  EXPECT_EQ(shim.at("pid"), process.pid());
  EXPECT_EQ(shim.at("process"), "counting_process");
  EXPECT_EQ(shim.at("kind"), "linked");
  EXPECT_EQ(shim.at("pool"), "default");
  EXPECT_EQ(shim.at("requests"), 100);
  EXPECT_EQ(shim.at("hits"), 50);
  EXPECT_EQ(shim.at("misses"), 50);
  EXPECT_LT(shim.at("age_ms").get<std::int64_t>(), patience.count());
  EXPECT_EQ(shim.at("p50_us"), 33) << "20 us lie below the bound of 32.8 us";
  ASSERT_EQ(shim.at("backends").size(), 1U);
  EXPECT_EQ(shim.at("backends").at(0).at("address"), memcacheds[0].address());
  EXPECT_EQ(shim.at("backends").at(0).at("errors"), 1);
  EXPECT_EQ(shim.at("backends").at(0).at("answers"), 100);

  const RunOutcome text = run({program("ringfencectl"), "--control", agent.control(), "shims"});
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_NE(text.output.find("counting_process"), std::string::npos) << text.output;
  EXPECT_NE(text.output.find(memcacheds[0].address()), std::string::npos) << text.output;
}

TEST(Shims, ProcessKilledThenGoneAndItsFileToo) {
  std::vector<Memcached> memcacheds = start_memcacheds(1);
  Agent agent{impatient(memcacheds)};
  agent.wait_ready();
  CountingProcess process(agent.segment());
  ASSERT_EQ(shims_of(agent.control()).size(), 1U);

  process.kill();

  EXPECT_TRUE(shims_of(agent.control()).empty());
  EXPECT_EQ(files_beside(agent), 0U);
}

TEST(Shims, ProcessForksThenParentAndChildAreShownWithTheirOwnCounts) {
  std::vector<Memcached> memcacheds = start_memcacheds(1);
  Agent agent{impatient(memcacheds)};
  agent.wait_ready();
  const CountingProcess process(agent.segment(), true);

  const json shims = shims_of(agent.control());

  ASSERT_EQ(shims.size(), 2U) << shims.dump();
  for (const json& shim : shims) {
    const bool is_parent = shim.at("pid") == process.pid();
    EXPECT_EQ(shim.at("requests"), is_parent ? 100 : 200);
    if (!is_parent) kill(shim.at("pid").get<pid_t>(), SIGKILL);
  }
  EXPECT_TRUE(wait_until([&] { return shims_of(agent.control()).size() == 1; }));
}

TEST(Shims, AgentRestartsThenTheLivingAreShownAgainAndTheDeadAreSwept) {
  std::vector<Memcached> memcacheds = start_memcacheds(1);
  Agent agent{impatient(memcacheds)};
  agent.wait_ready();
  CountingProcess killed(agent.segment());
  const CountingProcess living(agent.segment());
  agent.kill();
  killed.kill();
  ASSERT_EQ(files_beside(agent), 2U);

  agent.start();
  agent.wait_ready();

  EXPECT_TRUE(wait_until([&] { return files_beside(agent) == 1; })) << "with nobody asking";
  const json shims = shims_of(agent.control());
  ASSERT_EQ(shims.size(), 1U);
  EXPECT_EQ(shims.at(0).at("pid"), living.pid());
}

TEST(Shims, TwoAgentsOnOneDirectoryThenEachShowsItsOwnAndRemovesNobodyElses) {
  std::vector<Memcached> memcacheds = start_memcacheds(2);
  AgentSettings settings = impatient(memcacheds);
  settings.backends = {memcacheds[0].address()};
  Agent first{settings};
  first.wait_ready();
  const TempDir dir;
  const std::string segments = std::filesystem::path(first.segment()).parent_path();
  write_file(dir.file("second.toml"),
             "cluster = \"test\"\ninstance = \"second\"\nstate_dir = \"" + dir.file("state") +
                 "\"\nsegment_dir = \"" + segments + "\"\n[control]\nlisten = \"" +
                 dir.file("control.sock") + "\"\n[[pool]]\nname = \"default\"\nlisten = [\"" +
                 dir.file("pool.sock") + "\"]\nbackends = [\"" + memcacheds[1].address() + "\"]\n");
  const Child second({program("ringfenced"), "--config", dir.file("second.toml")}, dir.file("log"));
  const auto is_up = [&] {
    return ask_control(dir.file("control.sock"), {{"command", "shims"}}).value("ok", false);
  };
  ASSERT_TRUE(wait_until(is_up)) << read_file(dir.file("log"));

  const CountingProcess ours(first.segment());
  const CountingProcess theirs(segments + "/test-second.default");

  for (int round = 0; round < 3; ++round) {
    const json of_first = shims_of(first.control());
    const json of_second = shims_of(dir.file("control.sock"));
    ASSERT_EQ(of_first.size(), 1U) << of_first.dump();
    ASSERT_EQ(of_second.size(), 1U) << of_second.dump();
    EXPECT_EQ(of_first.at(0).at("pid"), ours.pid());
    EXPECT_EQ(of_second.at(0).at("pid"), theirs.pid());
  }
  EXPECT_EQ(files_beside(first), 2U);
}

}  // namespace
}  // namespace ringfence::live
