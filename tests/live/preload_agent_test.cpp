// Preloaded clients of a real agent: through its death and return, and within the host's budget of
// connections.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>

#include "shm_layout/mapped_segment.hpp"
#include "tests/live/support/fleet.hpp"
#include "tests/live/support/preloaded.hpp"

namespace ringfence::live {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

class PreloadAgent : public testing::Test {
 protected:
  PreloadAgent() : memcacheds_(start_memcacheds(2)), agent_(settings()) {
    expect_preloaded();
    agent_.wait_ready();
    setenv("RINGFENCE_SEGMENT", agent_.segment().c_str(), 1);
  }
  [[nodiscard]] AgentSettings settings() {
    AgentSettings settings = impatient(memcacheds_);
    settings.pool_lines += "preload_connections = 6\n";
    return settings;
  }
  // Until its keys go straight to their backends.
  static void warm(TextClient& client) {
    for (int round = 0; round < 5; ++round) {
      for (int i = 0; i < 20; ++i) set_until_stored(client, "key-" + std::to_string(i), "value");
    }
  }

  std::vector<Memcached> memcacheds_;
  Agent agent_;
};

TEST_F(PreloadAgent, AgentKilledThenItsLeaseIsServedOnAndAfterItsReturnAgain) {
  TextClient client = agent_.client();
  warm(client);

  agent_.kill();

  EXPECT_EQ(client.get("key-1"), "value");
  EXPECT_EQ(client.set("key-1", "later"), "STORED");
  TextClient newcomer = agent_.client();  // refused by nobody
  EXPECT_TRUE(wait_until([&] { return newcomer.get("key-1") == "later"; }, 1s));
  agent_.start();
  agent_.wait_ready();
  EXPECT_TRUE(wait_until([&] { return client.set("key-2", "again") == "STORED"; }));
  EXPECT_EQ(client.get("key-2"), "again");
  EXPECT_TRUE(wait_until([&] { return client.ask("version").starts_with("VERSION"); }));
}

TEST_F(PreloadAgent, AgentKilledForGoodThenMissesAndNothingIsCalledDone) {
  TextClient client = agent_.client();
  warm(client);

  agent_.kill();
  EXPECT_TRUE(wait_until([&] { return client.set("key-1", "x") == "NOT_STORED"; }));

  EXPECT_EQ(client.get("key-1"), std::nullopt);
  EXPECT_TRUE(client.ask("delete key-1").starts_with("SERVER_ERROR ringfence"));
}

TEST_F(PreloadAgent, FailuresAskedForByAReloadThenAConnectedClientIsToldThem) {
  TextClient client = agent_.client();
  warm(client);
  const std::string key = keys_owned_by(agent_, memcacheds_[0].address(), 1).front();
  shm_layout::MappedSegment segment;
  ASSERT_EQ(segment.open(agent_.segment().c_str()), shm_layout::AttachVerdict::ok);
  EXPECT_EQ(segment.reader().answers(), shm_layout::AnswerWord(false, false, 1000, 1000));

  AgentSettings telling = settings();
  telling.pool_lines +=
      "get_failure = \"error\"\nstore_failure = \"error\"\nrequest_timeout = \"20s\"\n";
  agent_.reconfigure(telling);
  agent_.reload();

  const shm_layout::AnswerWord wanted(true, true, 20'000, 1000);
  ASSERT_TRUE(wait_until([&] { return segment.reader().answers() == wanted; }));
  const std::uint64_t before = client.stat("cmd_get");
  memcacheds_[0].stop();
  client.send("get " + key + "\r\nset " + key + " 0 0 1\r\nv\r\n");
  memcacheds_[0].kill();
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(client.read_line().starts_with("SERVER_ERROR ringfence: the key's backend")) << i;
  }
  EXPECT_EQ(client.stat("cmd_get"), before) << "the port was asked";
}

TEST_F(PreloadAgent, MoreProcessesThanTheBudgetThenItHoldsAndAllAreServed) {
  constexpr int process_count = 20;
  std::vector<pid_t> children;
  int ready[2], go[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(go), 0);
  for (int i = 0; i < process_count; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      bool is_right = true;
      {
        TextClient client = agent_.client();
        warm(client);
        is_right = client.get("key-1") == "value";
        char byte = 0;
        is_right = write(ready[1], "r", 1) == 1 && read(go[0], &byte, 1) == 1 && is_right;
        is_right = is_right && client.get("key-1") == "value";
      }
      _exit(is_right ? 0 : 1);
    }
    children.push_back(child);
  }
  char byte = 0;
  for (int i = 0; i < process_count; ++i) ASSERT_EQ(read(ready[0], &byte, 1), 1);
  // The agent's own and this question's beside the budget's.
  constexpr std::uint64_t others = 6;
  for (const Memcached& memcached : memcacheds_) {
    const std::uint64_t connections = memcached.stat("curr_connections");
    EXPECT_GE(connections, 6U);
    EXPECT_LE(connections, 6 + others);
  }
  for (int i = 0; i < process_count; ++i) ASSERT_EQ(write(go[1], "g", 1), 1);
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  for (const int fd : {ready[0], ready[1], go[0], go[1]}) close(fd);
}

TEST_F(PreloadAgent, CountersThenRingfencectlShowsThePreload) {
  TextClient client = agent_.client();
  warm(client);
  const auto shims = agent_.ask("shims");
  EXPECT_NE(shims.dump().find("\"preload\""), std::string::npos) << shims.dump();
}

// As servers do that look around before they start their workers.
TEST_F(PreloadAgent,
       ForkBetweenAConnectionElsewhereAndTheFirstToThePortThenTheChildCountsForItself) {
  const std::string port = agent_.port_address().substr(agent_.port_address().rfind(':') + 1);
  const TempDir dir;
  Child server({"/usr/bin/python3", "-c",
                "import os, socket\n"
                "socket.socket().connect_ex(('127.0.0.1', 1))\n"
                "read_end, write_end = os.pipe()\n"
                "child = os.fork()\n"
                "if child == 0:\n"
                "  os.close(write_end)\n"
                "  s = socket.create_connection(('127.0.0.1', " +
                    port +
                    "))\n"
                    "  for i in range(20): s.sendall(b'get k\\r\\n'); s.recv(100)\n"
                    "  print('asked', flush=True)\n"
                    "  os._exit(len(os.read(read_end, 1)))  # until the parent ends\n"
                    "print(child, flush=True)\n"
                    "os.wait()\n"},
               dir.file("out"));
  ASSERT_TRUE(wait_until([&] {
    const std::string out = read_file(dir.file("out"));
    return out.find("asked") != std::string::npos && std::count(out.begin(), out.end(), '\n') == 2;
  })) << read_file(dir.file("out"));

  const auto shims = agent_.ask("shims");

  std::map<pid_t, std::uint64_t> requests;
  for (const auto& shim : shims["shims"]) requests[shim["pid"]] = shim["requests"];
  EXPECT_EQ(requests[server.pid()], 0U) << shims.dump();
  EXPECT_TRUE(std::any_of(requests.begin(), requests.end(), [](const auto& of) {
    return of.second == 20;
  })) << shims.dump();
}

}  // namespace
}  // namespace ringfence::live
