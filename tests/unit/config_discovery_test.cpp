// The keys that say where backends come from.
#include <gtest/gtest.h>

#include "agent/config/config.hpp"

namespace ringfence::agent::config {
namespace {

std::string error_of(const std::string& line, const std::string& before = "") {
  const Result<Config> config = parse_config(before + "[[pool]]\n" + line + "\n", "f");
  return config ? "" : config.error().message;
}

bool says(const std::string& error, const std::string& part) {
  return error.find(part) != std::string::npos;
}

TEST(ConfigDiscovery, EachSourceThenItIsRead) {
  const Result<Config> config = parse_config(
      "[[pool]]\nannounce = [\"10.0.0.5:11211 weight=2\"]\nbackends_file = \"/etc/b\"\n"
      "backends_exec = [\"/bin/list\", \"--all\"]\nexec_interval = \"1m\"\nexec_timeout = \"5s\"\n"
      "backends_dns = [\"Cache.Example:11211 weight=3\"]\ndns_servers = [\"10.0.0.2:53\"]\n"
      "dns_ttl_min = \"1s\"\ndns_ttl_max = \"2m\"\n",
      "f");

  ASSERT_TRUE(config) << config.error().message;
  const DiscoveryConfig& from = config.value().pools[0].discovery;
  EXPECT_EQ(from.announce.at(0).weight, 2U);
  EXPECT_EQ(from.file, "/etc/b");
  EXPECT_EQ(from.exec, (std::vector<std::string>{"/bin/list", "--all"}));
  EXPECT_EQ(from.exec_interval.ns, 60'000'000'000);
  EXPECT_EQ(from.dns.at(0).address, "cache.example:11211");
  EXPECT_EQ(from.dns.at(0).weight, 3U);
  EXPECT_EQ(from.dns_servers, (std::vector<std::string>{"10.0.0.2:53"}));
  EXPECT_EQ(from.dns_ttl_max.ns, 120'000'000'000);
}

TEST(ConfigDiscovery, EachSourceChangedThenAReloadSeesIt) {
  const std::string none = show_config(parse_config("[[pool]]\n", "f").value());
  for (const char* line :
       {"announce = [\"a:1\"]", "backends_file = \"/b\"", "backends_exec = [\"/b\"]",
        "exec_interval = \"1s\"", "exec_timeout = \"1s\"", "backends_dns = [\"a:1\"]",
        "dns_servers = [\"10.0.0.2:53\"]", "dns_ttl_min = \"1s\"", "dns_ttl_max = \"2m\""}) {
    const Result<Config> config = parse_config(std::string("[[pool]]\n") + line + "\n", "f");
    ASSERT_TRUE(config) << line;
    EXPECT_NE(show_config(config.value()), none) << line;
  }
}

TEST(ConfigDiscovery, FileThatIsNoAbsolutePathThenErrorSaysSo) {
  EXPECT_TRUE(
      says(error_of("backends_file = \"b\""), "f:2: pool.backends_file: \"b\" is no absolute"));
  EXPECT_TRUE(says(error_of("backends_file = \"/b/\""), "names a directory"));
}

TEST(ConfigDiscovery, CommandWithoutAPathOrWithAnEmptyWordThenErrorSaysHow) {
  EXPECT_TRUE(says(error_of("backends_exec = [\"list --all\"]"), "runs without a shell"));
  EXPECT_TRUE(says(error_of("backends_exec = [\"/bin/list\", \"\"]"), "an empty word"));
}

TEST(ConfigDiscovery, NameThatIsAnAddressThenErrorSaysWhereAddressesGo) {
  for (const char* name : {"10.0.0.5:1", "[::1]:1", "/run/m.sock"}) {
    EXPECT_TRUE(says(error_of(std::string("backends_dns = [\"") + name + "\"]"), "`backends`"))
        << name;
  }
}

TEST(ConfigDiscovery, ServerThatIsNoIpAndPortThenErrorSaysSo) {
  EXPECT_TRUE(says(error_of("dns_servers = [\"ns.example:53\"]"), "not a name"));
  EXPECT_TRUE(says(error_of("dns_servers = [\"10.0.0.2:0\"]"), "is no DNS server"));
  EXPECT_TRUE(says(error_of("dns_servers = [\"/run/dns\"]"), "is no DNS server"));
}

TEST(ConfigDiscovery, LoopbackAnnouncedInAFleetThenErrorNamesTheLine) {
  const std::string mesh =
      "[mesh]\nlisten = \"10.0.0.5:7411\"\nseeds = [\"10.0.0.6:7411\"]\nkey_file = \"/k\"\n";

  EXPECT_TRUE(says(error_of("announce = [\"127.0.0.1:11211\"]", mesh), "f:6: backend 127.0.0.1"));
  EXPECT_EQ(error_of("announce = [\"10.0.0.5:11211\"]", mesh), "");
}

}  // namespace
}  // namespace ringfence::agent::config
