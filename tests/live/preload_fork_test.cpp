// Processes that fork while their threads are anywhere: the child is never held up by what another
// thread of its parent was doing.
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "tests/live/support/preloaded.hpp"

namespace ringfence::live {
namespace {

// While one thread connects all the time, to whatever.
TEST(PreloadFork, ForkedWhileAnotherThreadConnectsThenTheChildConnects) {
  expect_preloaded();
  const auto connect_somewhere = [] {
    const int fd = connect_to("/nonexistent/socket");
    if (fd >= 0) close(fd);
  };
  std::atomic<bool> is_over{false};  // relaxed: only ends the loop
  std::thread connector([&] {
    while (!is_over.load(std::memory_order_relaxed)) connect_somewhere();
  });
  for (int i = 0; i < 3000; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(10);
      connect_somewhere();
      _exit(0);
    }
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "fork " << i;
    if (status != 0) break;
  }
  is_over.store(true, std::memory_order_relaxed);
  connector.join();
}

// As handlers do that wait for their library's threads.
TEST(PreloadFork, AnotherLibrarysHandlerWaitsForAThreadThatConnectsThenTheForkGoesOn) {
  expect_preloaded();
  static std::string address;
  static std::atomic<bool> is_on{false};
  // Before the preload has any of its own: what is registered last runs first.
  ASSERT_EQ(pthread_atfork(
                [] {
                  if (!is_on) return;
                  std::thread([] { close(connect_to(address)); }).join();
                },
                nullptr, nullptr),
            0);
  PortHost host;
  TextClient client = warm_client(host);
  address = host.address();
  is_on = true;
  alarm(20);
  const pid_t child = fork();
  if (child == 0) {
    TextClient own = host.client();
    _exit(own.set("k", "child") == "STORED" ? 0 : 1);
  }
  alarm(0);
  is_on = false;
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(client.get("k"), "child");
}

}  // namespace
}  // namespace ringfence::live
