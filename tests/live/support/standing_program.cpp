#include "tests/live/support/standing_program.hpp"

#include <csignal>
#include <stdexcept>
#include <utility>

#include "tests/live/support/fleet.hpp"

namespace ringfence::live {

StandingProgram::StandingProgram(std::vector<std::string> argv) : child_(std::move(argv), output_) {
  if (wait_until([this] { return is_stopped(child_.pid()); })) return;
  throw std::runtime_error("the program did not stand still: " + read_file(output_));
}

std::string StandingProgram::resume() {
  child_.signal(SIGCONT);
  (void)child_.wait();
  return read_file(output_);
}

}  // namespace ringfence::live
