#include "tests/sim/seeds.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

namespace ringfence::sim {
namespace {

std::string command;  // of the seed that runs

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): one thread
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void say_command(int /*signal*/) {
  // What it says is all that can be done about a failed write.
  const ssize_t written = write(STDERR_FILENO, command.data(), command.size());
  (void)written;
}

}  // namespace

Seeds seeds_to_run(Seeds otherwise, bool are_large) {
  const std::uint64_t only = number_from("RINGFENCE_SIM_SEED", 0);
  if (only != 0) return {only, 1};
  const char* count = are_large ? "RINGFENCE_SIM_LARGE_COUNT" : "RINGFENCE_SIM_COUNT";
  return {otherwise.first, number_from(count, otherwise.count)};
}

bool is_traced() {
  return number_from("RINGFENCE_SIM_TRACE", 0) != 0;
}

std::string replay_of(std::uint64_t seed) {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  std::error_code failure;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", failure);
  return "\nreplay: RINGFENCE_SIM_TRACE=1 RINGFENCE_SIM_SEED=" + std::to_string(seed) + " " +
         (failure ? "build/bin/sim_tests" : program.string()) +
         " --gtest_filter=" + test->test_suite_name() + "." + test->name() + "\n";
}

ReplayOnAbort::ReplayOnAbort(std::uint64_t seed) {
  command = replay_of(seed);
  (void)std::signal(SIGABRT, say_command);
}

ReplayOnAbort::~ReplayOnAbort() {
  (void)std::signal(SIGABRT, SIG_DFL);
}

}  // namespace ringfence::sim
