// G3, never by surprise: with no configuration at all the agent finds 127.0.0.1:11211, which nobody
// named. Those fixed addresses and paths exist once a host, so the test runs itself again in
// namespaces of its own (needs root; skipped elsewhere).
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "tests/live/support/agent.hpp"

namespace ringfence::live {
namespace {

constexpr const char* default_control = "/run/ringfence/control.sock";

// The rest of this process lives apart: its own loopback, its own /run, /var/lib and /dev/shm.
bool move_apart() {
  if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 ||
      mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return false;
  }
  for (const char* path : {"/run", "/var/lib", "/dev/shm"}) {
    if (mount("tmpfs", path, "tmpfs", 0, nullptr) != 0) {
      return false;
    }
  }
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP | IFF_RUNNING;
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool is_up = ioctl(fd, SIOCSIFFLAGS, &loopback) == 0;
  close(fd);
  return is_up;
}

std::string first_state() {
  const nlohmann::json status = ask_control(default_control, {{"command", "status"}});
  const nlohmann::json pools = status.value("pools", nlohmann::json::array());
  if (pools.empty() || pools[0]["backends"].empty()) {
    return {};
  }
  return pools[0]["backends"][0].value("state", "");
}

// Run by the tests below in a process of its own.
TEST(G3_Consent, DISABLED_InNamespaces) {
  ASSERT_TRUE(move_apart());
  const bool has_items = getenv("RINGFENCE_TEST_HAS_ITEMS") != nullptr;
  const TempDir dir = TempDir::on_tmpfs();
  std::vector<std::string> argv = {"memcached", "-U", "0", "-l", "127.0.0.1", "-p", "11211"};
  argv.insert(argv.end(), {"-u", "root"});
  const Child memcached(argv, dir.file("memcached"));
  ASSERT_TRUE(wait_until([] {
    const int fd = connect_to("127.0.0.1:11211");
    close(fd);
    return fd >= 0;
  }));
  TextClient direct("127.0.0.1:11211");
  if (has_items) {
    ASSERT_EQ(direct.set("precious", "1"), "STORED");
  }

  const Child agent({program("ringfenced")}, dir.file("log"));

  const std::string expected = has_items ? "waits for consent" : "serving";
  EXPECT_TRUE(wait_until([&] { return first_state() == expected; }))
      << ask_control(default_control, {{"command", "status"}}) << read_file(dir.file("log"));
  if (!has_items) {
    TextClient port("127.0.0.1:11210");
    EXPECT_EQ(port.set("k", "v"), "STORED");
    EXPECT_EQ(port.get("k"), "v");
    return;
  }
  EXPECT_EQ(direct.get("precious"), "1");
  EXPECT_EQ(direct.stat("cmd_flush"), 0U);
  const RunOutcome consent = run({program("ringfencectl"), "backend", "add", "127.0.0.1:11211"});
  EXPECT_EQ(consent.exit_code, 0) << consent.output;
  EXPECT_TRUE(wait_until([] { return first_state() == "serving"; }));
  EXPECT_EQ(direct.get("precious"), std::nullopt);
  EXPECT_EQ(direct.stat("cmd_flush"), 1U);
}

RunOutcome run_apart(const std::string& variable) {
  return run({"env", variable, "/proc/" + std::to_string(getpid()) + "/exe",
              "--gtest_also_run_disabled_tests", "--gtest_filter=G3_Consent.DISABLED_InNamespaces"},
             Milliseconds{60'000});
}

bool can_move_apart() {
  return run({"unshare", "--net", "--mount", "true"}).exit_code == 0;
}

TEST(G3_Consent, NoConfigurationAndAnEmptyInstanceThenItServes) {
  if (!can_move_apart()) {
    GTEST_SKIP() << "namespaces need root";
  }

  const RunOutcome outcome = run_apart("RINGFENCE_TEST=1");

  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
}

TEST(G3_Consent, NoConfigurationAndAnInstanceWithItemsThenItIsUntouchedUntilSomebodyNamesIt) {
  if (!can_move_apart()) {
    GTEST_SKIP() << "namespaces need root";
  }

  const RunOutcome outcome = run_apart("RINGFENCE_TEST_HAS_ITEMS=1");

  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
}

}  // namespace
}  // namespace ringfence::live
