// The host's budget of connections, as processes share it: each ConnectionBudget here has files of
// its own open, as another process would. And the agent's half, which makes the files.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <thread>

#include "agent/shims/connection_places.hpp"
#include "shim/preload/connection_budget.hpp"
#include "tests/unit/shim_support.hpp"

namespace ringfence::shim::preload {
namespace {

using agent::shims::make_connection_places;
using ringfence::testing::exit_code_of;
using ringfence::testing::ShimProcess;

class BudgetTest : public ::testing::Test {
 protected:
  BudgetTest() { make(); }
  void make() const {
    const Status made = make_connection_places(segment_, std::nullopt);
    ASSERT_TRUE(made) << made.error().message;
  }
  // How many `taker` gets until there is none.
  static std::uint32_t take_all(ConnectionBudget& taker, std::uint16_t backend = 0) {
    std::uint32_t count = 0;
    while (taker.take(backend, budget) != ConnectionBudget::no_place) ++count;
    return count;
  }

  static constexpr std::uint32_t budget = 20;
  shm_layout::testing::TempDirectory directory_;
  const std::string segment_ = directory_.file("test.default");
};

TEST_F(BudgetTest, TwoProcessesThenTogetherTheyHaveTheBudget) {
  ConnectionBudget one(segment_), other(segment_);
  for (std::uint32_t i = 0; i < budget / 4; ++i) {
    EXPECT_NE(one.take(0, budget), ConnectionBudget::no_place);
  }

  EXPECT_EQ(take_all(other), budget - budget / 4);

  EXPECT_EQ(one.take(0, budget), ConnectionBudget::no_place);
}

TEST_F(BudgetTest, PlaceGivenBackThenAnotherProcessGetsIt) {
  ConnectionBudget one(segment_), other(segment_);
  const int place = one.take(0, budget);
  ASSERT_EQ(take_all(other), budget - 1);

  one.give_back(0, place);

  EXPECT_EQ(other.take(0, budget), place);
}

TEST_F(BudgetTest, ManyBackendsThenEachHasItsOwnBudget) {
  ConnectionBudget one(segment_), other(segment_);
  constexpr std::uint16_t in_the_same_file = shm_layout::places_file_count;
  for (const std::uint16_t backend : std::array<std::uint16_t, 4>{0, 1, in_the_same_file, 1023}) {
    EXPECT_EQ(take_all(one, backend), budget) << backend;
    EXPECT_EQ(other.take(backend, budget), ConnectionBudget::no_place) << backend;
  }
}

TEST_F(BudgetTest, ProcessKilledThenItsPlacesAreFree) {
  ConnectionBudget own(segment_);
  {
    const ShimProcess killed([&] {
      auto* other = new ConnectionBudget(segment_);  // never freed: only its end gives them back
      (void)take_all(*other);
    });
    EXPECT_EQ(own.take(0, budget), ConnectionBudget::no_place);
  }
  EXPECT_EQ(take_all(own), budget);
}

TEST_F(BudgetTest, ForkThenTheChildTakesOfItsOwnAndTheParentKeeps) {
  ConnectionBudget own(segment_);
  ASSERT_NE(own.take(0, budget), ConnectionBudget::no_place);
  const int exit_code = exit_code_of([&] {
    own.after_fork_in_child();
    return static_cast<int>(take_all(own));
  });
  EXPECT_EQ(exit_code, static_cast<int>(budget) - 1);
  EXPECT_EQ(take_all(own), budget - 1);
}

TEST_F(BudgetTest, LargeBudgetThenMostOfItIsFound) {
  constexpr std::uint32_t large = 512;
  ConnectionBudget one(segment_);
  for (std::uint32_t i = 0; i < large / 2; ++i) {
    EXPECT_NE(one.take(0, large), ConnectionBudget::no_place) << i;
  }
  EXPECT_NE(ConnectionBudget(segment_).take(0, large), ConnectionBudget::no_place);
}

// Whoever has a place is alone in it, however many reach for it at once.
TEST_F(BudgetTest, ManyAtOnceThenNoPlaceIsHeldTwice) {
  constexpr std::uint32_t few = 3;
  std::array<std::atomic<int>, few> holders{};
  std::atomic<int> taken{0}, twice{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      ConnectionBudget own(segment_);
      for (int turn = 0; turn < 3000; ++turn) {
        const int place = own.take(0, few);
        if (place == ConnectionBudget::no_place) continue;
        auto& held = holders[static_cast<std::size_t>(place)];
        if (held.fetch_add(1) != 0) ++twice;
        ++taken;
        std::this_thread::yield();
        held.fetch_sub(1);
        own.give_back(0, place);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(twice, 0);
  EXPECT_GT(taken, 1000);
}

TEST_F(BudgetTest, FilesThatAreThereThenMadeAgainAreTheSame) {
  ConnectionBudget own(segment_), other(segment_);
  ASSERT_EQ(take_all(own), budget);

  make();

  EXPECT_EQ(other.take(0, budget), ConnectionBudget::no_place);
  EXPECT_EQ(ConnectionBudget(segment_).take(0, budget), ConnectionBudget::no_place);
}

TEST_F(BudgetTest, FilesThenForWhoMayReadTheSegment) {
  struct stat status {};
  const std::string files = shm_layout::places_directory(segment_);
  ASSERT_EQ(stat(files.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0755U);
  ASSERT_EQ(stat((files + "/63").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0640U);
}

// As /dev/shm/ringfence is, so that segments take its group, and under the service's umask.
TEST(ConnectionPlaces, DirectoryGivesItsGroupOnThenItsFilesHaveItToo) {
  if (geteuid() != 0) GTEST_SKIP() << "only root has a group to give";
  constexpr gid_t group = 12345;
  const shm_layout::testing::TempDirectory directory;
  ASSERT_EQ(chown(directory.path().c_str(), 0, group), 0);
  ASSERT_EQ(chmod(directory.path().c_str(), 02755), 0);
  const std::string segment = directory.file("test.default");
  const mode_t before = umask(0027);
  const Status made = make_connection_places(segment, std::nullopt);
  umask(before);
  ASSERT_TRUE(made) << made.error().message;
  const std::string files = shm_layout::places_directory(segment);
  struct stat status {};
  ASSERT_EQ(stat((files + "/63").c_str(), &status), 0);
  EXPECT_EQ(status.st_gid, group);
  ASSERT_EQ(stat(files.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0755U);
}

TEST_F(BudgetTest, NoFilesThenAFewPlacesForEachProcess) {
  const std::string elsewhere = directory_.file("test.of-an-older-agent");
  ConnectionBudget one(elsewhere), other(elsewhere);
  EXPECT_EQ(take_all(one), budget_alone);
  EXPECT_EQ(take_all(other), budget_alone);
  one.give_back(0, 0);
  EXPECT_EQ(one.take(0, budget), 0);
}

TEST(ConnectionPlaces, DirectoryThatCannotBeMadeThenSaysWhich) {
  const Status made = make_connection_places("/proc/no/segment", std::nullopt);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("/proc/no/segment.connections"), std::string::npos);
}

TEST(ConnectionPlaces, SomethingElseUnderAFilesNameThenSaysWhich) {
  const shm_layout::testing::TempDirectory directory;
  const std::string segment = directory.file("test.default");
  const std::string files = shm_layout::places_directory(segment);
  ASSERT_EQ(mkdir(files.c_str(), 0755), 0);
  ASSERT_EQ(symlink("/etc/passwd", (files + "/7").c_str()), 0);
  const Status made = make_connection_places(segment, std::nullopt);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message.find(files + ": make 7: "), 0U) << made.error().message;
}

}  // namespace
}  // namespace ringfence::shim::preload
