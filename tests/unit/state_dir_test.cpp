// The marker and the directory around it: first start, restart, damage, locks, full disks.
#include "agent/engine/state_dir.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>
#include <optional>
#include <sstream>

#include "agent/engine/marker.hpp"
#include "tests/unit/engine_support.hpp"

namespace ringfence::agent::engine::test {
namespace {

struct Opened {
  explicit Opened(const std::string& path) {
    Result<StateDir> result = StateDir::open(path, state);
    if (result) {
      dir.emplace(std::move(result).value());
    } else {
      error = result.error();
    }
  }
  OpenedState state;
  std::optional<StateDir> dir;
  Error error;
};

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}
void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}
std::size_t count_aside(const std::string& path) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    count += entry.path().filename().string().rfind("damaged-", 0) == 0;
  }
  return count;
}

TEST(Marker, EncodedThenDecodedTheSame) {
  Marker marker;
  for (std::uint8_t i = 0; i < 16; i++) marker.cluster_id[i] = static_cast<std::uint8_t>(i * 17);
  marker.agent_id = {0x0102030405060708};
  marker.incarnation = {9};
  marker.term_max = {~std::uint64_t{0}};
  marker.epoch_max = {11};
  marker.was_state_lost = true;

  const std::string bytes = encode_marker(marker);
  const std::optional<Marker> back = decode_marker(bytes);

  ASSERT_EQ(bytes.size(), marker_bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->cluster_id, marker.cluster_id);
  EXPECT_EQ(back->agent_id, marker.agent_id);
  EXPECT_EQ(back->incarnation, marker.incarnation);
  EXPECT_EQ(back->term_max, marker.term_max);
  EXPECT_EQ(back->epoch_max, marker.epoch_max);
  EXPECT_TRUE(back->was_state_lost);
}

TEST(Marker, AnyBitFlippedOrLengthChangedThenRefused) {
  const std::string bytes = encode_marker(Marker{});
  for (std::size_t bit = 0; bit < bytes.size() * 8; bit++) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    EXPECT_FALSE(decode_marker(damaged)) << bit;
  }
  EXPECT_FALSE(decode_marker(""));
  EXPECT_FALSE(decode_marker(bytes.substr(1)));
  EXPECT_FALSE(decode_marker(bytes + "x"));
}

TEST(StateDir, FirstStartThenNewIdentityAndParentsAreMade) {
  const TempDir temp;
  const Opened first(temp.path() + "/a/b/state");
  ASSERT_TRUE(first.dir) << first.error.message;
  EXPECT_EQ(first.state.found, StateFound::none);
  EXPECT_NE(first.state.marker.agent_id.value, 0U);
  EXPECT_NE(first.state.marker.cluster_id, core::ClusterId{});
  EXPECT_EQ(first.state.engine_dir, temp.path() + "/a/b/state/engine");
  EXPECT_TRUE(std::filesystem::is_directory(first.state.engine_dir));
}

TEST(StateDir, StartedAgainThenSameIdentityAndLargerIncarnation) {
  const TempDir temp;
  Marker before;
  {
    const Opened first(temp.path());
    before = first.state.marker;
  }
  for (int i = 0; i < 20; i++) {
    const Opened again(temp.path());
    ASSERT_TRUE(again.dir) << again.error.message;
    EXPECT_EQ(again.state.found, StateFound::continued);
    EXPECT_EQ(again.state.marker.agent_id, before.agent_id);
    EXPECT_EQ(again.state.marker.cluster_id, before.cluster_id);
    EXPECT_GT(again.state.marker.incarnation, before.incarnation);
    before = again.state.marker;
  }
}

TEST(StateDir, MarkerStoredThenFoundAtTheNextStart) {
  const TempDir temp;
  {
    Opened first(temp.path());
    first.state.marker.term_max = {3};
    first.state.marker.epoch_max = {44};
    ASSERT_TRUE(first.dir->store(first.state.marker));
    write(first.state.engine_dir + "/metadata1", "x");
  }
  const Opened again(temp.path());
  EXPECT_EQ(again.state.found, StateFound::continued);
  EXPECT_EQ(again.state.marker.term_max.value, 3U);
  EXPECT_EQ(again.state.marker.epoch_max.value, 44U);
}

TEST(StateDir, MarkerDamagedThenStateIsSetAsideWholeAndIdentityIsNew) {
  const TempDir temp;
  Marker before;
  {
    const Opened first(temp.path());
    before = first.state.marker;
    write(first.state.engine_dir + "/log", "precious");
  }
  std::string bytes = read(temp.path() + "/marker");
  bytes[30] = static_cast<char>(bytes[30] ^ 0x10);
  write(temp.path() + "/marker", bytes);

  const Opened again(temp.path());

  ASSERT_TRUE(again.dir) << again.error.message;
  EXPECT_EQ(again.state.found, StateFound::lost);
  EXPECT_NE(again.state.marker.agent_id, before.agent_id);
  EXPECT_NE(again.state.marker.cluster_id, before.cluster_id);
  EXPECT_GT(again.state.marker.incarnation, before.incarnation);
  EXPECT_EQ(again.state.why.find("the marker is damaged; what there was is now in " + temp.path() +
                                 "/damaged-"),
            0U)
      << again.state.why;
  const std::string aside = again.state.why.substr(again.state.why.find(temp.path()));
  EXPECT_EQ(read(aside + "/engine/log"), "precious");
  EXPECT_EQ(read(aside + "/marker"), bytes);
  EXPECT_TRUE(std::filesystem::is_empty(again.state.engine_dir));
}

TEST(StateDir, MarkerGoneButLogThereThenLost) {
  const TempDir temp;
  {
    const Opened first(temp.path());
    write(first.state.engine_dir + "/log", "x");
  }
  std::filesystem::remove(temp.path() + "/marker");
  const Opened again(temp.path());
  EXPECT_EQ(again.state.found, StateFound::lost);
  EXPECT_EQ(count_aside(temp.path()), 1U);
}

TEST(G3_StateDir, LostOnceThenEveryLaterStartKnows) {
  const TempDir temp;
  {
    const Opened first(temp.path());
    EXPECT_FALSE(first.state.marker.was_state_lost);
    write(first.state.engine_dir + "/log", "x");
  }
  std::filesystem::remove(temp.path() + "/marker");
  for (int i = 0; i < 3; i++) {
    const Opened again(temp.path());
    EXPECT_TRUE(again.state.marker.was_state_lost) << i;
  }
}

TEST(StateDir, LogGoneThatMarkerKnowsThenLost) {
  const TempDir temp;
  {
    Opened first(temp.path());
    first.state.marker.term_max = {1};
    ASSERT_TRUE(first.dir->store(first.state.marker));
  }
  const Opened again(temp.path());
  EXPECT_EQ(again.state.found, StateFound::lost);
  EXPECT_EQ(again.state.why.find("the engine's log is gone"), 0U);
}

TEST(StateDir, SetAsideTwiceInOneSecondThenBothAreKept) {
  const TempDir temp;
  Opened first(temp.path());
  const core::Incarnation before = first.state.marker.incarnation;
  ASSERT_TRUE(first.dir->set_aside("a test", first.state));
  ASSERT_TRUE(first.dir->set_aside("a test", first.state));
  EXPECT_EQ(count_aside(temp.path()), 2U);
  EXPECT_GT(first.state.marker.incarnation, before);
  EXPECT_EQ(first.state.found, StateFound::lost);
}

TEST(StateDir, OpenInAnotherProcessThenErrorNamesItsPid) {
  const TempDir temp;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const Opened theirs(temp.path());
    ::write(ready[1], "x", theirs.dir ? 1 : 0);
    for (;;) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);

  const Opened mine(temp.path());

  EXPECT_FALSE(mine.dir);
  EXPECT_EQ(mine.error.message, temp.path() + " is in use by another agent (pid " +
                                    std::to_string(child) +
                                    "): stop that one, or give this one its own state_dir and "
                                    "instance");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  EXPECT_TRUE(Opened(temp.path()).dir) << "a killed agent's lock goes with it";
}

TEST(StateDir, FileInItsPlaceThenErrorNamesIt) {
  const TempDir temp;
  write(temp.path() + "/file", "x");
  const Opened opened(temp.path() + "/file");
  ASSERT_FALSE(opened.dir);
  EXPECT_EQ(opened.error.message,
            temp.path() + "/file is no directory: remove it, or name another state_dir");
}

// Runs `body` as an ordinary user where the tests run as root; a child, so that nothing lingers.
template <typename Body>
int run_in_child(Body body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

TEST(StateDir, NoPermissionThenErrorNamesPathAndUser) {
  const TempDir temp;
  const int code = run_in_child([&] {
    ::chmod(temp.path().c_str(), 0555);
    constexpr uid_t nobody = 65534;
    if (::geteuid() == 0 && ::seteuid(nobody) != 0) return 2;
    const Opened opened(temp.path() + "/state");
    const bool is_told =
        !opened.dir && opened.error.os_errno == EACCES &&
        opened.error.message.find(temp.path() + " is not writable by user") != std::string::npos;
    return is_told ? 0 : 1;
  });
  ::chmod(temp.path().c_str(), 0755);
  EXPECT_EQ(code, 0);
}

TEST(StateDir, FileSizeLimitThenStoreFailsAndOldMarkerStays) {
  const TempDir temp;
  const int code = run_in_child([&] {
    Opened opened(temp.path());
    if (!opened.dir) return 1;
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_FSIZE, &none);
    Marker marker = opened.state.marker;
    marker.epoch_max = {5};
    const Status status = opened.dir->store(marker);
    if (status || status.error().os_errno != EFBIG) return 2;
    return status.error().message.find(temp.path() + "/marker.new") != std::string::npos ? 0 : 3;
  });
  EXPECT_EQ(code, 0);
  const Opened again(temp.path());
  EXPECT_EQ(again.state.found, StateFound::continued);
  EXPECT_EQ(again.state.marker.epoch_max.value, 0U);
}

}  // namespace
}  // namespace ringfence::agent::engine::test
