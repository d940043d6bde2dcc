#include "tests/live/support/child.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "tests/live/support/temp_dir.hpp"

namespace ringfence::live {
namespace {

constexpr int exit_cannot_run = 127;  // as a shell says it

// After fork: only calls that are safe between fork and exec.
[[noreturn]] void become(char* const* argv, int output_fd, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) {
    _exit(exit_cannot_run);  // the test died before prctl
  }
  dup2(output_fd, STDOUT_FILENO);
  dup2(output_fd, STDERR_FILENO);
  const int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(null_fd, STDIN_FILENO);
  execvp(argv[0], argv);
  _exit(exit_cannot_run);
}

}  // namespace

Child::Child(std::vector<std::string> argv, const std::string& output_path) {
  std::vector<char*> pointers;
  pointers.reserve(argv.size() + 1);
  for (std::string& argument : argv) {
    pointers.push_back(argument.data());
  }
  pointers.push_back(nullptr);
  const int output_fd =
      open(output_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);  // NOLINT
  if (output_fd < 0) {
    throw std::system_error(errno, std::generic_category(), "open " + output_path);
  }
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) {
    become(pointers.data(), output_fd, parent);
  }
  const int fork_errno = errno;
  close(output_fd);
  if (pid_ < 0) {
    throw std::system_error(fork_errno, std::generic_category(), "fork for " + argv[0]);
  }
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), status_(std::exchange(other.status_, {})) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    end();
    pid_ = std::exchange(other.pid_, -1);
    status_ = std::exchange(other.status_, {});
  }
  return *this;
}

Child::~Child() {
  end();
}

bool Child::is_running() {
  return pid_ > 0 && !wait(Milliseconds{0});
}

void Child::signal(int number) const {
  if (pid_ > 0 && !status_) {
    kill(pid_, number);
  }
}

void Child::stop() const {
  signal(SIGSTOP);
  const std::string tasks = "/proc/" + std::to_string(pid_) + "/task";
  const bool is_stopped = wait_until([&] {
    using std::filesystem::directory_iterator;
    return std::all_of(directory_iterator{tasks}, directory_iterator{}, [](const auto& thread) {
      return read_file(thread.path().string() + "/stat").find(") T ") != std::string::npos;
    });
  });
  if (!is_stopped) throw std::runtime_error("process " + std::to_string(pid_) + " does not stop");
}

std::optional<int> Child::wait(Milliseconds limit) {
  const auto has_ended = [this] {
    int status = 0;
    if (!status_ && waitpid(pid_, &status, WNOHANG) == pid_) {
      status_ = status;
    }
    return status_.has_value();
  };
  (void)wait_until(has_ended, limit, Milliseconds{2});
  return status_;
}

void Child::kill_and_wait() {
  signal(SIGKILL);
  if (!wait()) {
    throw std::runtime_error("process " + std::to_string(pid_) + " outlived SIGKILL");
  }
}

void Child::end() noexcept {
  if (pid_ > 0 && !status_) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
}

RunOutcome run(std::vector<std::string> argv, Milliseconds limit) {
  const TempDir dir;
  const std::string output_path = dir.file("output");
  Child child(std::move(argv), output_path);
  const std::optional<int> status = child.wait(limit);
  RunOutcome outcome;
  outcome.output = read_file(output_path);
  if (status && WIFEXITED(*status)) {
    outcome.exit_code = WEXITSTATUS(*status);
  }
  return outcome;
}

std::string program(const std::string& name) {
  return std::string(RINGFENCE_TEST_BIN_DIR) + "/" + name;
}

std::string library(const std::string& name) {
  return std::string(RINGFENCE_TEST_LIB_DIR) + "/" + name;
}

std::string source(const std::string& name) {
  return std::string(RINGFENCE_TEST_SOURCE_DIR) + "/" + name;
}

}  // namespace ringfence::live
