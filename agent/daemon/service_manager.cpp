#include "agent/daemon/service_manager.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>

namespace ringfence::agent::daemon {

void notify_service_manager(std::string_view state) {
  const char* found = std::getenv("NOTIFY_SOCKET");
  if (found == nullptr) return;
  const std::string_view path = found;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() < 2 || path.size() >= sizeof(address.sun_path)) return;
  path.copy(address.sun_path, path.size());
  if (path.front() == '@') address.sun_path[0] = '\0';  // the abstract namespace
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  // Lost is lost: the manager asks for signs of life often enough.
  static_cast<void>(sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
                           reinterpret_cast<const sockaddr*>(&address), size));
  close(fd);
}

std::uint64_t watchdog_interval_us() {
  const char* found = std::getenv("WATCHDOG_USEC");
  if (found == nullptr || std::getenv("NOTIFY_SOCKET") == nullptr) return 0;
  const std::string_view text = found;
  std::uint64_t interval_us = 0;
  std::from_chars(text.data(), text.data() + text.size(), interval_us);
  return interval_us;
}

}  // namespace ringfence::agent::daemon
