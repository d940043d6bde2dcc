// README's two programs of the linked client, as a reader would try them: taken from the text,
// compiled against an installed tree, once with pkg-config and once with the CMake package, and
// run.
#include <gtest/gtest.h>
#include <algorithm>

#include "tests/live/support/client_support.hpp"
#include "tests/live/support/fleet.hpp"

namespace ringfence::live {
namespace {

constexpr Milliseconds build_limit{100'000};  // of one compiler run, on a busy machine

// The first block of `language` in README's section "The linked client".
std::string program_in_readme(const std::string& language) {
  const std::string readme = read_file(source("README.md"));
  const std::string fence = "```" + language + "\n";
  const std::size_t section = readme.find("\n## The linked client\n");
  const std::size_t begin = readme.find(fence, section);
  const std::size_t end = readme.find("\n```\n", begin);
  if (section == std::string::npos || end == std::string::npos) {
    throw std::runtime_error("README's section 'The linked client' has no program in " + language);
  }
  return readme.substr(begin + fence.size(), end + 1 - begin - fence.size());
}

std::size_t line_count(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// What the commands printed is only of interest when they fail.
void run_or_fail(const std::string& command) {
  const RunOutcome outcome = run({"sh", "-euc", command}, build_limit);
  ASSERT_EQ(outcome.exit_code, 0) << command << "\n" << outcome.output;
}

class ClientReadme : public testing::Test {
 protected:
  // README's words, in a tree of the reader's own.
  void SetUp() override {
    write_file(dir_.file("program.c"), program_in_readme("c"));
    write_file(dir_.file("program.cpp"), program_in_readme("cpp"));
    run_or_fail("cmake --install '" + build_dir() + "' --prefix '" + prefix() + "'");
    agent_.wait_ready();
  }
  [[nodiscard]] static std::string build_dir() { return program("") + "/.."; }
  [[nodiscard]] std::string prefix() const { return dir_.file("usr"); }

  // In the installed tree, as a shell finds it: its name differs between distributions.
  [[nodiscard]] std::string folder_of(const std::string& file) const {
    return "$(dirname \"$(find '" + prefix() + "' -name " + file + ")\")";
  }

  void expect_both_run() {
    const std::string in_tree = "LD_LIBRARY_PATH=\"" + folder_of("libringfence.so") +
                                "\" RINGFENCE_SEGMENT='" + agent_.segment() + "' ";
    const RunOutcome in_c = run({"sh", "-c", in_tree + dir_.file("program_c")});
    EXPECT_EQ(in_c.exit_code, 0);
    EXPECT_EQ(in_c.output, "Ada\n");
    const RunOutcome in_cpp = run({"sh", "-c", in_tree + dir_.file("program_cpp")});
    EXPECT_EQ(in_cpp.exit_code, 0);
    EXPECT_TRUE(in_cpp.output == "Ada\n0: Grace\n1: a miss\n" ||
                in_cpp.output == "Ada\n1: a miss\n0: Grace\n")
        << in_cpp.output;
  }

  // Those that this tree was built with, as cc and c++: a sanitizer's run time is its compiler's
  // own.
  [[nodiscard]] std::string compilers() const {
    const std::string bin = dir_.file("bin");
    return "mkdir -p '" + bin + "' && ln -sf '" RINGFENCE_TEST_CC "' '" + bin +
           "/cc' && ln -sf '" RINGFENCE_TEST_CXX "' '" + bin + "/c++' && PATH='" + bin +
           "':$PATH && export PATH; unset CC CXX; ";
  }

  TempDir dir_;
  std::vector<Memcached> memcacheds_ = start_memcacheds(2);
  Agent agent_{impatient(memcacheds_)};
};

TEST_F(ClientReadme, ProgramsAreShort) {
  EXPECT_LE(line_count(program_in_readme("c")), 14U);
  EXPECT_LE(line_count(program_in_readme("cpp")), 14U);
}

TEST_F(ClientReadme, CompiledWithPkgConfigThenBothRun) {
  // README's own lines, in the reader's tree.
  const std::string readme = read_file(source("README.md"));
  const std::string in_c = "cc program.c -o program $(pkg-config --cflags --libs ringfence)";
  const std::string in_cpp =
      "c++ -std=c++17 program.cpp -o program $(pkg-config --cflags --libs ringfence)";
  ASSERT_NE(readme.find(in_c), std::string::npos);
  ASSERT_NE(readme.find(in_cpp), std::string::npos);
  const std::string prelude = compilers() + "cd '" + dir_.path() + "'; export PKG_CONFIG_PATH=\"" +
                              folder_of("ringfence.pc") + "\"; ";
  run_or_fail(prelude + in_c + " -Wall -Wextra -Wpedantic -Werror" + RINGFENCE_TEST_LINK_FLAGS +
              "; mv program program_c");
  run_or_fail(prelude + in_cpp + " -Wall -Wextra -Wpedantic -Werror" + RINGFENCE_TEST_LINK_FLAGS +
              "; mv program program_cpp");
  expect_both_run();
}

TEST_F(ClientReadme, CompiledWithTheCmakePackageThenBothRun) {
  const std::string readme = read_file(source("README.md"));
  ASSERT_NE(readme.find("find_package(ringfence REQUIRED)"), std::string::npos);
  ASSERT_NE(readme.find("target_link_libraries(program PRIVATE ringfence::ringfence)"),
            std::string::npos);
  write_file(dir_.file("CMakeLists.txt"),
             "cmake_minimum_required(VERSION 3.16)\n"
             "project(reader C CXX)\n"
             "find_package(ringfence REQUIRED)\n"
             "foreach(language c cpp)\n"
             "  add_executable(program_${language} program.${language})\n"
             "  target_link_libraries(program_${language} PRIVATE ringfence::ringfence)\n"
             "endforeach()\n"
             "target_compile_features(program_cpp PRIVATE cxx_std_17)\n");
  run_or_fail(compilers() + "cd '" + dir_.path() +
              "'; cmake -G Ninja -S . -B build -DCMAKE_PREFIX_PATH='" + prefix() +
              "' -DCMAKE_EXE_LINKER_FLAGS='" + RINGFENCE_TEST_LINK_FLAGS +
              "'; cmake --build build; mv build/program_c build/program_cpp .");
  expect_both_run();
}

}  // namespace
}  // namespace ringfence::live
