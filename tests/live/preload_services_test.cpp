// Preloaded services as README sets them up: php-fpm, whose master forks workers of another user.
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/live/support/fleet.hpp"
#include "tests/live/support/preloaded.hpp"

namespace ringfence::live {
namespace {

constexpr const char* user = "www-data";
constexpr std::uint64_t gets = 200;

// Debian names it by its version.
std::string php_fpm() {
  for (const auto& entry : std::filesystem::directory_iterator("/usr/sbin")) {
    if (entry.path().filename().string().starts_with("php-fpm")) return entry.path();
  }
  return {};
}

class PreloadPhpFpm : public testing::Test {
 protected:
  void SetUp() override {
    fpm_ = php_fpm();
    const passwd* known = getpwnam(user);
    if (geteuid() != 0) GTEST_SKIP() << "only root starts workers of another user";
    if (fpm_.empty() || known == nullptr) GTEST_SKIP() << "php-fpm is not installed";
    if (access("/usr/bin/cgi-fcgi", X_OK) != 0) GTEST_SKIP() << "cgi-fcgi is not installed";
    expect_preloaded();
    uid_ = known->pw_uid;
    memcacheds_ = start_memcacheds(2);
    AgentSettings settings = impatient(memcacheds_);
    settings.top_lines = std::string("segment_group = \"") + user + "\"\n";
    agent_ = std::make_unique<Agent>(settings);
    agent_->wait_ready();
    const std::filesystem::path segment = agent_->segment();
    for (const std::string& directory : {dir_.path(), segment.parent_path().string()}) {
      ASSERT_EQ(chmod(directory.c_str(), 0755), 0);
    }
  }

  // With the environment that php-fpm comes with: its workers have none but what is named here.
  [[nodiscard]] Child start() const {
    write_file(dir_.file("fpm.conf"),
               "[global]\nerror_log = " + dir_.file("log") + "\n[www]\nuser = " + user +
                   "\nlisten = " + dir_.file("sock") +
                   "\npm = static\npm.max_children = 2\nenv[RINGFENCE_SEGMENT] = " +
                   agent_->segment() + "\n");
    const std::string address = agent_->port_address();
    write_file(dir_.file("app.php"),
               "<?php $m = new Memcached(); $m->addServer('127.0.0.1', " +
                   address.substr(address.rfind(':') + 1) +
                   "); $m->set('k', 'v'); $hits = 0;"
                   "for ($i = 0; $i < " +
                   std::to_string(gets) +
                   "; $i++) $hits += $m->get('k') === 'v' ? 1 : 0; echo \"hits $hits\\n\";");
    return Child({fpm_, "-y", dir_.file("fpm.conf"), "-F"}, dir_.file("out"));
  }
  [[nodiscard]] std::string ask() const {
    return run({"/usr/bin/env", "SCRIPT_FILENAME=" + dir_.file("app.php"), "REQUEST_METHOD=GET",
                "cgi-fcgi", "-bind", "-connect", dir_.file("sock")})
        .output;
  }
  [[nodiscard]] std::uint64_t gets_through_port() const { return agent_->client().stat("cmd_get"); }

  std::string fpm_;
  uid_t uid_ = 0;
  std::vector<Memcached> memcacheds_;
  std::unique_ptr<Agent> agent_;
  TempDir dir_;
};

TEST_F(PreloadPhpFpm, RequestsThenInlineAndItsWorkersAreShown) {
  Child fpm = start();
  ASSERT_TRUE(wait_until([&] { return access(dir_.file("sock").c_str(), F_OK) == 0; }))
      << read_file(dir_.file("log"));
  EXPECT_NE(ask().find("hits " + std::to_string(gets)), std::string::npos);  // opens connections
  const std::uint64_t before = gets_through_port();

  const std::string page = ask();

  EXPECT_NE(page.find("hits " + std::to_string(gets)), std::string::npos) << page;
  EXPECT_LE(gets_through_port() - before, gets / 10);
  std::uint64_t requests = 0;
  const auto shims = agent_->ask("shims");
  for (const auto& shim : shims["shims"]) {
    if (shim["uid"] == uid_) requests += shim["requests"].get<std::uint64_t>();
  }
  EXPECT_EQ(requests, 2 * (gets + 1)) << shims.dump();
  fpm.signal(SIGTERM);
  EXPECT_EQ(fpm.wait(), 0);
}

}  // namespace
}  // namespace ringfence::live
