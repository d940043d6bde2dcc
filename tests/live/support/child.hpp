// A process that a test started: ended by its own pid, also when the test itself dies.
// One thread uses a Child, and that thread must live as long as the child is wanted: the kernel
// ends the child with the thread that started it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/live/support/wait.hpp"

namespace ringfence::live {

class Child {
 public:
  // Starts `argv`; stdout and stderr are appended to `output_path`.
  Child(std::vector<std::string> argv, const std::string& output_path);
  ~Child();  // SIGKILL, and waits
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool is_running();
  void signal(int number) const;  // does nothing once it ended
  void stop() const;  // SIGSTOP, which takes each thread at a moment of its own; waits for the last
  // Its wait status, or nothing if it has not ended by then.
  std::optional<int> wait(Milliseconds limit = patience);
  void kill_and_wait();

 private:
  void end() noexcept;

  pid_t pid_ = -1;
  std::optional<int> status_;
};

// The outcome of a program that was run to its end.
struct RunOutcome {
  int exit_code = -1;  // -1: killed by a signal or not ended within the limit
  std::string output;  // stdout and stderr
};
[[nodiscard]] RunOutcome run(std::vector<std::string> argv, Milliseconds limit = patience);

// Where the programs under test were built, and the sources they came from.
[[nodiscard]] std::string program(const std::string& name);  // build/bin/<name>
[[nodiscard]] std::string library(const std::string& name);  // build/lib/<name>
[[nodiscard]] std::string source(const std::string& name);   // <top>/<name>

}  // namespace ringfence::live
