// A thread of the port that stands still ends the agent; a process that stood still as a whole does
// not end itself.
#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "tests/live/support/agent.hpp"

namespace ringfence::live {
namespace {

constexpr Milliseconds longer_than_the_watch{7'000};

AgentSettings with_backend(const Memcached& memcached) {
  AgentSettings settings;
  settings.backends = {memcached.address()};
  return settings;
}

pid_t port_thread(pid_t process) {
  const std::string tasks = "/proc/" + std::to_string(process) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    if (read_file(task.path().string() + "/comm") != "port-io\n") continue;
    return static_cast<pid_t>(std::stoi(task.path().filename().string()));
  }
  throw std::runtime_error(tasks + ": no thread port-io");
}

// One thread of another process, stopped as only a tracer can.
class StoppedThread {
 public:
  explicit StoppedThread(pid_t thread) : thread_(thread) {
    const bool is_stopped = ptrace(PTRACE_SEIZE, thread_, nullptr, nullptr) == 0 &&
                            ptrace(PTRACE_INTERRUPT, thread_, nullptr, nullptr) == 0 &&
                            waitpid(thread_, nullptr, __WALL) == thread_;
    failure_ = is_stopped ? 0 : errno;
  }
  [[nodiscard]] int failure() const { return failure_; }
  // A tracer has to collect it before its process is seen to have ended.
  [[nodiscard]] bool has_ended() const {
    int status = 0;
    return waitpid(thread_, &status, __WALL | WNOHANG) == thread_ &&
           (WIFSIGNALED(status) || WIFEXITED(status));
  }

 private:
  pid_t thread_;
  int failure_ = 0;
};

TEST(PortHang, ThreadStandsStillThenTheAgentEndsItselfAndTheNextTakesItsSegmentOver) {
  const Memcached memcached;
  Agent agent(with_backend(memcached));
  agent.wait_ready();
  agent.client().set("k", "v");
  const std::uint64_t epoch = agent.epoch();
  const StoppedThread stopped(port_thread(agent.pid()));
  if (stopped.failure() == EPERM) GTEST_SKIP() << "this machine does not allow ptrace";
  ASSERT_EQ(stopped.failure(), 0) << strerror(stopped.failure());
  ASSERT_TRUE(wait_until([&] { return stopped.has_ended(); }));
  const std::optional<int> status = agent.child().wait();
  ASSERT_TRUE(status && WIFSIGNALED(*status));
  EXPECT_EQ(WTERMSIG(*status), SIGABRT);
  EXPECT_NE(agent.log().find("a thread of its port has stood still for 5 s"), std::string::npos);
  agent.start();
  agent.wait_ready();
  EXPECT_EQ(agent.client().get("k"), "v");
  EXPECT_EQ(agent.epoch(), epoch);
}

TEST(PortHang, ProcessStandsStillAsAWholeThenItGoesOnAfterwards) {
  const Memcached memcached;
  Agent agent(with_backend(memcached));
  agent.wait_ready();
  agent.child().stop();
  pass(longer_than_the_watch);
  agent.child().signal(SIGCONT);
  pass(Milliseconds{1'000});
  ASSERT_TRUE(agent.child().is_running());
  agent.wait_ready();
  agent.client().set("k", "v");
  EXPECT_EQ(agent.client().get("k"), "v");
}

}  // namespace
}  // namespace ringfence::live
