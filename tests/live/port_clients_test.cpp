// Many, slow, half and hostile clients; limits; threads, sockets, reload and drain.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "tests/live/support/port_host.hpp"
#include "tests/live/support/sanitized.hpp"

namespace ringfence::live {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

class PortClients : public testing::TestWithParam<bool> {
 protected:
  [[nodiscard]] static PortHostSettings settings() {
    PortHostSettings settings;
    settings.has_tags = GetParam();
    return settings;
  }
};
INSTANTIATE_TEST_SUITE_P(Tags, PortClients, testing::Bool(),
                         [](const auto& instance) { return instance.param ? "On" : "Off"; });

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

// The longest of 200 small requests.
std::chrono::microseconds slowest_get(TextClient& client, const std::string& key) {
  Clock::duration slowest{};
  for (int i = 0; i < 200; ++i) {
    const auto start = Clock::now();
    EXPECT_EQ(client.get(key), "v");
    slowest = std::max(slowest, Clock::now() - start);
  }
  return std::chrono::duration_cast<std::chrono::microseconds>(slowest);
}

// Connections held by another process, so that each side needs only its own files.
class IdleConnections {
 public:
  IdleConnections(const std::string& address, std::size_t count) {
    if (pipe(pipe_) != 0) throw std::runtime_error("pipe");
    pid_ = fork();
    if (pid_ != 0) {
      close(pipe_[0]);
      return;
    }
    close(pipe_[1]);
    for (std::size_t i = 0; i < count; ++i) {
      if (connect_to(address) < 0) _exit(1);
    }
    char end = 0;
    (void)!read(pipe_[0], &end, 1);
    _exit(0);
  }
  ~IdleConnections() {
    close(pipe_[1]);
    int status = 0;
    waitpid(pid_, &status, 0);
  }
  IdleConnections(const IdleConnections&) = delete;
  IdleConnections& operator=(const IdleConnections&) = delete;

 private:
  int pipe_[2] = {-1, -1};
  pid_t pid_ = -1;
};

TEST_P(PortClients, TenThousandIdleConnectionsThenLittleMemoryAndOthersAreServed) {
  constexpr std::size_t count = 10'000;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < count + 200) GTEST_SKIP() << "needs " << count + 200 << " files";
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  PortHost host{settings()};
  TextClient client = host.client();
  EXPECT_EQ(client.set("k", "v"), "STORED");
  const std::size_t before = resident_bytes();
  {
    const IdleConnections idle{host.address(), count};
    EXPECT_TRUE(wait_until([&] { return host.port().counters().curr_connections == count + 1; }));

    if (!is_sanitized) {
      const std::size_t each = (resident_bytes() - before) / count;
      EXPECT_LT(each, 2048U);
      RecordProperty("bytes_per_idle_client", static_cast<int>(each));
    }
    EXPECT_LT(slowest_get(client, "k"), 200ms);
  }
  EXPECT_TRUE(wait_until([&] { return host.port().counters().curr_connections == 1; }));
}

TEST_P(PortClients, HalfACommandThenOthersAreServedAndTheRestCompletesIt) {
  PortHost host{settings()};
  TextClient half = host.client();
  TextClient other = host.client();

  half.send("set k 0 0 1");
  EXPECT_EQ(other.set("o", "v"), "STORED");
  half.send("0\r\n01234");
  EXPECT_EQ(other.get("o"), "v");
  half.send("56789\r");
  EXPECT_EQ(other.get("k"), std::nullopt);
  half.send("\n");

  EXPECT_EQ(half.read_line(), "STORED");
  EXPECT_EQ(other.get("k"), "0123456789");
}

TEST_P(PortClients, GibibyteAnnouncedThenItStreamsPastAndMemoryStaysSmallAndOthersGoOn) {
  PortHost host{settings()};
  TextClient other = host.client();
  EXPECT_EQ(other.set("k", "v"), "STORED");
  TextClient client = host.client();
  const std::size_t before = resident_bytes();

  client.send("set k 0 0 1073741824\r\n");
  const std::string piece(1 << 20, 'x');
  for (int i = 0; i < 64; ++i) {
    client.send(piece);
    EXPECT_EQ(other.get("o"), std::nullopt);
  }

  if (!is_sanitized) {
    EXPECT_LT(resident_bytes(), before + (16U << 20U));
  }
}

TEST_P(PortClients, ClientsThatNeverReadThenMemoryIsBoundedAndOthersGoOn) {
  PortHost host{settings()};
  TextClient other = host.client();
  EXPECT_EQ(other.set("k", "v"), "STORED");
  EXPECT_EQ(other.set("big", std::string(500'000, 'x')), "STORED");
  const std::size_t before = resident_bytes();
  std::string gets = "get";
  for (int i = 0; i < 100; ++i) gets += " big";
  gets += "\r\n";

  std::vector<TextClient> greedy;
  for (int i = 0; i < 8; ++i) {
    greedy.push_back(host.client());
    greedy.back().send(gets + gets + gets);
  }
  const auto slowest = slowest_get(other, "k");

  // Each may hold what the window of its first burst lets in, up to client_buffer_max (32 MiB).
  EXPECT_LT(slowest, 1500ms);
  if (!is_sanitized) {
    EXPECT_LT(resident_bytes(), before + 8 * (34U << 20U));
  }
  EXPECT_TRUE(wait_until([&] { return host.port().counters().closed_slow_clients > 0; }));
  EXPECT_LT(slowest_get(other, "k"), 200ms);
}

TEST_P(PortClients, SlowReaderOfManyLargeValuesThenItGetsThemAll) {
  PortHost host{settings()};
  TextClient client = host.client();
  const std::string value(300'000, 'x');
  std::string command = "get";
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(client.set("key" + std::to_string(i), value), "STORED");
    command += " key" + std::to_string(i);
  }

  client.send(command + "\r\n");
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(client.read_line(), "VALUE key" + std::to_string(i) + " 0 300000");
    EXPECT_EQ(client.read_line(), value);
    pass(5ms);
  }
  EXPECT_EQ(client.read_line(), "END");
}

TEST_P(PortClients, LineOfAMebibyteThenAllItsKeysAreAnswered) {
  PortHost host{settings()};
  TextClient client = host.client();
  EXPECT_EQ(client.set("last", "v"), "STORED");
  std::string command = "get";
  for (int i = 0; command.size() < 1'000'000; ++i) command += " some-key-" + std::to_string(i);

  client.send(command + " last\r\n");

  EXPECT_EQ(client.read_line(), "VALUE last 0 1");
  EXPECT_EQ(client.read_line(), "v");
  EXPECT_EQ(client.read_line(), "END");
}

TEST_P(PortClients, EndlessLineOrBinaryFrontThenTheConnectionIsClosed) {
  PortHost host{settings()};
  TextClient endless = host.client();
  endless.send(std::string(5000, 'x'));
  EXPECT_THROW((void)endless.read_line(), std::runtime_error);

  TextClient binary = host.client();
  binary.send("\x80" + std::string(23, '\xff'));  // a key of 64 KiB
  EXPECT_THROW((void)binary.read_line(), std::runtime_error);
  EXPECT_EQ(host.client().ask("version"), "VERSION 1.6.18");
}

TEST_P(PortClients, ClientThatEndsItsSideThenItStillGetsItsAnswers) {
  PortHost host{settings()};
  TextClient client = host.client();
  client.send("set k 0 0 1\r\n1\r\nget k\r\n");
  shutdown(client.fd(), SHUT_WR);

  EXPECT_EQ(client.read_line(), "STORED");
  EXPECT_EQ(client.read_line(), "VALUE k 0 1");
  EXPECT_EQ(client.read_line(), "1");
  EXPECT_EQ(client.read_line(), "END");
  EXPECT_TRUE(client.is_closed_by_peer());
}

TEST_P(PortClients, ClientGoneAfterNoreplyThenItsWriteIsDone) {
  PortHost host{settings()};
  {
    TextClient client = host.client();
    client.send("set k 0 0 1 noreply\r\n1\r\n");
  }
  TextClient other = host.client();
  EXPECT_TRUE(wait_until([&] { return other.get("k") == "1"; }));
}

TEST_P(PortClients, OneConnectionTooManyThenToldAndClosedAndCounted) {
  PortHostSettings limited = settings();
  limited.port.max_connections = 2;
  PortHost host{limited};
  TextClient first = host.client();
  TextClient second = host.client();
  EXPECT_EQ(first.set("k", "v"), "STORED");
  EXPECT_EQ(second.get("k"), "v");

  TextClient third = host.client();

  EXPECT_EQ(third.read_line(), "ERROR Too many open connections");
  EXPECT_TRUE(third.is_closed_by_peer());
  EXPECT_EQ(host.port().counters().rejected_connections, 1U);
  { const TextClient gone = std::move(second); }
  EXPECT_TRUE(wait_until([&] { return host.port().counters().curr_connections == 1; }));
  EXPECT_EQ(host.client().get("k"), "v");
}

TEST_P(PortClients, FlushAllThenAnsweredOnlyWhenTheDaemonSays) {
  PortHost host{settings()};
  TextClient client = host.client();
  EXPECT_EQ(client.set("k", "v"), "STORED");

  client.send("flush_all\r\nget k\r\n");
  ASSERT_TRUE(wait_until([&] { return host.flush_ids().size() == 1; }));
  host.raise_generations();
  host.port().answer_flush_all(agent::core::RequestId{host.flush_ids()[0]}, true, {});

  EXPECT_EQ(client.read_line(), "OK");
  if (GetParam()) {
    EXPECT_EQ(client.read_line(), "END");
    client.send("flush_all 0 noreply\r\nflush_all\r\n");
    ASSERT_TRUE(wait_until([&] { return host.flush_ids().size() == 2; }));
    host.port().answer_flush_all(agent::core::RequestId{host.flush_ids()[1]}, true, {});
    ASSERT_TRUE(wait_until([&] { return host.flush_ids().size() == 3; }));
    host.port().answer_flush_all(agent::core::RequestId{host.flush_ids()[2]}, false, "no quorum");
    EXPECT_EQ(client.read_line(), "SERVER_ERROR no quorum");
    EXPECT_EQ(client.ask("flush_all 10"), "CLIENT_ERROR delayed flush is not supported");
  }
}

TEST_P(PortClients, FlushAllRefusedByThePoolThenMemcachedsWords) {
  PortHostSettings refusing = settings();
  refusing.port.allows_flush_all = false;
  PortHost host{refusing};

  EXPECT_EQ(host.client().ask("flush_all"), "CLIENT_ERROR flush_all not allowed");
  EXPECT_TRUE(host.flush_ids().empty());
}

TEST_P(PortClients, SeveralThreadsThenClientsOnAllOfThemAreServed) {
  PortHostSettings threaded = settings();
  threaded.port.io_threads = 3;
  PortHost host{threaded};
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&host, i] {
      TextClient client = host.client();
      const std::string key = "key" + std::to_string(i);
      for (int round = 0; round < 300; ++round) {
        const std::string value = std::to_string(round);
        ASSERT_EQ(client.set(key, value), "STORED");
        ASSERT_EQ(client.get(key), value);
      }
    });
  }
  for (int i = 0; i < 20; ++i) host.rewrite_record(0);
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(host.client().stats()["threads"], "3");
  EXPECT_EQ(host.port().counters().cmd_set, 1800U);
}

TEST_P(PortClients, UnixSocketThenServedAndItsFileGoesWithThePort) {
  const TempDir dir;
  const std::string path = dir.file("port.sock");
  PortHostSettings both = settings();
  both.port.listen = {"127.0.0.1:0", path};
  {
    PortHost host{both};
    TextClient client{path};
    EXPECT_EQ(client.set("k", "v"), "STORED");
    EXPECT_EQ(host.client().get("k"), "v");
    PortHostSettings again = settings();
    again.port.listen = {path};
    EXPECT_THROW(PortHost{again}, std::runtime_error);
    again.port.listen = {host.address()};
    EXPECT_THROW(PortHost{again}, std::runtime_error);
  }
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

TEST_P(PortClients, AddressesAppliedThenNewOnesListenDroppedOnesEndAndClientsStay) {
  const TempDir dir;
  PortHostSettings old = settings();
  PortHost host{old};
  const std::string old_address = host.address();
  TextClient client = host.client();
  EXPECT_EQ(client.set("k", "v"), "STORED");

  agent::port::PortSettings reloaded = old.port;
  reloaded.listen = {dir.file("port.sock")};
  ASSERT_TRUE(host.port().apply(reloaded).is_ok());

  EXPECT_EQ(client.get("k"), "v");
  EXPECT_EQ(TextClient{dir.file("port.sock")}.get("k"), "v");
  EXPECT_LT(connect_to(old_address), 0);
  reloaded.listen.push_back("nonsense");
  EXPECT_FALSE(host.port().apply(reloaded).is_ok());
  EXPECT_EQ(client.get("k"), "v");
}

TEST_P(PortClients, DrainThenIdleClientsEndAndOpenRequestsAreAnswered) {
  PortHost host{settings()};
  TextClient idle = host.client();
  TextClient busy = host.client();
  const std::string key = host.key_on(0);
  EXPECT_EQ(busy.set(key, "v"), "STORED");
  EXPECT_EQ(idle.get(key), "v");
  host.memcached(0).stop();
  busy.send("get " + key + "\r\n");
  pass(50ms);

  std::thread draining([&] { host.port().drain(agent::core::Duration{5'000'000'000}); });
  EXPECT_TRUE(idle.is_closed_by_peer());
  host.memcached(0).resume();

  EXPECT_EQ(busy.read_line(), "VALUE " + key + " 0 1");
  EXPECT_EQ(busy.read_line(), "v");
  EXPECT_EQ(busy.read_line(), "END");
  EXPECT_TRUE(busy.is_closed_by_peer());
  draining.join();
}

TEST_P(PortClients, WokenWhileItDrainsAndAfterwardsThenNothingHappens) {
  PortHost host{settings()};
  TextClient half = host.client();
  half.send("set k 0 0 10\r\n");
  pass(50ms);

  host.port().begin_drain(agent::core::Duration{100'000'000});
  EXPECT_TRUE(host.port().addresses().empty());
  std::thread waiting([&] { host.port().wait_drained(); });
  host.port().view_changed();
  EXPECT_TRUE(half.is_closed_by_peer());
  waiting.join();

  host.port().view_changed();
  EXPECT_TRUE(host.port().addresses().empty());
}

TEST_P(PortClients, DrainOfAHalfCommandThenTheDeadlineEndsIt) {
  PortHost host{settings()};
  TextClient half = host.client();
  half.send("set k 0 0 10\r\n");
  pass(50ms);

  const auto start = Clock::now();
  host.port().drain(agent::core::Duration{100'000'000});

  EXPECT_LT(Clock::now() - start, 5s);
  EXPECT_TRUE(half.is_closed_by_peer());
}

}  // namespace
}  // namespace ringfence::live
