// Threads on one linked client, and a fork in the middle: connections are shared, capped and
// closed, and no answer ever reaches another's call.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <set>
#include <thread>

#include "tests/live/support/client_support.hpp"
#include "tests/live/support/port_host.hpp"

namespace ringfence::live {
namespace {

using namespace std::chrono_literals;

// Of the sockets that this process holds: inodes, which differ for each socket on the host.
std::set<ino_t> sockets() {
  std::set<ino_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    struct stat info {};
    if (stat(entry.path().c_str(), &info) == 0 && S_ISSOCK(info.st_mode)) found.insert(info.st_ino);
  }
  return found;
}

std::size_t count_without(const std::set<ino_t>& some, const std::set<ino_t>& others) {
  std::size_t count = 0;
  for (const ino_t inode : some) count += others.count(inode) == 0 ? 1 : 0;
  return count;
}

// Sets and gets keys that begin with `name`; whether each answer was its own.
bool are_answers_own(Client& client, const std::string& name, int turns) {
  for (int turn = 0; turn < turns; ++turn) {
    const std::string key = name + "-" + std::to_string(turn % 20);
    const std::string value = key + "=" + std::to_string(turn) + std::string(turn % 3 * 500, 'x');
    if (client.set(key, value, forever, 0, 5s) != RINGFENCE_OK) return false;
    if (client.get(key, 5s).view() != value) return false;
    std::vector<std::string> told(2);
    const std::string missing = name + "-none";
    client.get_each(
        {key, missing}, [&](const Answer& a) { told[a.index] = a.data; }, 5s);
    if (told[0] != value || !told[1].empty()) return false;
  }
  return true;
}

TEST(ClientThreads, ManyOnOneClientThenEachGetsItsOwnAnswersOverFewConnections) {
  PortHost host;
  Options options;
  options.connections_per_backend = 2;
  Client client = client_of(host.segment(), options);
  const std::size_t before = sockets().size();
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      if (!are_answers_own(client, "thread-" + std::to_string(i), 200)) ++wrong;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(sockets().size(), before + 2 * host.size());
}

TEST(ClientThreads, EveryConnectionIsBusyThenTheNextCallWaitsAndTimesOut) {
  PortHost host;
  Options options;
  options.connections_per_backend = 1;
  Client client = client_of(host.segment(), options);
  const std::string key = host.key_on(0);
  ASSERT_EQ(client.set(key, "1"), RINGFENCE_OK);
  host.memcached(0).stop();
  auto busy = in_background([&] { return client.get(key, 1000ms).status; });
  pass(50ms);
  const Stopwatch watch;
  EXPECT_EQ(client.get(key, 100ms).status, RINGFENCE_TIMED_OUT);
  EXPECT_LT(watch.elapsed(), 100ms + slack);
  auto waiting = in_background([&] { return client.get(key, 5s).status; });
  pass(50ms);
  host.memcached(0).resume();
  EXPECT_EQ(busy.get(), RINGFENCE_OK);
  EXPECT_EQ(waiting.get(), RINGFENCE_OK);
}

TEST(ClientThreads, OneClientAThreadThenAllAreClosedWithTheirClients) {
  PortHost host;
  const std::size_t before = sockets().size();
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      Client client = client_of(host.segment());
      if (!are_answers_own(client, "client-" + std::to_string(i), 50)) ++wrong;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(sockets().size(), before);
}

TEST(ClientThreads, ConnectionIdleForTooLongThenItIsClosed) {
  PortHost host;
  Options options;
  options.idle = 50ms;
  Client client = client_of(host.segment(), options);
  const std::string on_0 = host.key_on(0), on_1 = host.key_on(1);
  const std::set<ino_t> before = sockets();
  ASSERT_EQ(client.set(on_0, "1"), RINGFENCE_OK);
  ASSERT_EQ(client.set(on_1, "1"), RINGFENCE_OK);
  const std::set<ino_t> opened = sockets();
  ASSERT_EQ(count_without(opened, before), 2U);
  pass(120ms);
  ASSERT_EQ(client.get(on_0).view(), "1");
  const std::set<ino_t> later = sockets();
  EXPECT_EQ(count_without(later, before), 1U);  // a new one to the first backend, and no other
  EXPECT_EQ(count_without(later, opened), 1U);
}

TEST(ClientThreads, AnotherProgramIsStartedThenItInheritsNoConnection) {
  PortHost host;
  Client client = client_of(host.segment());
  ASSERT_EQ(client.set("k", "1"), RINGFENCE_OK);
  const RunOutcome outcome = run({"sh", "-c", "ls -l /proc/self/fd"});
  EXPECT_EQ(outcome.output.find("socket:"), std::string::npos) << outcome.output;
}

// ---- fork

// Runs `in_child` in a forked child; the number it returned.
int in_fork(const std::function<int()>& in_child) {
  const pid_t child = fork();
  if (child == 0) _exit(in_child());
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

class ClientFork : public testing::Test {
 protected:
  ClientFork() : before_(sockets()), client_(client_of(host_.segment())) {
    for (int i = 0; i < 20; ++i) EXPECT_EQ(client_.set(std::to_string(i), "1"), RINGFENCE_OK);
  }
  PortHost host_;
  std::set<ino_t> before_;  // without the client's
  Client client_;
};

TEST_F(ClientFork, ChildAndParentGoOnThenNeitherSeesTheOthersAnswers) {
  const std::set<ino_t> parents = sockets();
  ASSERT_GT(count_without(parents, before_), 0U);
  // Both talk at once: the parent in a thread of its own while it waits for the child.
  std::atomic<bool> is_right{false};
  std::thread parent;
  const pid_t child = fork();
  if (child == 0) {
    if (count_without(sockets(), before_) != 0) _exit(2);  // its parent's are closed
    if (!are_answers_own(client_, "child", 300)) _exit(3);
    if (count_without(sockets(), parents) == 0) _exit(4);  // they are not its own
    _exit(0);
  }
  parent = std::thread([&] { is_right = are_answers_own(client_, "parent", 300); });
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  parent.join();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_TRUE(is_right);
  EXPECT_EQ(client_.get("child-0").status, RINGFENCE_OK);
}

TEST_F(ClientFork, OtherThreadsAreInTheMiddleOfCallsThenTheirsGoOnAndTheChildWorks) {
  if (is_sanitized) GTEST_SKIP() << "its allocator's locks do not survive a fork beside threads";
  std::atomic<bool> is_over{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      while (!is_over) {
        if (!are_answers_own(client_, "busy-" + std::to_string(i), 20)) ++wrong;
      }
    });
  }
  for (int turn = 0; turn < 20; ++turn) {
    EXPECT_EQ(in_fork([&] {
                if (count_without(sockets(), before_) != 0) return 2;
                return are_answers_own(client_, "child", 10) ? 0 : 3;
              }),
              0);
  }
  is_over = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(ClientFork, ChildClosesTheClientThenTheParentGoesOn) {
  EXPECT_EQ(in_fork([&] {
              client_ = Client();
              return count_without(sockets(), before_) == 0 ? 0 : 2;
            }),
            0);
  EXPECT_TRUE(are_answers_own(client_, "parent", 20));
}

TEST_F(ClientFork, ChildOfAChildThenItWorksAsWell) {
  EXPECT_EQ(in_fork([&] {
              if (!are_answers_own(client_, "child", 5)) return 2;
              return in_fork([&] { return are_answers_own(client_, "grandchild", 5) ? 0 : 3; });
            }),
            0);
}

TEST_F(ClientFork, InsideACallbackThenTheChildsCallFailsAndTheParentsIsWhole) {
  std::vector<std::string> names;
  for (int i = 0; i < 400; ++i) names.push_back("key-" + std::to_string(i));
  for (const std::string& name : names) {
    ASSERT_EQ(client_.set(name, std::string(2000, 'v')), RINGFENCE_OK);
  }
  const std::vector<Key> keys(names.begin(), names.end());
  pid_t child = -1;
  std::size_t hits = 0, lost = 0;
  const auto fork_at_first = [&](const Answer& answer) {
    if (hits + lost == 0) child = fork();
    hits += answer.status == RINGFENCE_OK ? 1 : 0;
    lost += answer.status == RINGFENCE_BACKEND_LOST ? 1 : 0;
  };
  const ringfence_status status = client_.get_each(keys, fork_at_first, 5s);
  if (child == 0) {
    if (status != RINGFENCE_OK || hits + lost != keys.size() || lost == 0) _exit(2);
    _exit(are_answers_own(client_, "child", 20) ? 0 : 3);
  }
  EXPECT_EQ(status, RINGFENCE_OK);
  EXPECT_EQ(hits, keys.size());
  int exit_status = -1;
  EXPECT_EQ(waitpid(child, &exit_status, 0), child);
  EXPECT_TRUE(WIFEXITED(exit_status));
  EXPECT_EQ(WEXITSTATUS(exit_status), 0);
}

}  // namespace
}  // namespace ringfence::live
