// libringfence.so through its C functions and its C++ wrapper, on a real segment.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <set>
#include <string>

#include "shim/ringfence.hpp"
#include "tests/unit/route_support.hpp"

namespace ringfence {
namespace {

using shim::testing::RoutedSegment;
using shm_layout::boottime_ns;
using shm_layout::SegmentState;
using shm_layout::SlotState;
using shm_layout::SlotWord;

class CApiTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(router_.attach(path().c_str()), RINGFENCE_OK); }
  std::string path() { return directory_.file("fleet.default"); }

  shm_layout::testing::TempDirectory directory_;
  RoutedSegment segment_{path()};
  Router router_;
};

TEST_F(CApiTest, RouteThenTicketBackendAndWireKey) {
  segment_.publish(7, 3, 5);
  const Route route = router_.route("user:1");
  ASSERT_TRUE(route);
  EXPECT_EQ(route.ticket.backend, 3);
  EXPECT_EQ(route.wire_key("user:1").view(), "user:1~xyF");
  EXPECT_EQ(router_.validate(route.ticket), RINGFENCE_OK);
  EXPECT_EQ(router_.epoch(), 7U);
  const auto address = router_.backend(route.ticket);
  ASSERT_TRUE(address.has_value());
  EXPECT_EQ(address->port, 4);
  EXPECT_EQ(address->family, 4);
  EXPECT_STREQ(address->text, shm_layout::testing::whole_backend(4).text);
}

TEST_F(CApiTest, BackendAdmittedAnewThenItsIncarnationIsAnother) {
  const Route route = router_.route("k");
  const auto before = router_.backend(route.ticket);
  segment_->store_backend(0, shm_layout::testing::whole_backend(9));
  EXPECT_GT(router_.backend(route.ticket)->incarnation, before->incarnation);
}

TEST_F(CApiTest, BackendThatWasNeverWrittenThenNoView) {
  Route route = router_.route("k");
  route.ticket.backend = 1023;
  EXPECT_FALSE(router_.backend(route.ticket).has_value());
  route.ticket.backend = 65535;
  EXPECT_FALSE(router_.backend(route.ticket).has_value());
}

TEST_F(CApiTest, EveryRefusalThenItsStatus) {
  EXPECT_EQ(router_.route("").status, RINGFENCE_KEY_INVALID);
  EXPECT_EQ(router_.route(std::string(251, 'k')).status, RINGFENCE_KEY_INVALID);
  const Route route = router_.route(std::string(250, 'k'));
  EXPECT_EQ(route.status, RINGFENCE_OK);

  segment_->fence_slot(route.ticket.slot);
  EXPECT_EQ(router_.route(std::string(250, 'k')).status, RINGFENCE_FENCED);
  EXPECT_EQ(router_.validate(route.ticket), RINGFENCE_CHANGED);
  segment_->store_slot(route.ticket.slot, SlotWord(SlotState::unowned, 0, 1));
  EXPECT_EQ(router_.route(std::string(250, 'k')).status, RINGFENCE_UNOWNED);
  segment_->store_slot(route.ticket.slot, SlotWord{route.ticket.slot_word});
  segment_->store_deadline(boottime_ns() - shm_layout::ns_per_second);
  EXPECT_EQ(router_.route(std::string(250, 'k')).status, RINGFENCE_LEASE_LAPSED);
  EXPECT_EQ(router_.validate(route.ticket), RINGFENCE_LEASE_LAPSED);
  segment_->store_state(SegmentState::closed);
  EXPECT_EQ(router_.route(std::string(250, 'k')).status, RINGFENCE_NO_VIEW);
  EXPECT_EQ(router_.validate(route.ticket), RINGFENCE_NO_VIEW);
}

TEST_F(CApiTest, WireKeyOfAnImpossibleKeyThenEmpty) {
  const Route route = router_.route("k");
  EXPECT_TRUE(route.wire_key("").view().empty());
  EXPECT_TRUE(route.wire_key(std::string(251, 'k')).view().empty());
  EXPECT_EQ(route.wire_key(std::string(250, 'k')).view().size(), 250U);
}

TEST_F(CApiTest, TicketOfAReplacedSegmentThenChanged) {
  // Only after its agent is gone can another take the path.
  const std::string other_path = directory_.file("fleet.other");
  { const RoutedSegment old(other_path, 0xc1); }
  Router router;
  ASSERT_EQ(router.attach(other_path.c_str()), RINGFENCE_OK);
  const Route route = router.route("k");
  RoutedSegment other(other_path, 0xc2);
  EXPECT_EQ(router.route("k").status, RINGFENCE_NO_VIEW);
  EXPECT_EQ(router.refresh(), RINGFENCE_OK);
  EXPECT_EQ(router.validate(route.ticket), RINGFENCE_CHANGED);
  EXPECT_FALSE(router.backend(route.ticket).has_value());
  EXPECT_EQ(router.route("k").status, RINGFENCE_OK);
}

TEST_F(CApiTest, NoHandleThenNoViewEverywhere) {
  Router none;
  const Route route = none.route("k");
  EXPECT_EQ(route.status, RINGFENCE_NO_VIEW);
  EXPECT_EQ(none.validate(route.ticket), RINGFENCE_NO_VIEW);
  EXPECT_EQ(none.refresh(), RINGFENCE_NO_VIEW);
  EXPECT_FALSE(none.backend(route.ticket).has_value());
  EXPECT_EQ(none.epoch(), 0U);
}

TEST_F(CApiTest, AbsentSegmentThenNoViewWithAHandleThatAttachesLater) {
  Router router;
  const std::string later = directory_.file("fleet.later");
  EXPECT_EQ(router.attach(later.c_str()), RINGFENCE_NO_VIEW);
  EXPECT_EQ(router.route("k").status, RINGFENCE_NO_VIEW);
  const RoutedSegment segment(later);
  EXPECT_EQ(router.refresh(), RINGFENCE_OK);
  EXPECT_TRUE(router.route("k"));
}

TEST_F(CApiTest, NoPathThenTheEnvironmentNamesTheSegment) {
  ASSERT_EQ(setenv("RINGFENCE_SEGMENT", path().c_str(), 1), 0);
  Router router;
  EXPECT_EQ(router.attach(), RINGFENCE_OK);
  ASSERT_EQ(unsetenv("RINGFENCE_SEGMENT"), 0);
  EXPECT_TRUE(router.route("k"));
}

TEST_F(CApiTest, AttachFailsThenNoHandleAndErrnoTells) {
  ringfence_t* handle = reinterpret_cast<ringfence_t*>(1);
  const std::string endless(5000, 'p');
  EXPECT_EQ(ringfence_attach(endless.c_str(), &handle), RINGFENCE_SYSTEM);
  EXPECT_EQ(errno, ENAMETOOLONG);
  EXPECT_EQ(handle, nullptr);
  EXPECT_EQ(ringfence_attach(directory_.path().c_str(), &handle), RINGFENCE_DAMAGED);
  EXPECT_EQ(handle, nullptr);
}

TEST_F(CApiTest, ForkThenTheChildRoutesAndSeesTheParentsAgentChangeTheView) {
  const Route route = router_.route("k");
  int to_child[2];
  ASSERT_EQ(pipe(to_child), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const bool routes = static_cast<bool>(router_.route("k"));
    char go = 0;
    const bool went = read(to_child[0], &go, 1) == 1;
    const bool sees_change = router_.validate(route.ticket) == RINGFENCE_CHANGED;
    _exit(routes && went && sees_change && router_.refresh() == RINGFENCE_OK ? 0 : 1);
  }
  segment_.publish(2, 1, 2);
  ASSERT_EQ(write(to_child[1], "g", 1), 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  close(to_child[0]);
  close(to_child[1]);
}

TEST_F(CApiTest, EveryStatusThenATextOfItsOwn) {
  std::set<std::string> texts;
  for (int status = RINGFENCE_OK; status <= RINGFENCE_INVALID; ++status) {
    texts.insert(ringfence_describe(static_cast<ringfence_status>(status)));
  }
  EXPECT_EQ(texts.size(), 20U);
  EXPECT_STREQ(ringfence_describe(static_cast<ringfence_status>(31)), "unknown status");
}

TEST_F(CApiTest, RouterMovedThenTheNewOneRoutes) {
  Router moved = std::move(router_);
  EXPECT_TRUE(moved.route("k"));
  Router assigned;
  assigned = std::move(moved);
  EXPECT_TRUE(assigned.route("k"));
}

}  // namespace
}  // namespace ringfence
