// A killed memcached with much memory: its process tells of its end before its sockets do.
#include <gtest/gtest.h>

#include "tests/live/support/memcached.hpp"
#include "tests/live/support/temp_dir.hpp"
#include "tests/live/watcher_rig.hpp"

namespace ringfence::live {
namespace {

// 700 values of 1,000,000 bytes: above the size from which processes are watched closely.
void fill(const Memcached& memcached) {
  TextClient client = memcached.client();
  const std::string value(1'000'000, 'v');
  for (int i = 0; i < 700; ++i) ASSERT_EQ(client.set("k" + std::to_string(i), value), "STORED");
}

TEST(Watcher, LargeOneKilledThenUnreachableBeforeItsSocketsClose) {
  Memcached memcached({"-m", "1024"});
  fill(memcached);
  WatcherRig rig;
  rig.watch(memcached.address());
  ASSERT_NE(rig.next<BackendAnswered>().address, "");
  rig.turn_for(Milliseconds{200});  // it is seen to be large
  memcached.begin_kill();
  const std::string why = rig.next<BackendUnreachable>().why;
  EXPECT_NE(why.find("its process ended"), std::string::npos) << why;
  rig.turn_for(Milliseconds{200});
  EXPECT_EQ(rig.count<BackendUnreachable>(), 1U);
}

TEST(Watcher, OfUnixSocketStoppedAndResumedThenItsProcessDidNotEnd) {
  const TempDir dir;
  const Memcached memcached = Memcached::on_unix_socket(dir.file("m.sock"));
  WatcherRig rig;
  rig.watch(memcached.address());
  ASSERT_NE(rig.next<BackendAnswered>().address, "");
  memcached.stop();
  EXPECT_NE(rig.next<BackendUnreachable>().why.find("does not answer"), std::string::npos);
  memcached.resume();
  EXPECT_NE(rig.next<BackendAnswered>().address, "");
}

}  // namespace
}  // namespace ringfence::live
