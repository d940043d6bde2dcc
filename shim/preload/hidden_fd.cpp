#include "shim/preload/hidden_fd.hpp"

#include <sys/resource.h>

#include "shim/preload/descriptors.hpp"
#include "shim/preload/early_watches.hpp"
#include "shim/preload/real.hpp"

namespace ringfence::shim::preload {

constinit Descriptors descriptors;
constinit EarlyWatches early_watches;

namespace {

// Above what shells, servers and select() use; below the 1,024 that a process has by default.
constexpr int first_hidden_fd = 512;

// A copy of `fd` high up; -1 when there is no room.
int copy_high(int fd) noexcept {
  const int copy = real::fcntl(fd, F_DUPFD_CLOEXEC, first_hidden_fd);
  if (copy >= 0) return copy;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > first_hidden_fd) return -1;
  return real::fcntl(fd, F_DUPFD_CLOEXEC, static_cast<int>(limit.rlim_cur / 4 * 3));
}

}  // namespace

bool HiddenFd::adopt(int fd) noexcept {
  const int copy = copy_high(fd);
  real::close(fd);
  if (copy < 0) return false;
  if (!Descriptors::is_in_table(copy)) {
    real::close(copy);
    return false;
  }
  fd_.store(copy, std::memory_order_relaxed);
  descriptors.put(copy, this);
  return true;
}

void HiddenFd::close() noexcept {
  const int fd = fd_.exchange(-1, std::memory_order_relaxed);
  if (fd < 0) return;
  descriptors.clear(fd);
  real::close(fd);
}

bool HiddenFd::move_away() noexcept {
  const int fd = get();
  const int copy = real::fcntl(fd, F_DUPFD_CLOEXEC, fd + 1);
  descriptors.clear(fd);
  if (copy < 0 || !Descriptors::is_in_table(copy)) {
    if (copy >= 0) real::close(copy);
    fd_.store(-1, std::memory_order_relaxed);
    return false;
  }
  fd_.store(copy, std::memory_order_relaxed);
  descriptors.put(copy, this);
  return true;
}

}  // namespace ringfence::shim::preload
