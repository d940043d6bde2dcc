// See disk_advice.hpp.
#include "agent/engine/disk_advice.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace ringfence::agent::engine {

std::string disk_advice(const std::string& dir) {
  struct statvfs disk {};
  if (::statvfs(dir.c_str(), &disk) != 0) {
    return fmt::format("{} cannot be looked at ({}): mend it, or name another state_dir", dir,
                       std::strerror(errno));
  }
  if ((disk.f_flag & ST_RDONLY) != 0) {
    return fmt::format("{} is mounted read-only: mount it writable, or name another state_dir",
                       dir);
  }
  if (::faccessat(AT_FDCWD, dir.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    return fmt::format(
        "{} is not writable by user {}: give it to that user, or name another "
        "state_dir",
        dir, ::geteuid());
  }
  const unsigned long free_mib = disk.f_bavail * disk.f_frsize / (1024UL * 1024);
  if (free_mib < disk_free_mib_min) {
    return fmt::format("{} has {} MiB free: make it at least {}, or name another state_dir", dir,
                       free_mib, disk_free_mib_min);
  }
  return fmt::format("{} has {} MiB free and is writable: see the kernel's log for its disk", dir,
                     free_mib);
}

}  // namespace ringfence::agent::engine
