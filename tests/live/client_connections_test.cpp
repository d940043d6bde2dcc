// The linked client's connections: their bounds, a backend that has none to spare, and forks.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "tests/live/support/client_support.hpp"
#include "tests/live/support/linked_client.hpp"
#include "tests/live/support/port_host.hpp"
#include "tests/live/support/scripted_server.hpp"

namespace ringfence::live {
namespace {

TEST(ClientConnections, MoreCallsThanConnectionsThenTheyWaitForOneAnother) {
  PortHost host;
  ringfence_options options{};
  options.connections_per_backend = 2;
  LinkedClient client(host.segment(), options);
  const std::string key = host.key_on(0);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < 200; ++turn) {
        EXPECT_EQ(ringfence_set(client.handle(), key.data(), key.size(), "v", 1, 0, 0, 5000),
                  RINGFENCE_OK);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  // One of them is the one that asks.
  EXPECT_LE(host.memcached(0).stat("curr_connections"), 2U + 1U + 1U);
  EXPECT_LE(client.connection_count(), 2U);
}

TEST(ClientConnections, AllConnectionsHangThenWaitingForOneEndsAtTheDeadline) {
  PortHost host;
  ringfence_options options{};
  options.connections_per_backend = 1;
  LinkedClient client(host.segment(), options);
  const std::string key = host.key_on(0);
  ASSERT_EQ(client.set(key, "1"), RINGFENCE_OK);
  host.memcached(0).stop();
  std::thread holder([&] {
    EXPECT_EQ(ringfence_touch(client.handle(), key.data(), key.size(), 0, 600),
              RINGFENCE_TIMED_OUT);
  });
  pass(Milliseconds{100});
  client.set_timeout(Milliseconds{100});
  EXPECT_EQ(client.get(key).status, RINGFENCE_TIMED_OUT);
  holder.join();
}

// Both ends of a test's connections are this process's.
void allow_many_files() {
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

// The process's bound, over all of its clients.
constexpr std::size_t process_max = 512;

TEST(ClientConnections, MoreClientsThanTheProcessMayHaveConnectionsThenIdleOnesMakeRoom) {
  allow_many_files();
  PortHost host;
  const std::string key = host.key_on(0);
  const std::size_t before = socket_count();
  std::vector<std::unique_ptr<LinkedClient>> clients;
  for (std::size_t i = 0; i < process_max + 20; ++i) {
    clients.push_back(std::make_unique<LinkedClient>(host.segment()));
    ASSERT_EQ(clients.back()->set(key, "1"), RINGFENCE_OK) << i;
    ASSERT_LE(socket_count(), before + process_max) << i;
  }
  EXPECT_EQ(socket_count(), before + process_max);
  EXPECT_EQ(clients.front()->get(key).value, "1");  // its own was closed for another's
  EXPECT_EQ(socket_count(), before + process_max);
}

TEST(ClientConnections, AsManyInUseAsTheProcessMayHaveThenOthersWaitUntilTheirDeadline) {
  allow_many_files();
  ScriptedServer server([](std::string_view) { return std::string(); });
  PortHost host;
  host.replace_backend(0, server.address());
  ringfence_options options{};
  options.connections_per_backend = 1024;
  LinkedClient one(host.segment(), options);
  LinkedClient other(host.segment(), options);
  const std::string key = host.key_on(0);
  std::atomic<int> timed_out_count{0};
  const auto get = [&](const LinkedClient& client, std::int64_t timeout_ms) {
    ringfence_value value{};
    const auto status = ringfence_get(client.handle(), key.data(), key.size(), &value, timeout_ms);
    ringfence_value_free(&value);
    if (status == RINGFENCE_TIMED_OUT) ++timed_out_count;
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < process_max; ++i) {
    threads.emplace_back([&, i] { get(i % 2 == 0 ? one : other, 4000); });
  }
  EXPECT_TRUE(wait_until([&] { return server.open_count() == process_max; }));
  const Stopwatch watch;
  get(one, 100);
  EXPECT_LT(watch.elapsed(), Milliseconds{100} + slack);
  EXPECT_EQ(server.asked_count(), process_max);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(timed_out_count, static_cast<int>(process_max) + 1);
  EXPECT_EQ(other.set(host.key_on(1), "1"), RINGFENCE_OK);  // their places are free again
}

TEST(ClientConnections, IdleForLongerThanAllowedThenClosed) {
  PortHost host;
  ringfence_options options{};
  options.idle_ms = 100;
  LinkedClient client(host.segment(), options);
  ASSERT_EQ(client.set(host.key_on(0), "1"), RINGFENCE_OK);
  ASSERT_EQ(client.set(host.key_on(1), "1"), RINGFENCE_OK);
  EXPECT_EQ(client.connection_count(), 2U);
  pass(Milliseconds{250});
  ASSERT_EQ(client.set(host.key_on(0), "1"), RINGFENCE_OK);
  EXPECT_EQ(client.connection_count(), 1U);
}

// Takes connections until the memcached has none to spare.
std::vector<TextClient> exhaust(const Memcached& memcached) {
  std::vector<TextClient> taken;
  try {
    while (taken.size() < 4096) {
      TextClient client = memcached.client();
      if (client.ask("version").substr(0, 7) != "VERSION") break;
      taken.push_back(std::move(client));
    }
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): it closed one: it is full
  }
  return taken;
}

TEST(ClientConnections, BackendHasNoneToSpareThenThePortServes) {
  PortHostSettings settings;
  settings.memcached_arguments = {"-c", "20"};
  PortHost host(settings);
  LinkedClient client(host.segment());
  const std::string key = host.key_on(0);
  EXPECT_EQ(host.client().set(key, "1"), "STORED");  // the port has its connection
  const std::vector<TextClient> taken = exhaust(host.memcached(0));

  EXPECT_EQ(client.get(key).value, "1");
  EXPECT_EQ(client.set(key, "2"), RINGFENCE_OK);
  EXPECT_EQ(client.add(key, "3"), RINGFENCE_BACKEND_LOST);
  EXPECT_EQ(client.remove(key), RINGFENCE_OK);
  EXPECT_EQ(client.get(key).status, RINGFENCE_MISS);
  EXPECT_EQ(client.incr(key, 1, nullptr), RINGFENCE_NOT_FOUND);
}

TEST(ClientConnections, ForkedThenParentAndChildUseTheirOwn) {
  PortHost host;
  LinkedClient client(host.segment());
  const std::string key = host.key_on(0);
  ASSERT_EQ(client.set(key, "1"), RINGFENCE_OK);
  const pid_t child = fork();
  if (child == 0) {
    bool is_right = client.connection_count() == 0;
    for (int i = 0; i < 100; ++i) is_right = client.get(key).value == "1" && is_right;
    _exit(is_right && client.connection_count() == 1 ? 0 : 1);
  }
  for (int i = 0; i < 100; ++i) EXPECT_EQ(client.get(key).value, "1");
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(client.connection_count(), 1U);
}

struct ForkingCallback {
  pid_t child = -1;
  int told_count = 0;
  int hit_count = 0;
  int lost_count = 0;
};

TEST(ClientConnections, ForkedInACallbackThenTheChildsCallIsLostAndTheParentsGoesOn) {
  PortHost host;
  LinkedClient client(host.segment());
  std::vector<std::string> names;
  std::vector<ringfence_key> keys;
  for (int i = 0; i < 20; ++i) {
    names.push_back("key" + std::to_string(i));
    // Too large to have arrived when the first is told of.
    ASSERT_EQ(client.set(names.back(), std::string(200'000, 'v')), RINGFENCE_OK);
  }
  for (const std::string& name : names) keys.push_back({name.data(), name.size()});
  ForkingCallback seen;
  const auto callback = [](void* context, std::size_t, ringfence_status status,
                           const ringfence_value*) {
    auto& at = *static_cast<ForkingCallback*>(context);
    if (at.told_count++ == 0) at.child = fork();
    at.hit_count += status == RINGFENCE_OK ? 1 : 0;
    at.lost_count += status == RINGFENCE_BACKEND_LOST ? 1 : 0;
  };
  EXPECT_EQ(ringfence_get_each(client.handle(), keys.data(), keys.size(), 0, callback, &seen, 5000),
            RINGFENCE_OK);
  EXPECT_EQ(seen.told_count, 20);
  if (seen.child == 0) {
    const bool is_lost = seen.lost_count > 0 && seen.lost_count + seen.hit_count == 20;
    _exit(is_lost && client.get(names[0]).status == RINGFENCE_OK ? 0 : 1);
  }
  EXPECT_EQ(seen.hit_count, 20);
  int status = 0;
  ASSERT_EQ(waitpid(seen.child, &status, 0), seen.child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace ringfence::live
