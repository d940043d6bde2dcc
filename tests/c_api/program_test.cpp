// Runs the C program against a real segment: the header compiles as C and the library links to C.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>

#include "tests/unit/route_support.hpp"

namespace ringfence::shim {
namespace {

struct Outcome {
  int exit_code = -1;
  std::string output;
};

Outcome run_program(const std::string& arguments) {
  const std::string command = std::string(RINGFENCE_C_PROGRAM) + " " + arguments + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  Outcome outcome;
  char line[512];
  while (pipe != nullptr && fgets(line, sizeof line, pipe) != nullptr) outcome.output += line;
  const int status = pipe == nullptr ? -1 : pclose(pipe);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

TEST(CProgram, KeysGivenThenEachIsRoutedToItsBackend) {
  const shm_layout::testing::TempDirectory directory;
  testing::RoutedSegment segment(directory.file("fleet.default"));
  const std::string backend = shm_layout::testing::whole_backend(1).text;

  const Outcome outcome = run_program(directory.file("fleet.default") + " a b");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.output, "a: " + backend + " a~xyB\nb: " + backend + " b~xyB\n");
}

TEST(CProgram, LeaseEndedThenItSaysSo) {
  const shm_layout::testing::TempDirectory directory;
  testing::RoutedSegment segment(directory.file("fleet.default"));
  segment->store_deadline(0);
  const Outcome outcome = run_program(directory.file("fleet.default") + " a");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.output, "a: lease lapsed: the agent is gone, hung or cut off\n");
}

TEST(CProgram, NoSegmentThenNothingToAttachTo) {
  const shm_layout::testing::TempDirectory directory;
  EXPECT_EQ(run_program(directory.file("fleet.default") + " a").exit_code, 2);
}

}  // namespace
}  // namespace ringfence::shim
