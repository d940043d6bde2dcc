// `ringfencectl plan` against the change that follows.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/live/support/fleet.hpp"

namespace ringfence::live {
namespace {

using nlohmann::json;

TEST(Plan, AskedThenItTellsWhatTheChangeThenMovesAndNothingMovesBefore) {
  std::vector<Memcached> memcacheds = start_memcacheds(3);
  AgentSettings settings = impatient(memcacheds);
  const std::string third = settings.backends.back();
  settings.backends.pop_back();
  Agent agent{settings};
  agent.wait_ready();
  const std::uint64_t epoch = agent.epoch();

  const RunOutcome plan =
      run({program("ringfencectl"), "--control", agent.control(), "--json", "plan", "add", third});

  ASSERT_EQ(plan.exit_code, 0) << plan.output;
  const json planned = json::parse(plan.output);
  EXPECT_EQ(agent.epoch(), epoch);
  ASSERT_TRUE(agent.ask_json({{"command", "backend_add"}, {"address", third}}).value("ok", false));
  agent.wait_serving(3);
  const json history = agent.ask("history");
  const json& newest = history.at("changes").back();
  EXPECT_EQ(newest.value("what", ""), "admitted " + third);
  EXPECT_EQ(newest.value("moved_slots", 0), planned.value("moved_slots", -1));

  const RunOutcome text =
      run({program("ringfencectl"), "--control", agent.control(), "plan", "weight", third, "2"});
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_NE(text.output.find("nothing was changed"), std::string::npos) << text.output;
  EXPECT_EQ(
      run({program("ringfencectl"), "--control", agent.control(), "plan", "remove", "10.9.9.9:1"})
          .exit_code,
      1);
}

}  // namespace
}  // namespace ringfence::live
