#include "agent/discovery/text_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace ringfence::agent::discovery {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

Status write_all(int file, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return os_error("write " + path);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return Done{};
}

}  // namespace

Result<std::string> read_text(const std::string& path, std::size_t bytes_max) {
  // Not blocking: a pipe of that name must not stop the agent.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.number() < 0) return os_error("open " + path);
  struct stat found {};
  if (fstat(file.number(), &found) != 0) return os_error("look at " + path);
  if (!S_ISREG(found.st_mode)) return Error{path + " is no ordinary file", EINVAL};
  std::string text;
  char piece[65536];
  for (;;) {
    const ssize_t got = read(file.number(), piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error("read " + path);
    if (got == 0) return text;
    text.append(piece, static_cast<std::size_t>(got));
    if (text.size() > bytes_max) {
      return Error{fmt::format("{} is larger than {} bytes", path, bytes_max), EFBIG};
    }
  }
}

Status replace_text(const std::string& path, std::string_view text) {
  const std::string beside = path + ".new";
  const Descriptor file(
      open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (file.number() < 0) return os_error("create " + beside);
  if (Status written = write_all(file.number(), text, beside); !written) return written;
  if (std::rename(beside.c_str(), path.c_str()) != 0) return os_error("replace " + path);
  return Done{};
}

}  // namespace ringfence::agent::discovery
