#include "shim/hints.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "shim/sockets.hpp"
#include "shm_layout/hint.hpp"

namespace ringfence::shim {

// A socket for each: trouble is rare, and a descriptor that is kept would have to survive forks.
void send_hint(const std::string& segment_path, std::uint16_t backend) noexcept {
  const int caller_errno = errno;
  try {
    const auto address = unix_address(shm_layout::hint_path(segment_path));
    const int fd = address ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
    if (fd >= 0) {
      shm_layout::Hint hint;
      hint.backend = backend;
      (void)sendto(fd, &hint, sizeof(hint), MSG_NOSIGNAL,
                   reinterpret_cast<const sockaddr*>(&address->storage), address->size);
      close(fd);
    }
  } catch (...) {  // no memory for a path: the next one may have some
  }
  errno = caller_errno;
}

}  // namespace ringfence::shim
