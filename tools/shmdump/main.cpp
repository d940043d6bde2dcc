// shmdump: shows a segment. Reads; never maps, never writes.
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "shm_layout/segment_list.hpp"
#include "tools/shmdump/cli.hpp"

namespace {

constexpr std::chrono::milliseconds refresh_interval(500);  // what an eye follows

}  // namespace

int main(int argument_count, char** arguments) {
  const char* named = std::getenv("RINGFENCE_SEGMENT");
  const ringfence::shmdump::Surroundings surroundings{
      std::cout,
      std::cerr,
      isatty(STDOUT_FILENO) == 1,
      ringfence::shm_layout::default_segment_directory,
      named == nullptr ? "" : named,
      [] {
        std::this_thread::sleep_for(refresh_interval);
        return true;
      }};
  return ringfence::shmdump::run(argument_count, arguments, surroundings);
}
