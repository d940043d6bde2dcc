// From a configuration to a mesh's settings: what is refused, and with which words.
#include "agent/mesh/settings.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "agent/config/config.hpp"
#include "agent/mesh/key_file.hpp"

namespace ringfence::agent::mesh {
namespace {

config::Config parsed(const std::string& mesh_section) {
  Result<config::Config> config = config::parse_config("[mesh]\n" + mesh_section, "f.toml");
  EXPECT_TRUE(config) << config.error().message;
  return config ? std::move(config).value() : config::Config{};
}

std::string error_of(const std::string& mesh_section) {
  const Result<MeshSettings> settings = mesh_settings(parsed(mesh_section));
  return settings ? "" : settings.error().message;
}

TEST(MeshSettings, KeyAndSeedsThenTaken) {
  const Result<MeshSettings> settings = mesh_settings(
      parsed("listen = \"10.0.0.5:7411\"\nseeds = [\"10.0.0.6:7411\"]\nkey_file = \"/k\"\n"));
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings.value().listen, "10.0.0.5:7411");
  EXPECT_EQ(settings.value().key_file, "/k");
  EXPECT_FALSE(settings.value().is_insecure);
}

TEST(MeshSettings, InsecureBesidesAKeyThenTheKeyWins) {
  const Result<MeshSettings> settings =
      mesh_settings(parsed("listen = \"127.0.0.1:1\"\ninsecure = true\nkey_file = \"/k\"\n"));
  ASSERT_TRUE(settings);
  EXPECT_FALSE(settings.value().is_insecure);
}

TEST(MeshSettings, SeedsWithoutAnyProofThenError) {
  EXPECT_NE(
      error_of("listen = \"10.0.0.5:7411\"\nseeds = [\"a:1\"]\n").find("openssl rand -hex 32"),
      std::string::npos);
}

TEST(MeshSettings, SeedsWithoutListenThenError) {
  EXPECT_NE(error_of("seeds = [\"a:1\"]\nkey_file = \"/k\"\n").find("mesh.seeds needs mesh.listen"),
            std::string::npos);
}

TEST(MeshSettings, NothingOfAMeshThenError) {
  EXPECT_NE(error_of("").find("fleet of one"), std::string::npos);
}

TEST(MeshSettings, AWildcardWithoutAdvertiseThenError) {
  EXPECT_NE(error_of("listen = \"0.0.0.0:7411\"\nkey_file = \"/k\"\n").find("mesh.advertise"),
            std::string::npos);
  EXPECT_NE(error_of("listen = \"[::]:7411\"\nkey_file = \"/k\"\n").find("mesh.advertise"),
            std::string::npos);
  EXPECT_NE(error_of("listen = \"10.0.0.5:1\"\nadvertise = \"0.0.0.0:1\"\nkey_file = \"/k\"\n")
                .find("mesh.advertise is 0.0.0.0:1"),
            std::string::npos);
  EXPECT_EQ(error_of("listen = \"[::]:7411\"\nadvertise = \"me:7411\"\nkey_file = \"/k\"\n"), "");
}

TEST(MeshSettings, AdvertisedThenThatElseWhereItListens) {
  EXPECT_EQ(advertised_address(parsed("listen = \"[::]:7411\"\nadvertise = \"me:9\"\n")).value(),
            "me:9");
  EXPECT_EQ(advertised_address(parsed("listen = \"10.0.0.5:7411\"\n")).value(), "10.0.0.5:7411");
}

class KeyFile : public testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::temp_directory_path() / ("mesh-key-" + std::to_string(getpid()));
  }
  void TearDown() override { std::filesystem::remove(path_); }
  [[nodiscard]] Result<MeshKey> load(const std::string& text, mode_t mode = 0600,
                                     const std::string& cluster = "c") {
    std::ofstream(path_, std::ios::trunc) << text;
    chmod(path_.c_str(), mode);
    return load_mesh_key(path_, cluster);
  }
  [[nodiscard]] std::string error_of(const std::string& text, mode_t mode = 0600) {
    const Result<MeshKey> key = load(text, mode);
    return key ? "" : key.error().message;
  }
  std::string path_;
};

const std::string good = "3f8a1c0d5b7e9246a1d0c3b5e7f92468135792468ace0bdf13579bdf02468ace";

TEST_F(KeyFile, AsOpensslMakesItThenTakenWithOrWithoutNewline) {
  const Result<MeshKey> key = load(good + "\n", 0640);
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(key.value(), load(good).value());
}

TEST_F(KeyFile, SameFileInAnotherClusterThenAnotherKey) {
  EXPECT_NE(load(good, 0600, "a").value(), load(good, 0600, "b").value());
}

TEST_F(KeyFile, TooShortThenErrorWithTheCommand) {
  EXPECT_NE(error_of(good.substr(0, 63)).find("openssl rand -hex 32"), std::string::npos);
  EXPECT_NE(error_of("").find("too weak"), std::string::npos);
  EXPECT_NE(error_of(std::string(42, 'z') + "\n").find("too weak"), std::string::npos);
}

TEST_F(KeyFile, OneLetterAThousandTimesThenTooWeak) {
  EXPECT_NE(error_of(std::string(1000, 'a')).find("too weak"), std::string::npos);
}

TEST_F(KeyFile, OthersMayReadItThenError) {
  EXPECT_NE(error_of(good, 0644).find("chmod o= "), std::string::npos);
}

TEST_F(KeyFile, TooLongAbsentOrADirectoryThenError) {
  EXPECT_NE(error_of(std::string(5000, 'k')).find("more than 4096 bytes"), std::string::npos);
  EXPECT_NE(load_mesh_key("/nowhere/key", "c").error().message.find("No such file"),
            std::string::npos);
  EXPECT_NE(load_mesh_key("/tmp", "c").error().message.find("no regular file"), std::string::npos);
}

}  // namespace
}  // namespace ringfence::agent::mesh
