// Whole files: the examples people copy, and every error that is about more than one value.
#include "agent/config/config.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace ringfence::agent::config {
namespace {

using core::operator""_ms;
using core::operator""_s;

Config parsed(const std::string& text) {
  Result<Config> config = parse_config(text, "f.toml");
  EXPECT_TRUE(config) << config.error().message;
  return config ? std::move(config).value() : Config{};
}

std::string error_of(const std::string& text) {
  const Result<Config> config = parse_config(text, "f.toml");
  EXPECT_FALSE(config);
  return config ? "" : config.error().message;
}

TEST(Config, NoFileThenFleetOfOneWithABackendThatNobodyNamed) {
  const Config config = default_config();

  ASSERT_EQ(config.pools.size(), 1U);
  EXPECT_EQ(config.pools[0].name, "default");
  EXPECT_EQ(config.pools[0].listen, std::vector<std::string>{"127.0.0.1:11210"});
  ASSERT_EQ(config.pools[0].backends.size(), 1U);
  EXPECT_EQ(config.pools[0].backends[0].address, "127.0.0.1:11211");
  EXPECT_EQ(config.pools[0].backends[0].named_by, core::NamedBy::nobody);
  EXPECT_EQ(config.state_dir, "/var/lib/ringfence");
}

TEST(Config, EmptyFileThenSameAsNoFile) {
  EXPECT_EQ(show_config(parsed("")), show_config(default_config()));
}

TEST(Config, MeshAndNoPoolThenThePoolHasNoBackendOfItsOwn) {
  const Config config = parsed("[mesh]\nlisten = \"10.0.0.1:1\"\n");

  ASSERT_EQ(config.pools.size(), 1U);
  EXPECT_TRUE(config.pools[0].backends.empty());
}

TEST(Config, WitnessWithSeedsThenTaken) {
  EXPECT_EQ(parsed("[mesh]\nrole = \"witness\"\nseeds = [\"a:1\"]\n").mesh.role, "witness");
}

TEST(Config, EveryKeySetThenEveryFieldHoldsIt) {
  const Config config = parsed(R"(
cluster = "blue"
instance = "two"
state_dir = "/a"
segment_dir = "/b"
segment_group = "web"
io_threads = 3
[mesh]
listen = "127.0.0.1:7411"
advertise = "Here.Example:7411"
seeds = ["10.0.0.6:7411", "[::0001]:7411"]
zone = "east"
forget_after = "90s"
cert_file = "/c"
private_key_file = "/p"
ca_file = "/ca"
insecure = true
[control]
listen = "/run/x.sock"
[lease]
length = "4s"
margin = "20ms"
[log]
level = "debug"
[[pool]]
name = "p"
listen = ["[::0001]:11210", "/run/p.sock"]
backends = ["10.0.0.5:11211", "Cache.Example:11211   weight=2", "/run/m.sock weight=3"]
announce = ["10.0.0.5:1 weight=4"]
backends_file = "/f"
backends_exec = ["/x", "--all"]
exec_interval = "16s"
exec_timeout = "17s"
backends_dns = ["Cache.Example:2 weight=5"]
dns_servers = ["10.0.0.2:53", "[::0001]:53"]
dns_ttl_min = "18s"
dns_ttl_max = "19m"
tags = false
hash_tag = "<>"
flush_all = "refuse"
admit_unflushed = true
on_lease_loss = "serve"
grace = "1s"
hold_down = "2s"
hold_down_max = "3s"
hold_down_forget = "4m"
eviction_burst = 5
eviction_refill = "6s"
admission_burst = 7
admission_refill = "8s"
floor_percent = 9
partial_patience = "16s"
probe_interval = "10ms"
probe_timeout = "11ms"
connect_timeout = "12ms"
request_timeout = "13ms"
change_wait = "14ms"
max_connections = 15
get_failure = "error"
store_failure = "error"
preload_connections = 16
)");

  EXPECT_EQ(show_config(config),
            "cluster=blue instance=two state_dir=/a segment_dir=/b segment_group=web io_threads=3 "
            "mesh=127.0.0.1:7411 advertise=here.example:7411 seeds=10.0.0.6:7411,[::1]:7411, key= "
            "cert=/c private=/p ca=/ca insecure=true role=auto zone=east forget_after=90s "
            "control=/run/x.sock "
            "lease=4s/20ms log=debug\n"
            "pool p listen=[::1]:11210,/run/p.sock, "
            "backends=10.0.0.5:11211*1,cache.example:11211*2,/run/m.sock*3, tags=false "
            "hash_tag=<> flush_all=false admit_unflushed=true serve=true "
            "announce=10.0.0.5:1*4, file=/f exec=/x,--all, every 16s for 17s "
            "dns=cache.example:2*5, of 10.0.0.2:53,[::1]:53, ttl=18s/19m grace=1s "
            "hold_down=2s/3s/4m eviction=5/6s admission=7/8s floor=9 patience=16s probe=10ms/11ms "
            "connect=12ms "
            "request=13ms change_wait=14ms max_connections=15 get_failure=error "
            "store_failure=error preload_connections=16\n");
}

TEST(Config, OnlyPoolWithoutListenThenDefaultAddress) {
  const Config config = parsed("[[pool]]\nname = \"a\"\n");
  EXPECT_EQ(config.pools[0].listen, std::vector<std::string>{"127.0.0.1:11210"});
  EXPECT_TRUE(config.pools[0].backends.empty());
}

TEST(Config, SeveralPoolsWithoutListenThenNoneListens) {
  const Config config = parsed("[[pool]]\nname = \"a\"\n[[pool]]\nname = \"b\"\n");
  EXPECT_TRUE(config.pools[0].listen.empty());
  EXPECT_TRUE(config.pools[1].listen.empty());
}

TEST(Config, EmptyListenOfOnlyPoolThenItStaysEmpty) {
  EXPECT_TRUE(parsed("[[pool]]\nlisten = []\n").pools[0].listen.empty());
}

TEST(Config, BackendsOfAFileThenNamedByConfiguration) {
  const Config config = parsed("[[pool]]\nbackends = [\"a:1\"]\n");
  EXPECT_EQ(config.pools[0].backends[0].named_by, core::NamedBy::configuration);
}

TEST(Config, SeveralListensWithPortZeroThenAccepted) {
  EXPECT_EQ(
      parsed("[[pool]]\nlisten = [\"127.0.0.1:0\", \"127.0.0.1:0\"]\n").pools[0].listen.size(), 2U);
}

struct Mistake {
  const char* name;
  std::string text;
  std::string error;
};
class ConfigMistake : public testing::TestWithParam<Mistake> {};

TEST_P(ConfigMistake, FoundThenErrorSaysWhereAndWhat) {
  EXPECT_EQ(error_of(GetParam().text), GetParam().error);
}

const Mistake mistakes[] = {
    {"UnknownKey", "cluster = \"a\"\nstatedir = \"/x\"\n",
     "f.toml:2: unknown key \"statedir\"; did you mean \"state_dir\"?"},
    {"UnknownKeyOfPool", "[[pool]]\nname = \"a\"\nbackend = []\n",
     "f.toml:3: unknown key \"backend\" in [pool]; did you mean \"backends\"?"},
    {"UnknownKeyLikeNone", "[lease]\ncolour = 1\n",
     "f.toml:2: unknown key \"colour\" in [lease]; known are length, margin"},
    {"UnknownSection", "[leese]\nlength = \"2s\"\n",
     "f.toml:1: unknown key \"leese\"; did you mean \"lease\"?"},
    {"FirstMistakeIsTold", "zcluster = \"x\"\nainstance = \"y\"\n",
     "f.toml:1: unknown key \"zcluster\"; did you mean \"cluster\"?"},
    {"SectionAsValue", "mesh = 1\n", "f.toml:1: mesh is a section: write it as [mesh]"},
    {"PoolInSingleBrackets", "[pool]\nname = \"a\"\n",
     "f.toml:1: pool is a list of sections: write each as [[pool]], in double brackets"},
    {"PoolsAsWords", "pool = [\"a\"]\n", "f.toml:1: write each pool as [[pool]]"},
    {"DurationWithoutQuotes", "[lease]\nlength = 2\n",
     "f.toml:2: lease.length = 2 has no unit: write \"2ms\" or \"2s\", in quotes (100ms to 1m)"},
    {"DurationWithoutUnit", "[lease]\nlength = \"2\"\n",
     "f.toml:2: lease.length: \"2\" has no unit: write ms, s, m or h, as in \"100ms\" or \"2s\""},
    {"DurationOfOtherUnit", "[lease]\nlength = \"2 s\"\n",
     "f.toml:2: lease.length: \"2 s\" has an unknown unit \" s\": write ms, s, m or h, as in "
     "\"100ms\" or \"2s\""},
    {"DurationBeyond64Bits", "[lease]\nlength = \"9999999999999999h\"\n",
     "f.toml:2: lease.length = 9999999999999999h is out of bounds: 100ms to 1m"},
    {"MarginTooLong", "[lease]\nlength = \"200ms\"\nmargin = \"50ms\"\n",
     "f.toml:3: lease.margin (50ms) must be below a quarter of lease.length (200ms): a lease is "
     "renewed every quarter"},
    {"ChoiceMisspelt", "[log]\nlevel = \"warn\"\n",
     "f.toml:2: log.level = \"warn\" is not one of debug | info | warning | error"},
    {"ChoiceNearlyRight", "[log]\nlevel = \"debig\"\n",
     "f.toml:2: log.level = \"debig\" is not one of debug | info | warning | error; did you mean "
     "\"debug\"?"},
    {"RelativePath", "state_dir = \"var\"\n",
     "f.toml:1: state_dir: \"var\" is no absolute path: it begins with '/'"},
    {"NameWithDot", "cluster = \"a.b\"\n",
     "f.toml:1: cluster: \"a.b\" is no name: 1 to 63 of A-Z a-z 0-9 _ -"},
    {"NameTooLong", "instance = \"" + std::string(64, 'a') + "\"\n",
     "f.toml:1: instance: \"" + std::string(64, 'a') + "\" is no name: 1 to 63 of A-Z a-z 0-9 _ -"},
    {"SeedIsAPath", "[mesh]\nseeds = [\"/run/a.sock\"]\n",
     "f.toml:2: mesh.seeds: \"/run/a.sock\" is a path: agents reach each other over the network, "
     "at "
     "host:port"},
    {"ZoneIsNoName", "[mesh]\nzone = \"rack 1\"\n",
     "f.toml:2: mesh.zone: \"rack 1\" is no name: 1 to 63 of A-Z a-z 0-9 _ -"},
    {"Witness", "[mesh]\nrole = \"witness\"\n",
     "f.toml:2: mesh.role = \"witness\" needs other agents to vote with, and without mesh.seeds "
     "this "
     "is a fleet of one: give mesh.seeds, or remove the line"},
    {"KeyAndCertificate", "[mesh]\nkey_file = \"/k\"\ncert_file = \"/c\"\n",
     "f.toml:3: mesh.key_file and mesh.cert_file exclude each other: keep one"},
    {"CertificateAlone", "[mesh]\nca_file = \"/c\"\n",
     "f.toml:2: mesh.cert_file, mesh.private_key_file and mesh.ca_file go together: give all "
     "three"},
    {"InsecureBeyondLoopback", "[mesh]\nlisten = \"10.0.0.1:1\"\ninsecure = true\n",
     "f.toml:3: mesh.insecure = true is for loopback alone, and mesh.listen is 10.0.0.1:1: give "
     "mesh.key_file, or listen on 127.0.0.1"},
    {"BackendOfAFleetOnLoopback",
     "[mesh]\nlisten = \"10.0.0.1:1\"\n[[pool]]\nbackends = [\"10.0.0.1:2\",\n\"127.0.0.1:2\"]\n",
     "f.toml:5: backend 127.0.0.1:2 is another memcached on each host of a fleet: give the address "
     "at which all hosts reach it (mesh.listen is 10.0.0.1:1)"},
    {"BackendOfAFleetOnLocalhost",
     "[mesh]\nlisten = \"10.0.0.1:1\"\n[[pool]]\nbackends = [\"localhost:2\"]\n",
     "f.toml:4: backend localhost:2 is another memcached on each host of a fleet: give the address "
     "at which all hosts reach it (mesh.listen is 10.0.0.1:1)"},
    {"PoolTwice", "[[pool]]\nname = \"a\"\n[[pool]]\nname = \"a\"\n",
     "f.toml:3: pool \"a\" stands twice (first in line 1): give each its own name"},
    {"BackendTwice", "[[pool]]\nbackends = [\n\"A:1\",\n\"a:1 weight=2\"]\n",
     "f.toml:4: backend a:1 stands twice in pool \"default\" (first in line 3): remove one"},
    {"BackendInTwoPools",
     "[[pool]]\nname = \"a\"\nbackends = [\"m:1\"]\n[[pool]]\nname = \"b\"\n"
     "backends = [\"n:1\",\n\"M:1\"]\n",
     "f.toml:7: backend m:1 of pool \"b\" is one of pool \"a\" already, and a memcached serves "
     "one pool: remove one, or start another memcached"},
    {"ListenTwice",
     "[[pool]]\nname = \"a\"\nlisten = [\"127.0.0.1:5\"]\n[[pool]]\nname = \"b\"\n"
     "listen = [\"127.0.0.1:5\"]\n",
     "f.toml:6: 127.0.0.1:5 is listened on twice (pool \"a\" has it already): remove one"},
    {"HoldDownAboveItsMax", "[[pool]]\nhold_down = \"2s\"\nhold_down_max = \"1s\"\n",
     "f.toml:3: pool.hold_down_max (1s) is below pool.hold_down (2s)"},
    {"HoldDownAboveDefaultMax", "[[pool]]\nhold_down = \"2m\"\n",
     "f.toml:2: pool.hold_down_max (1m) is below pool.hold_down (2m)"},
    {"HashTagOfOne", "[[pool]]\nhash_tag = \"{\"\n",
     "f.toml:2: pool.hash_tag: \"{\" is no hash tag: two printable characters that open and close "
     "it, as in \"{}\", or empty for none"},
    {"ListenOnAName", "[[pool]]\nlisten = [\"localhost:11210\"]\n",
     "f.toml:2: pool.listen: \"localhost:11210\" is no address: a port is opened on a literal "
     "address, not a name; write \"10.0.0.5:11211\", \"[::1]:11211\" or an absolute path such as "
     "\"/run/m.sock\""},
    {"NumberAmongBackends", "[[pool]]\nbackends = [\"a:1\",\n11211]\n",
     "f.toml:3: pool.backends is a list of strings, not a whole number: at most 1024, each "
     "host:port or an absolute path, then perhaps weight=N (1 to 1000)"},
    {"ControlOnTcp", "[control]\nlisten = \"127.0.0.1:1\"\n",
     "f.toml:2: control.listen: \"127.0.0.1:1\" is no absolute path: it begins with '/'"},
};
INSTANTIATE_TEST_SUITE_P(Every, ConfigMistake, testing::ValuesIn(mistakes),
                         [](const auto& test) { return test.param.name; });

TEST(Config, TextThatIsNoTomlThenErrorNamesTheLine) {
  EXPECT_EQ(error_of("cluster = \"a\"\n\nnonsense\n").find("f.toml:3: not TOML: "), 0U);
}

TEST(Config, KeyTwiceThenErrorNamesTheLine) {
  EXPECT_EQ(error_of("cluster = \"a\"\ncluster = \"b\"\n").find("f.toml:2: not TOML: "), 0U);
}

TEST(Config, MorePoolsThanAllowedThenErrorSaysHowMany) {
  std::string text;
  for (int i = 0; i < 17; i++) text += fmt::format("[[pool]]\nname = \"p{}\"\n", i);
  EXPECT_EQ(error_of(text), "f.toml:33: 17 pools: at most 16 are allowed");
}

TEST(Config, MissingFileThenErrorNamesIt) {
  const Result<Config> config = load_config("/nonexistent/ringfence.toml");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().os_errno, ENOENT);
  EXPECT_NE(config.error().message.find("open /nonexistent/ringfence.toml"), std::string::npos);
}

TEST(Config, DirectoryAsFileThenErrorNamesIt) {
  const Result<Config> config = load_config("/");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().os_errno, EISDIR);
}

TEST(Config, FileOnDiskThenReadWithItsPath) {
  const std::string path =
      (std::filesystem::temp_directory_path() / fmt::format("ringfence-{}.toml", ::getpid()))
          .string();
  std::ofstream(path) << "cluster = \"disk\"\n";

  const Result<Config> config = load_config(path);

  std::filesystem::remove(path);
  ASSERT_TRUE(config);
  EXPECT_EQ(config.value().cluster, "disk");
  EXPECT_EQ(config.value().path, path);
}

TEST(Config, HugeFileThenRefused) {
  const std::string path =
      (std::filesystem::temp_directory_path() / fmt::format("ringfence-{}.big", ::getpid()))
          .string();
  std::ofstream(path) << std::string(5UL * 1024 * 1024, '#');

  const Result<Config> config = load_config(path);

  std::filesystem::remove(path);
  ASSERT_FALSE(config);
  EXPECT_NE(config.error().message.find("it is no configuration"), std::string::npos);
}

TEST(ConfigReload, OnlyPoolsChangedThenNoRestart) {
  EXPECT_TRUE(needs_restart(parsed(""), parsed("[[pool]]\nname = \"b\"\n")).empty());
  EXPECT_TRUE(needs_restart(parsed(""), parsed("[log]\nlevel = \"debug\"\n")).empty());
}

TEST(ConfigReload, EachFixedKeyChangedThenNamed) {
  const char* changes[][2] = {
      {"cluster", "cluster = \"b\""},
      {"instance", "instance = \"b\""},
      {"state_dir", "state_dir = \"/b\""},
      {"segment_dir", "segment_dir = \"/b\""},
      {"segment_group", "segment_group = \"b\""},
      {"io_threads", "io_threads = 2"},
      {"mesh.listen", "[mesh]\nlisten = \"127.0.0.1:1\""},
      {"mesh.key_file", "[mesh]\nkey_file = \"/b\""},
      {"mesh.insecure", "[mesh]\ninsecure = true"},
      {"control.listen", "[control]\nlisten = \"/b\""},
      {"lease.length", "[lease]\nlength = \"3s\""},
      {"lease.margin", "[lease]\nmargin = \"60ms\""},
  };
  for (const auto& [key, text] : changes) {
    const std::vector<std::string> found = needs_restart(parsed(""), parsed(text));
    ASSERT_EQ(found.size(), 1U) << key;
    EXPECT_EQ(found[0], fmt::format("{} was changed and takes effect at the next start", key));
  }
}

}  // namespace
}  // namespace ringfence::agent::config
