// Bugs of the core that were found by others of its tests, each as small as it could be made.
#include <gtest/gtest.h>

#include "tests/unit/core_rig.hpp"

namespace ringfence::agent::core::test {
namespace {

// Found by killing a live agent again and again: connecting to a backend takes less time than the
// barrier that makes an agent lead, so its answer is there first.
TEST(Regression, BackendThatAnswersBeforeARestartedAgentLeadsIsNotLost) {
  Rig first;
  first.serve(Rig::pool({"a", "b"}));
  NodeSettings settings = Rig::settings();
  settings.incarnation = Incarnation{2};
  settings.published_epoch = first.epoch();
  Rig second(settings);
  second.log = first.log;
  second.give(ConfigurationLoaded{{Rig::pool({"a", "b"})}});
  for (std::size_t i = 0; i < first.log.size(); ++i) {
    second.give(EntryApplied{LogIndex{i + 1}, Term{1}, first.log[i]});
  }

  second.answer("a", true, "", true);
  second.answer("b", true, "", true);
  second.give(LeadershipChanged{true, Term{2}});
  second.pass(10_s);

  EXPECT_EQ(second.epoch(), first.epoch());
  EXPECT_EQ(second.state("a"), "serving");
  EXPECT_EQ(second.count<FlushBackend>(), 0U);
}

}  // namespace
}  // namespace ringfence::agent::core::test
