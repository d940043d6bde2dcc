// Making, locking and leaving the file; see counter_file.hpp.
#include "shim/counters/counter_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "shm_layout/clock.hpp"

namespace ringfence::shim::counters {
namespace {

using shm_layout::ShimCountersFile;

constexpr mode_t file_mode = 0644;  // the agent, another user, reads it
// A try fails when the agent looks at the new file between its making and its lock.
constexpr int try_count = 4;

void copy_text(char* to, std::size_t bytes, const char* text) noexcept {
  const std::size_t length = strnlen(text, bytes - 1);
  std::memcpy(to, text, length);
  to[length] = '\0';
}

const char* file_name_of(const char* path) noexcept {
  const char* slash = std::strrchr(path, '/');
  return slash == nullptr ? path : slash + 1;
}

// The whole file, for as long as the description is open in any process.
bool lock_for_life(int fd) noexcept {
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  return fcntl(fd, F_OFD_SETLK, &range) == 0;
}

// A file beyond the process's limit would not be an error but SIGXFSZ, which ends the program.
bool is_size_allowed() noexcept {
  rlimit limit{};
  return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur >= sizeof(ShimCountersFile);
}

}  // namespace

ShimCountersFile* CounterFile::open(const char* segment_path, shm_layout::ShimKind kind) noexcept {
  const int caller_errno = errno;
  bool is_open = is_size_allowed() && make_path(segment_path) && make_locked_file();
  if (is_open && !fill(segment_path, kind)) {
    remove();
    is_open = false;
  }
  errno = caller_errno;  // a count that has no file is no error of the caller's
  return is_open ? mapping_ : nullptr;
}

bool CounterFile::make_path(const char* segment_path) noexcept {
  const char* name = file_name_of(segment_path);
  const auto directory_bytes = static_cast<int>(name - segment_path);
  const int length = std::snprintf(path_.data(), path_.size(), "%.*s%s/", directory_bytes,
                                   segment_path, shm_layout::shim_directory_name);
  directory_bytes_ = static_cast<std::size_t>(length);
  return length > 0 && directory_bytes_ < path_.size() && *name != '\0';
}

bool CounterFile::make_locked_file() noexcept {
  owner_ = getpid();
  for (int attempt = 0; attempt < try_count; ++attempt) {
    // Any number that other processes of this pid (each container has a 1) do not take at once.
    const auto number = static_cast<unsigned long long>(shm_layout::boottime_ns());
    const std::size_t room = path_.size() - directory_bytes_;
    const int length =
        std::snprintf(path_.data() + directory_bytes_, room, "%d-%llx%s", static_cast<int>(owner_),
                      number, shm_layout::shim_file_suffix.data());
    if (length < 0 || static_cast<std::size_t>(length) >= room) return false;
    const int fd =
        ::open(path_.data(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, file_mode);
    if (fd < 0 && errno == EEXIST) continue;
    if (fd < 0) return false;
    // Relaxed: for forget_in_child(), which runs in the same thread or in one that it copied.
    fd_.store(fd, std::memory_order_relaxed);
    struct stat status {};
    if (lock_for_life(fd) && fstat(fd, &status) == 0 && status.st_nlink == 1) {
      device_ = status.st_dev;
      inode_ = status.st_ino;
      return true;
    }
    remove();
  }
  return false;
}

bool CounterFile::fill(const char* segment_path, shm_layout::ShimKind kind) noexcept {
  const int fd = fd_.load(std::memory_order_relaxed);
  if (fchmod(fd, file_mode) != 0 ||  // whatever the umask is
      ftruncate(fd, sizeof(ShimCountersFile)) != 0 || !reserve(0, shm_layout::shim_page_bytes)) {
    return false;
  }
  const int fixed = mapping_ == nullptr ? 0 : MAP_FIXED;
  void* mapped =
      mmap(mapping_, sizeof(ShimCountersFile), PROT_READ | PROT_WRITE, MAP_SHARED | fixed, fd, 0);
  if (mapped == MAP_FAILED) return false;
  mapping_ = static_cast<ShimCountersFile*>(mapped);
  shm_layout::ShimIdentity& identity = mapping_->identity;
  identity.major = shm_layout::shim_counters_major;
  identity.minor = shm_layout::shim_counters_minor;
  identity.kind = static_cast<std::uint32_t>(kind);
  identity.file_bytes = sizeof(ShimCountersFile);
  identity.stripe_offset = offsetof(ShimCountersFile, stripes);
  identity.stripe_count = shm_layout::shim_stripe_count;
  identity.backend_offset = offsetof(ShimCountersFile, backends);
  identity.backend_count = shm_layout::backend_count_max;
  identity.backend_bytes = sizeof(shm_layout::ShimBackend);
  identity.bucket_count = shm_layout::latency_bucket_count;
  identity.pid = static_cast<std::uint32_t>(owner_);
  identity.started_unix_ns = static_cast<std::uint64_t>(shm_layout::read_clock_ns(CLOCK_REALTIME));
  copy_text(identity.process, sizeof(identity.process), program_invocation_short_name);
  copy_text(identity.segment, sizeof(identity.segment), file_name_of(segment_path));
  identity.magic = shm_layout::shim_counters_magic;
  // Release: who copies the page and finds the word finds the rest; see read_shim_head.
  identity.ready.store(shm_layout::ready_word, std::memory_order_release);
  return true;
}

bool CounterFile::reserve(std::size_t offset, std::size_t bytes) const noexcept {
  // Relaxed: set before the counters were handed out.
  const int fd = fd_.load(std::memory_order_relaxed);
  if (fd < 0) return true;
  const int caller_errno = errno;
  const bool is_reserved =
      is_ours(fd) && fallocate(fd, 0, static_cast<off_t>(offset), static_cast<off_t>(bytes)) == 0;
  errno = caller_errno;
  return is_reserved;
}

// A program that closes every descriptor it does not know (daemons do) closes this one too, and may
// have another file under its number by now.
bool CounterFile::is_ours(int fd) const noexcept {
  struct stat status {};
  return fstat(fd, &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
}

void CounterFile::close_fd() noexcept {
  const int fd = fd_.exchange(-1, std::memory_order_relaxed);  // one thread, as above
  const bool is_new = inode_ == 0;
  if (fd >= 0 && (is_new || is_ours(fd))) close(fd);
  device_ = 0;
  inode_ = 0;
}

void CounterFile::make_mapping_private() noexcept {
  if (mapping_ == nullptr) return;
  // In place: the address stays good at every moment. Should it fail, the old mapping stays, and
  // nobody is told of it any more.
  (void)mmap(mapping_, sizeof(ShimCountersFile), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

void CounterFile::forget_in_child() noexcept {
  close_fd();
  make_mapping_private();
  owner_ = 0;
}

void CounterFile::remove() noexcept {
  const bool is_own = owner_ != 0 && owner_ == getpid();
  if (is_own && fd_.load(std::memory_order_relaxed) >= 0) unlink(path_.data());
  close_fd();
  make_mapping_private();
  owner_ = is_own ? owner_ : 0;
}

}  // namespace ringfence::shim::counters
