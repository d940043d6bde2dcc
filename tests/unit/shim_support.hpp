// What the tests of the processes' counters share: a directory with a segment's name in it, files
// as a process would make them, and children to be such processes.
#pragma once

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/shims/shim_files.hpp"
#include "shim/counters/shim_counters.hpp"
#include "tests/unit/segment_support.hpp"

namespace ringfence::testing {

// In a child: a process's counters last as long as it does.
inline int exit_code_of(const std::function<int()>& work) {
  const pid_t child = fork();
  if (child == 0) _exit(work());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

inline std::size_t files_in(const std::string& directory) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory)) ++count;
  return count;
}

// A segment directory whose agent has started.
struct ShimHost {
  ShimHost() : files(directory.path()) {
    const Status made = files.make_directory();
    if (!made) std::abort();
  }
  [[nodiscard]] std::string segment(const std::string& pool = "default") const {
    return directory.file("test." + pool);
  }
  [[nodiscard]] agent::shims::ShimListing list(const std::string& pool = "default") const {
    return files.list({"test." + pool});
  }
  [[nodiscard]] std::size_t file_count() const { return files_in(files.directory()); }

  shm_layout::testing::TempDirectory directory;
  agent::shims::ShimFiles files;
};

// A child that runs `work` and then waits; killed at the end, if it was not before.
class ShimProcess {
 public:
  explicit ShimProcess(const std::function<void()>& work) {
    int ready[2] = {};
    if (pipe(ready) != 0) std::abort();
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);  // not to outlive a test that is killed
      work();
      close(ready[0]);
      (void)!write(ready[1], "r", 1);
      for (;;) pause();
    }
    close(ready[1]);
    char byte = 0;
    is_ready_ = read(ready[0], &byte, 1) == 1;
    close(ready[0]);
  }
  ~ShimProcess() { kill(); }
  ShimProcess(const ShimProcess&) = delete;
  ShimProcess& operator=(const ShimProcess&) = delete;

  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool is_ready() const { return is_ready_; }

 private:
  pid_t pid_ = 0;
  bool is_ready_ = false;
};

}  // namespace ringfence::testing
