// Preloaded applications in containers as README sets them up: a root of their own, with the
// segments and the library from the host, read-only.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/live/support/fleet.hpp"
#include "tests/live/support/preloaded.hpp"

namespace ringfence::live {
namespace {

// ROOT SEGMENTS LIBRARY APPLICATION SHIMS ARGUMENT...; SHIMS: "ro", or "rw" as README offers it.
constexpr const char* enter = R"(set -e
root=$1 segments=$2 library=$3 application=$4 shims=$5
shift 5
unset LD_PRELOAD
mount -t tmpfs none "$root"
read_only() { mount --bind "$1" "$root$2"; mount -o remount,bind,ro "$root$2"; }
mkdir -p "$root/usr" "$root/proc" "$root$segments" "$root/app"
for name in bin lib lib64; do ln -s usr/$name "$root/$name"; done
touch "$root/app/preload.so" "$root/app/application"
read_only /usr /usr
mount --bind /proc "$root/proc"
read_only "$segments" "$segments"
read_only "$library" /app/preload.so
read_only "$application" /app/application
[ "$shims" = ro ] || mount --bind "$segments/shims" "$root$segments/shims"
exec chroot "$root" /usr/bin/env LD_PRELOAD=/app/preload.so /app/application "$@"
)";

class PreloadContainer : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "a container needs root";
    expect_preloaded();
    memcacheds_ = start_memcacheds(1);
    AgentSettings settings = impatient(memcacheds_);
    settings.pool_lines += "preload_connections = " + std::to_string(budget) + "\n";
    agent_ = std::make_unique<Agent>(settings);
    agent_->wait_ready();
    setenv("RINGFENCE_SEGMENT", agent_->segment().c_str(), 1);
    setenv("RINGFENCE_STATS", "1", 1);
  }

  // preload_soak: two threads, each with a connection; it keeps them ready until it is ended.
  [[nodiscard]] std::vector<std::string> application() const {
    const std::string address = agent_->port_address();
    return {program("preload_soak"), address.substr(address.rfind(':') + 1), "2", "400", "2"};
  }
  [[nodiscard]] Child start_on_host(const std::string& name) const {
    return Child(application(), dir_.file(name));
  }
  [[nodiscard]] Child start_in_container(const std::string& name, const char* shims = "ro") const {
    const std::string root = dir_.file(name + "-root");
    std::filesystem::create_directory(root);
    const std::string segments = std::filesystem::path(agent_->segment()).parent_path();
    std::vector<std::string> argv{"/usr/bin/unshare",
                                  "-m",
                                  "/bin/sh",
                                  "-c",
                                  enter,
                                  "sh",
                                  root,
                                  segments,
                                  library("libringfence-preload.so")};
    const std::vector<std::string> wanted = application();
    argv.push_back(wanted.front());
    argv.emplace_back(shims);
    argv.insert(argv.end(), wanted.begin() + 1, wanted.end());
    return Child(argv, dir_.file(name));
  }
  // All of its operations are done.
  void expect_served(Child& child, const std::string& name) const {
    const auto output = [&] { return read_file(dir_.file(name)); };
    const bool is_over = wait_until(
        [&] { return output().find("closed ") != std::string::npos || !child.is_running(); });
    EXPECT_TRUE(is_over && child.is_running()) << output();
  }
  static void end(Child& child) {
    child.signal(SIGTERM);
    EXPECT_EQ(child.wait(), 0);
  }
  [[nodiscard]] bool was_inline(const std::string& name) const {
    const std::string output = read_file(dir_.file(name));
    return output.find(" keys inline") != std::string::npos &&
           output.find(" 0 keys inline") == std::string::npos;
  }
  [[nodiscard]] std::uint64_t connections() const {
    return memcacheds_.front().stat("curr_connections");
  }

  static constexpr std::uint64_t budget = 12;
  static constexpr std::uint64_t of_the_agent_max = 8;  // probes and its port
  static constexpr std::size_t each = 10;
  std::vector<Memcached> memcacheds_;
  std::unique_ptr<Agent> agent_;
  TempDir dir_;
};

TEST_F(PreloadContainer, ManyBesideManyOnTheHostThenTogetherWithinTheBudget) {
  const std::uint64_t before = connections();
  std::vector<Child> applications;
  for (std::size_t i = 0; i < each; ++i) {
    applications.push_back(start_in_container("in-" + std::to_string(i)));
    applications.push_back(start_on_host("on-" + std::to_string(i)));
  }
  for (std::size_t i = 0; i < each; ++i) {
    expect_served(applications[2 * i], "in-" + std::to_string(i));
    expect_served(applications[2 * i + 1], "on-" + std::to_string(i));
  }

  EXPECT_LE(connections(), before + budget + of_the_agent_max);
  EXPECT_GE(connections(), budget);
}

TEST_F(PreloadContainer, AllPlacesTakenInsideThenNoneOnTheHostUntilTheyEnd) {
  std::vector<Child> inside;
  for (std::size_t i = 0; i < each; ++i) {
    inside.push_back(start_in_container("in-" + std::to_string(i)));
    expect_served(inside.back(), "in-" + std::to_string(i));
  }
  const std::uint64_t taken = connections();
  EXPECT_GE(taken, budget);
  Child on_host = start_on_host("on");
  expect_served(on_host, "on");
  EXPECT_LE(connections(), taken);
  end(on_host);
  EXPECT_FALSE(was_inline("on")) << read_file(dir_.file("on"));

  for (Child& child : inside) end(child);

  EXPECT_TRUE(was_inline("in-0")) << read_file(dir_.file("in-0"));
  Child next = start_on_host("next");
  expect_served(next, "next");
  end(next);
  EXPECT_TRUE(was_inline("next")) << read_file(dir_.file("next"));
}

TEST_F(PreloadContainer, ShimsMountedWritableThenRingfencectlShowsIt) {
  Child silent = start_in_container("silent");
  expect_served(silent, "silent");
  const auto shown = [&] { return agent_->ask("shims")["shims"].size(); };
  const std::size_t before = shown();

  Child told = start_in_container("told", "rw");
  expect_served(told, "told");

  EXPECT_EQ(shown(), before + 1);
}

}  // namespace
}  // namespace ringfence::live
