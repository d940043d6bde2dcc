// A program of ours that stops itself at a certain moment, and goes on when it is told to.
#pragma once

#include <string>
#include <vector>

#include "tests/live/support/child.hpp"
#include "tests/live/support/temp_dir.hpp"

namespace ringfence::live {

class StandingProgram {
 public:
  // Returns once it stands still; throws with what it printed when it does not.
  explicit StandingProgram(std::vector<std::string> argv);
  // Lets it go on to its end; returns what it printed.
  std::string resume();

 private:
  TempDir dir_;
  std::string output_ = dir_.file("output");
  Child child_;
};

}  // namespace ringfence::live
