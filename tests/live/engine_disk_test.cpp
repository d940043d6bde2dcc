// What disks do to a log: kills, refused writes, no space, flipped bytes.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <fstream>
#include <thread>

#include "tests/unit/engine_fleet.hpp"

namespace ringfence::agent::engine::test {
namespace {

// A child's checks end as its exit code: the line that failed, or 0.
#define CHILD_EXPECT(condition)                  \
  do {                                           \
    if (!(condition)) return __LINE__ % 251 + 1; \
  } while (false)

template <typename Body>
int run_in_child(Body body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

// Commits numbers for ever and writes each that was acknowledged to `fd`.
[[noreturn]] void commit_until_killed(const std::string& dir, int fd) {
  Life life(dir);
  if (!life.engine || !life.events.wait_leader()) ::_exit(1);
  std::uint64_t next = life.journal.count();
  for (;;) {
    const std::uint64_t number = next++;
    // Some large, so that kills land inside writes of several blocks too.
    std::string entry = std::to_string(number) + " ";
    if (number % 7 == 0) entry += std::string(100'000, 'x');
    if (!life.commit(number, entry).is_ok) ::_exit(2);
    if (::write(fd, &number, sizeof number) != sizeof number) ::_exit(3);
  }
}

TEST(EngineDisk, KilledWhileCommittingThenNoAcknowledgedEntryIsLost) {
  const TempDir dir;
  std::uint64_t acknowledged = 0;  // the number of the next one
  for (unsigned life_number = 0; life_number < 25; life_number++) {
    int told[2];
    ASSERT_EQ(::pipe2(told, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    if (child == 0) commit_until_killed(dir.path(), told[1]);
    ::close(told[1]);
    std::uint64_t number = 0;
    // 5, 8, 11... acknowledgements: the kill then lands somewhere in the next commits.
    for (unsigned i = 0; i < 5 + life_number * 3; i++) {
      ASSERT_EQ(::read(told[0], &number, sizeof number), ssize_t{sizeof number});
      acknowledged = number + 1;
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    while (::read(told[0], &number, sizeof number) == ssize_t{sizeof number}) {
      acknowledged = number + 1;
    }
    ::close(told[0]);
  }
  Life again(dir.path());
  ASSERT_EQ(again.error, "");
  EXPECT_GE(again.journal.count(), acknowledged);
  EXPECT_LE(again.journal.count(), acknowledged + 25);
  EXPECT_GT(acknowledged, 500U);
}

// The log is opened anew once a second: asks until it is, for at most some 15 s.
bool commit_in_the_end(Life& life, std::uint64_t id) {
  for (const std::uint64_t last = id + 300; id < last; id++) {
    if (life.commit(id, "after").is_ok) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

TEST(EngineDisk, WritesRefusedThenCommitsSaySoAndLaterOnesSucceedWithNothingLost) {
  const TempDir dir;
  const int code = run_in_child([&] {
    Life life(dir.path(), {}, core::operator""_s(2));
    CHILD_EXPECT(life.engine && life.events.wait_leader());
    CHILD_EXPECT(life.commit(1, "before").is_ok);
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    const rlim_t whole = limit.rlim_cur;
    limit.rlim_cur = 4096;
    CHILD_EXPECT(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
    const Recorder::Outcome refused = life.commit(2, std::string(100'000, 'r'));
    CHILD_EXPECT(!refused.is_ok);
    CHILD_EXPECT(refused.why.find(dir.path()) != std::string::npos);
    // Nobody else can lead: the leases of this host stay.
    life.engine->confirm_quorum({5});
    CHILD_EXPECT(life.events.wait([&] { return life.events.quorums.count(5) != 0; }));
    CHILD_EXPECT(life.events.quorums[5]);
    const Recorder::Outcome at_once = life.commit(3, "while it fails");
    CHILD_EXPECT(!at_once.is_ok);
    limit.rlim_cur = whole;
    CHILD_EXPECT(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHILD_EXPECT(commit_in_the_end(life, 10));
    life.engine->stop();
    CHILD_EXPECT(life.events.fatal.empty());
    CHILD_EXPECT(life.events.entries.front() == "before");
    CHILD_EXPECT(life.events.entries.back() == "after");
    return 0;
  });
  ASSERT_EQ(code, 0);
  Life again(dir.path());
  ASSERT_EQ(again.error, "");
  EXPECT_EQ(again.events.entries.front(), "before");
  EXPECT_EQ(again.events.entries.back(), "after");
}

// In a mount namespace of its own; false where that is not allowed.
bool mount_small_disk(const std::string& path, const char* size) {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("tmpfs", path.c_str(), "tmpfs", 0, size) == 0;
}

constexpr int not_allowed = 254;

TEST(EngineDisk, FullThenCommitsSayHowMuchIsFreeAndNothingAcknowledgedIsLost) {
  const TempDir dir;
  const int code = run_in_child([&] {
    if (!mount_small_disk(dir.path(), "size=40m")) return not_allowed;
    const std::string state = dir.path() + "/engine";
    ::mkdir(state.c_str(), 0700);
    std::string acknowledged;
    {
      Life life(state, {}, core::operator""_s(1));
      CHILD_EXPECT(life.engine && life.events.wait_leader());
      CHILD_EXPECT(life.commit(1, "before").is_ok);
      std::ofstream filler(dir.path() + "/filler");
      const std::string block(1 << 16, 'f');
      while (filler.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
      }
      filler.close();
      std::uint64_t id = 2;
      Recorder::Outcome outcome;
      while ((outcome = life.commit(id, std::string(1'000'000, 'd'))).is_ok)
        CHILD_EXPECT(++id < 60);
      CHILD_EXPECT(outcome.why.find(state + " has 0 MiB free: make it at least 32") !=
                   std::string::npos);
      std::filesystem::remove(dir.path() + "/filler");
      CHILD_EXPECT(commit_in_the_end(life, id + 1));
      life.engine->stop();
      acknowledged = life.journal.bytes();
    }
    Life again(state);
    CHILD_EXPECT(again.engine);
    CHILD_EXPECT(again.journal.bytes() == acknowledged);
    return 0;
  });
  if (code == not_allowed) GTEST_SKIP() << "no mounts allowed here";
  EXPECT_EQ(code, 0);
}

// Three in this process, of which the leader's disk alone is full.
int run_leader_with_full_disk() {
  Fleet fleet;
  fleet.base.commit_timeout = core::operator""_s(1);
  const std::string small = fleet.make_dir(1);
  // Once the filler is gone there is room for the log, its next segments and a snapshot.
  if (!mount_small_disk(small, "size=96m")) return not_allowed;
  fleet.set_filter([](std::uint64_t from, std::uint64_t, const std::string& bytes) {
    return from == 1 || !is_request_vote(bytes);
  });
  fleet.start_all({1, 2, 3});
  CHILD_EXPECT(fleet.wait_leader() == 1);
  CHILD_EXPECT(fleet.commit("before"));
  fleet.set_filter({});
  std::ofstream filler(small + "/filler");
  const std::string block(1 << 16, 'f');
  while (filler.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
  }
  filler.close();
  // The segments that are there already take 24 MB. After them the others commit without the
  // leader's disk, until it has been late for too long. (A snapshot of 40 MiB could not be sent.)
  for (int i = 0; i < 24 && fleet.commit_at(1, std::string(1'000'000, 'd')).is_ok; i++) {
  }
  for (int i = 0; i < 200 && fleet.commit_at(1, std::string(100'000, 'l')).is_ok; i++) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  CHILD_EXPECT(fleet.wait([&] { return !fleet.at(1).leads; }));
  CHILD_EXPECT(fleet.wait_leader() != 0);
  CHILD_EXPECT(fleet.commit("by another"));
  std::filesystem::remove(small + "/filler");
  CHILD_EXPECT(fleet.commit("after"));
  CHILD_EXPECT(fleet.wait_same(3));
  return 0;
}

TEST(EngineDisk, FullAtTheLeaderOfThreeThenItStepsDownAndAnotherCommits) {
  const int code = run_in_child(run_leader_with_full_disk);
  if (code == not_allowed) GTEST_SKIP() << "no mounts allowed here";
  EXPECT_EQ(code, 0);
}

TEST(EngineDisk, FullAtStartThenErrorSaysWhatToDo) {
  const TempDir dir;
  const int code = run_in_child([&] {
    if (!mount_small_disk(dir.path(), "size=4k")) return not_allowed;
    std::ofstream(dir.path() + "/filler") << std::string(1 << 13, 'f');
    Life life(dir.path());
    CHILD_EXPECT(!life.engine);
    CHILD_EXPECT(life.fault == RaftFault::other);
    CHILD_EXPECT(life.error.find(dir.path() + " has 0 MiB free") != std::string::npos);
    return 0;
  });
  if (code == not_allowed) GTEST_SKIP() << "no mounts allowed here";
  EXPECT_EQ(code, 0);
}

TEST(EngineDisk, DirectoryMissingThenErrorNamesIt) {
  Life life("/nonexistent/engine");
  EXPECT_EQ(life.fault, RaftFault::other);
  EXPECT_NE(life.error.find("/nonexistent/engine"), std::string::npos) << life.error;
}

void flip_byte(const std::string& path, std::streamoff at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(at);
  const char byte = static_cast<char>(file.get() ^ 0x40);
  file.seekp(at);
  file.put(byte);
}

std::vector<std::string> files_of(const std::string& dir) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    names.push_back(entry.path().string());
  }
  return names;
}

class EngineDamage : public testing::Test {
 protected:
  void SetUp() override {
    Life life(dir_.path());
    ASSERT_TRUE(life.events.wait_leader());
    for (std::uint64_t i = 0; i < 10; i++) {
      ASSERT_TRUE(life.commit(i, "entry " + std::to_string(i)).is_ok);
    }
    term_ = life.events.term;
  }
  TempDir dir_;
  core::Term term_;
};

TEST_F(EngineDamage, AnyByteOfALogFlippedThenErrorOrFewerEntriesButNeverOthers) {
  std::size_t errors = 0;
  std::size_t shorter = 0;
  for (const std::string& path : files_of(dir_.path())) {
    const auto size = static_cast<std::streamoff>(std::filesystem::file_size(path));
    for (std::streamoff at = 0; at < std::min<std::streamoff>(size, 1200); at += 13) {
      const TempDir copy;
      std::filesystem::copy(dir_.path(), copy.path());
      flip_byte(copy.path() + "/" + std::filesystem::path(path).filename().string(), at);
      Life life(copy.path(), term_);
      if (!life.engine) {
        EXPECT_EQ(life.fault, RaftFault::damaged) << life.error;
        EXPECT_NE(life.error.find(copy.path() + " is damaged"), std::string::npos) << life.error;
        errors++;
        continue;
      }
      // What is left is a beginning of what there was: the marker's epoch shows the missing rest.
      shorter += life.events.entries.size() < 10;
      for (std::size_t i = 0; i < life.events.entries.size(); i++) {
        EXPECT_EQ(life.events.entries[i], "entry " + std::to_string(i)) << path << " at " << at;
      }
    }
  }
  EXPECT_GT(errors + shorter, 20U);
}

TEST_F(EngineDamage, TermOnDiskLowerThanTheMarkersThenDamaged) {
  Life life(dir_.path(), core::Term{term_.value + 1});
  EXPECT_EQ(life.fault, RaftFault::damaged);
  EXPECT_NE(life.error.find("its term is lower than one that this agent has seen"),
            std::string::npos)
      << life.error;
}

TEST_F(EngineDamage, TermLowerBehindASnapshotThenDamaged) {
  {
    Life life(dir_.path(), term_);
    ASSERT_TRUE(life.events.wait_leader());
    for (std::uint64_t i = 0; i < 100; i++) ASSERT_TRUE(life.commit(i, "more").is_ok);
  }
  EXPECT_EQ(Life(dir_.path(), core::Term{term_.value + 1}).fault, RaftFault::damaged);
}

TEST_F(EngineDamage, MetadataGoneThenDamaged) {
  std::filesystem::remove(dir_.path() + "/metadata1");
  std::filesystem::remove(dir_.path() + "/metadata2");
  EXPECT_EQ(Life(dir_.path(), term_).fault, RaftFault::damaged);
}

TEST_F(EngineDamage, LogGoneThenDamaged) {
  for (const std::string& path : files_of(dir_.path())) {
    if (path.find("metadata") == std::string::npos) std::filesystem::remove(path);
  }
  EXPECT_EQ(Life(dir_.path(), term_).fault, RaftFault::damaged);
}

TEST_F(EngineDamage, LogOfAnotherAgentThenDamagedAndNamed) {
  Life life(dir_.path(), term_, core::operator""_s(5), 99);
  EXPECT_EQ(life.fault, RaftFault::damaged);
  EXPECT_NE(life.error.find("it belongs to another agent"), std::string::npos) << life.error;
}

}  // namespace
}  // namespace ringfence::agent::engine::test
