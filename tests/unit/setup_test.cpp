// tools/setup derives the backports suite from a machine's own apt sources; here on made-up ones.
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <fstream>

#include "tests/unit/engine_support.hpp"

namespace ringfence {
namespace {

class Setup : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(dir_.path() + "/sources.list.d");
    write("os-release", "NAME=Debian\nVERSION_CODENAME=bookworm\n");
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(dir_.path() + "/" + name) << text;
  }
  // What it prints, on both streams, and its exit code at the end.
  [[nodiscard]] std::string print_backports() const {
    const std::string command = fmt::format(
        "RINGFENCE_APT_DIR='{0}' RINGFENCE_OS_RELEASE='{0}/os-release' '{1}/tools/setup' "
        "--print-backports 2>&1",
        dir_.path(), RINGFENCE_TEST_SOURCE_DIR);
    std::FILE* pipe = ::popen(command.c_str(), "r");
    std::string text;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
    return text + std::to_string(WEXITSTATUS(::pclose(pipe)));
  }

  agent::engine::test::TempDir dir_;
};

TEST_F(Setup, Deb822SourceThenSameMirrorAndKey) {
  write("sources.list.d/debian.sources",
        "Types: deb\nURIs: http://security.example/debian-security\nSuites: bookworm-security\n"
        "Components: main\n\n"
        "# the mirror\nTypes: deb deb-src\nURIs: http://mirror.example/debian\n"
        "Suites: bookworm bookworm-updates\nComponents: main contrib\n"
        "Signed-By: /usr/share/keyrings/k.gpg\n");
  EXPECT_EQ(print_backports(),
            "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm-backports\n"
            "Components: main\nSigned-By: /usr/share/keyrings/k.gpg\n0");
}

TEST_F(Setup, KeyInsideTheSourceThenCopiedWhole) {
  write("sources.list.d/debian.sources",
        "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\n"
        "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n"
        " -----END PGP PUBLIC KEY BLOCK-----\n");
  EXPECT_NE(print_backports().find("Signed-By: \n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n"
                                   " -----END PGP PUBLIC KEY BLOCK-----\n0"),
            std::string::npos)
      << print_backports();
}

TEST_F(Setup, OneLineSourceThenSameMirrorAndKey) {
  write("sources.list",
        "# deb http://commented.example/debian bookworm main\n"
        "deb-src http://source.example/debian bookworm main\n"
        "deb http://contrib.example/debian bookworm contrib\n"
        "deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm main # ours\n");
  EXPECT_EQ(print_backports(),
            "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm-backports\n"
            "Components: main\nSigned-By: /k.gpg\n0");
}

TEST_F(Setup, DisabledOrOtherSuiteAloneThenErrorSaysWhereItLooked) {
  write("sources.list.d/a.sources",
        "Enabled: no\nTypes: deb\nURIs: http://a.example/debian\nSuites: bookworm\n"
        "Components: main\n");
  write("sources.list.d/b.list", "deb http://b.example/debian bookworm-updates main\n");
  const std::string printed = print_backports();
  EXPECT_NE(printed.find("no source of bookworm's main was found in " + dir_.path()),
            std::string::npos)
      << printed;
  EXPECT_EQ(printed.back(), '1');
}

TEST_F(Setup, OtherSystemThenErrorNamesIt) {
  write("os-release", "VERSION_CODENAME=jammy\n");
  const std::string printed = print_backports();
  EXPECT_NE(printed.find("no Debian 12 or 13 (VERSION_CODENAME is 'jammy'"), std::string::npos)
      << printed;
}

}  // namespace
}  // namespace ringfence
