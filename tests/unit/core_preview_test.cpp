// `plan` tells what the change then does.
#include <gtest/gtest.h>

#include "agent/control/plan.hpp"
#include "agent/core/change.hpp"
#include "agent/core/preview.hpp"
#include "tests/unit/core_rig.hpp"

namespace ringfence::agent::core {
namespace {

using control::plan_json;
using control::PlanKind;
using test::Rig;

class Planned : public testing::Test {
 protected:
  void SetUp() override { rig.serve(Rig::pool({"a", "b"})); }
  [[nodiscard]] const View& view() const { return *rig.node.view(); }
  [[nodiscard]] control::Json plan(const control::PlanAsked& asked) const {
    return plan_json(view(), *view().find("p"), asked);
  }
  Rig rig;
};

TEST_F(Planned, AddThenAThirdComesFromEachAndNothingGoesBetweenTheOthers) {
  const Preview made = preview(view(), "p", {AdmitBackend{"p", "c", 1}});

  EXPECT_NEAR(made.moved_count, 65536 / 3, 1);
  ASSERT_EQ(made.moves.size(), 2U);
  for (const PreviewMove& move : made.moves) EXPECT_EQ(move.to, "c");
  ASSERT_EQ(made.backends.size(), 3U);
  EXPECT_EQ(made.backends[2].address, "c");
  EXPECT_EQ(made.backends[2].slots_before, 0U);
  EXPECT_EQ(made.backends[2].slots_after, made.moved_count);
}

TEST_F(Planned, RemovedThenItsSlotsMoveAndTheRealChangeMovesThese) {
  const Preview made = preview(view(), "p", {RemoveBackend{"p", "a"}});
  ASSERT_EQ(made.moves.size(), 1U);
  EXPECT_EQ(made.moves[0].from, "a");
  EXPECT_EQ(made.moves[0].to, "b");
  EXPECT_EQ(made.moved_count, 32768U);

  rig.give(BackendRemoveAsked{RequestId{9}, "p", "a", "someone"});

  EXPECT_EQ(rig.node.report().history.back().moved_slots, made.moved_count);
}

TEST_F(Planned, WeightThenTheRealChangeMovesAsMany) {
  const Preview made = preview(view(), "p", {SetWeight{"p", "a", 3}});
  EXPECT_EQ(made.moved_count, 16384U);

  rig.give(BackendAddAsked{RequestId{9}, "p", "a", 3, "someone"});

  EXPECT_EQ(rig.slots("a"), 49152U);
  EXPECT_EQ(rig.node.report().history.back().moved_slots, made.moved_count);
}

TEST_F(Planned, OnlyBackendRemovedThenItsSlotsGoToNobody) {
  rig.give(BackendRemoveAsked{RequestId{9}, "p", "a", "someone"});

  const Preview made = preview(view(), "p", {RemoveBackend{"p", "b"}});

  ASSERT_EQ(made.moves.size(), 1U);
  EXPECT_EQ(made.moves[0].to, "");
  EXPECT_EQ(made.moved_count, 65536U);
}

TEST_F(Planned, ViewThenItIsTheSameAfterwards) {
  const std::uint64_t before = digest_of(view());
  (void)preview(view(), "p", {RemoveBackend{"p", "a"}});
  EXPECT_EQ(digest_of(view()), before);
}

TEST_F(Planned, JsonThenSharesAndMoves) {
  const control::Json reply = plan({PlanKind::remove, "a", 1});

  EXPECT_TRUE(reply.at("ok").get<bool>());
  EXPECT_EQ(reply.at("share"), 0.5);
  EXPECT_EQ(reply.at("moved_slots"), 32768);
  EXPECT_EQ(reply.at("moves").at(0).at("to"), "b");
  EXPECT_EQ(reply.at("backends").at(1).at("share_after"), 1.0);
}

TEST_F(Planned, NothingToDoThenRefusedWithTheReason) {
  EXPECT_FALSE(plan({PlanKind::add, "a", 1}).at("ok").get<bool>());
  EXPECT_FALSE(plan({PlanKind::remove, "z", 1}).at("ok").get<bool>());
  EXPECT_FALSE(plan({PlanKind::weight, "z", 2}).at("ok").get<bool>());
}

}  // namespace
}  // namespace ringfence::agent::core
