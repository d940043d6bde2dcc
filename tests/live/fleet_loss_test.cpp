// A fleet that loses more than one agent: voters, its quorum, a disk.
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/live/support/agents.hpp"

namespace ringfence::live {
namespace {

using nlohmann::json;

TEST(FleetLoss, TwoOfFiveVotersKilledThenTheOthersAgreeAndTheyReturn) {
  Agents agents(5);
  agents.wait_agreed();
  const std::size_t leader = agents.leader();
  const std::size_t follower = agents.follower();

  agents.kill(leader);
  agents.kill(follower);
  agents.memcacheds()[0].kill();

  agents.wait_agreed(5, 1);
  expect_one_cache(agents, "k");
  agents.start(leader);
  agents.start(follower);
  agents.wait_agreed(5, 1);
  expect_one_cache(agents, "k");
}

// Two of three are gone: nobody renews the third's lease.
class NoQuorum : public testing::Test {
 protected:
  void start_and_lose_two(const std::string& pool_lines) {
    agents_->set_pool_lines(pool_lines);
    for (std::size_t i = 0; i < agents_->size(); ++i) agents_->start(i);
    agents_->wait_agreed();
    TextClient client = first().client();
    set_until_stored(client, "k", "v");
    agents_->kill(1);
    agents_->kill(2);
    const auto has_lapsed = [&] { return first().ask("status").value("lease_left_ms", 1) <= 0; };
    ASSERT_TRUE(wait_until(has_lapsed)) << first().ask("status").dump();
  }
  void return_two() {
    agents_->start(1);
    agents_->start(2);
    agents_->wait_agreed();
    TextClient client = first().client();
    set_until_stored(client, "k", "v2");
  }

  [[nodiscard]] Agent& first() { return (*agents_)[0]; }

  std::unique_ptr<Agents> agents_ = Agents::not_started(3);
};

TEST_F(NoQuorum, LeaseLapsesThenGetsMissAndWritesFailUntilTheOthersReturn) {
  start_and_lose_two("");

  TextClient client = first().client();
  EXPECT_EQ(client.get("k"), std::nullopt);
  EXPECT_NE(client.set("k", "lost"), "STORED");
  return_two();
}

TEST_F(NoQuorum, LeaseLapsesAndThePoolServesThenGetsHitAndWritesFail) {
  start_and_lose_two("on_lease_loss = \"serve\"\n");

  TextClient client = first().client();
  EXPECT_EQ(client.get("k"), "v");
  EXPECT_NE(client.set("k", "lost"), "STORED");
  EXPECT_NE(client.ask("delete k"), "DELETED");
  EXPECT_EQ(client.get("k"), "v");
  return_two();
}

// A file system of its own over a folder, while this lives.
class SmallDisk {
 public:
  explicit SmallDisk(std::string path) : path_(std::move(path)) {
    is_mounted_ = ::mount("none", path_.c_str(), "tmpfs", 0, "size=64m") == 0;
  }
  ~SmallDisk() {
    if (is_mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  [[nodiscard]] bool is_mounted() const { return is_mounted_; }
  void fill() const {
    std::ofstream filler(path_ + "/filler");
    const std::string block(1 << 12, 'f');
    while (filler.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  void make_room() const { std::filesystem::remove(path_ + "/filler"); }

 private:
  std::string path_;
  bool is_mounted_ = false;
};

TEST(FleetLoss, DiskFullAtTheLeaderThenItSaysSoTheOthersGoOnAndItReturns) {
  Agents agents(3);
  agents.wait_agreed();
  const std::size_t victim = agents.leader();
  EXPECT_EQ(agents.terminate(victim), 0);
  const TempDir kept;
  const auto all = std::filesystem::copy_options::recursive;
  std::filesystem::copy(agents[victim].state_dir(), kept.path() + "/state", all);
  const SmallDisk disk(agents[victim].state_dir());
  if (!disk.is_mounted()) GTEST_SKIP() << "no mounts allowed here";
  std::filesystem::copy(kept.path() + "/state", agents[victim].state_dir(), all);
  agents.start(victim);
  agents.wait_agreed();
  for (int tries = 0; agents.leader() != victim && tries < 10; ++tries) {
    const std::size_t leader = agents.leader();
    EXPECT_EQ(agents.terminate(leader), 0);
    agents.start(leader);
    agents.wait_agreed();
  }
  ASSERT_EQ(agents.leader(), victim);

  disk.fill();
  agents.memcacheds()[0].kill();
  agents.expect_ended(victim);
  EXPECT_NE(agents[victim].log().find("has 0 MiB free"), std::string::npos) << agents[victim].log();

  agents.wait_agreed(3, 1);
  expect_one_cache(agents, "k");
  disk.make_room();
  agents.start(victim);
  agents.wait_agreed(3, 1);
  expect_one_cache(agents, "k");
}

}  // namespace
}  // namespace ringfence::live
