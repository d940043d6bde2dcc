// The linked client's connections: their bounds, a backend that has none to spare, and forks.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "tests/live/support/linked_client.hpp"
#include "tests/live/support/port_host.hpp"

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
  EXPECT_EQ(client.add(key, "3"), RINGFENCE_NOT_STORED);
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
