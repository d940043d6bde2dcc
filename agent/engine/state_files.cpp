// See state_files.hpp.
#include "agent/engine/state_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/core.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <memory>

#include "agent/engine/disk_advice.hpp"

namespace ringfence::agent::engine {
namespace {

// Says after the system's words what to do about them.
Error disk_error(const std::string& what, const std::string& dir, int os_errno = errno) {
  Error error = os_error(what, os_errno);
  switch (os_errno) {
    case ENOSPC:
    case EDQUOT:
    case EROFS:
    case EACCES:
    case EPERM:
      error.message += "; " + disk_advice(dir);
      break;
    default:
      break;
  }
  return error;
}

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

Status sync_dir(const std::string& path) {
  const Fd dir(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir.is_open() || ::fsync(dir.get()) != 0) return disk_error("fsync " + path, path);
  return Done{};
}

Status write_all(int fd, const std::string& bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return os_error("write");
    done += static_cast<std::size_t>(n);
  }
  return Done{};
}

}  // namespace

Status make_dir(const std::string& path) {
  if (::mkdir(path.c_str(), 0750) == 0) return sync_dir(parent_of(path));
  if (errno == ENOENT && parent_of(path) != path) {
    if (Status parent = make_dir(parent_of(path)); !parent) return parent;
    return make_dir(path);
  }
  if (errno != EEXIST) return disk_error("mkdir " + path, parent_of(path));
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return disk_error("stat " + path, parent_of(path));
  if (S_ISDIR(found.st_mode)) return Done{};
  return Error{path + " is no directory: remove it, or name another state_dir", ENOTDIR};
}

Result<int> lock_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return disk_error("open " + path, parent_of(path));
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (::fcntl(fd, F_OFD_SETLK, &whole) == 0) {
    // For the other one's message; the kernel tells no pid for this kind of lock.
    const std::string pid = std::to_string(::getpid()) + "\n";
    if (::ftruncate(fd, 0) == 0 && ::pwrite(fd, pid.data(), pid.size(), 0) >= 0) return fd;
    const Error error = disk_error("write " + path, parent_of(path));
    ::close(fd);
    return error;
  }
  const int os_errno = errno;
  char pid[16] = "";
  const bool is_taken = os_errno == EAGAIN || os_errno == EACCES;
  const ssize_t n = ::pread(fd, pid, sizeof pid - 1, 0);
  ::close(fd);
  if (!is_taken) return os_error("lock " + path, os_errno);
  const std::string digits(pid, n > 0 ? static_cast<std::size_t>(n) : 0);
  const std::string who = digits.substr(0, digits.find('\n'));
  return Error{
      fmt::format("{} is in use by another agent (pid {}): stop that one, or give this one "
                  "its own state_dir and instance",
                  parent_of(path), who.empty() ? "unknown" : who),
      os_errno};
}

Result<FileBytes> read_small_file(const std::string& path, std::size_t bytes_max) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open() && errno == ENOENT) return FileBytes{};
  if (!fd.is_open()) return disk_error("open " + path, parent_of(path));
  FileBytes file{true, std::string(bytes_max, '\0')};
  std::size_t done = 0;
  while (done < bytes_max) {
    const ssize_t n = ::read(fd.get(), file.bytes.data() + done, bytes_max - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return disk_error("read " + path, parent_of(path));
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  file.bytes.resize(done);
  return file;
}

Result<bool> has_entries(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), &::closedir);
  if (!dir && errno == ENOENT) return false;
  if (!dir) return disk_error("open " + path, parent_of(path));
  errno = 0;
  while (const dirent* entry = ::readdir(dir.get())) {
    if (std::string_view(entry->d_name) != "." && std::string_view(entry->d_name) != "..") {
      return true;
    }
  }
  if (errno != 0) return disk_error("read " + path, parent_of(path));
  return false;
}

Status replace_file(const std::string& dir, const std::string& name, const std::string& bytes) {
  const std::string path = dir + "/" + name;
  const std::string fresh = path + ".new";
  const Fd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
  if (!fd.is_open()) return disk_error("open " + fresh, dir);
  if (const Status written = write_all(fd.get(), bytes); !written) {
    return disk_error("write " + fresh, dir, written.error().os_errno);
  }
  if (::fsync(fd.get()) != 0) return disk_error("fsync " + fresh, dir);
  if (::rename(fresh.c_str(), path.c_str()) != 0) return disk_error("rename " + fresh, dir);
  return sync_dir(dir);
}

Result<std::string> make_aside_dir(const std::string& dir) {
  const std::string base =
      fmt::format("{}/damaged-{:%Y%m%dT%H%M%SZ}", dir, fmt::gmtime(std::time(nullptr)));
  constexpr int tries = 100;  // several in one second: a test, or a loop that a person should see
  for (int i = 0; i < tries; i++) {
    const std::string path = i == 0 ? base : fmt::format("{}-{}", base, i);
    if (::mkdir(path.c_str(), 0750) == 0) return path;
    if (errno != EEXIST) return disk_error("mkdir " + path, dir);
  }
  return Error{base + " and 99 like it exist: see why this state is damaged again and again",
               EEXIST};
}

Status move_into(const std::string& dir, const std::string& name, const std::string& target_dir) {
  const std::string from = dir + "/" + name;
  const std::string to = target_dir + "/" + name;
  if (::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT) {
    return disk_error("move " + from + " to " + to, dir);
  }
  if (Status status = sync_dir(target_dir); !status) return status;
  return sync_dir(dir);
}

Status fill_random(void* bytes, std::size_t count) {
  if (::getrandom(bytes, count, 0) != static_cast<ssize_t>(count)) return os_error("getrandom");
  return Done{};
}

std::uint64_t unix_time_us() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace ringfence::agent::engine
