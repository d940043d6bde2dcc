// What changes how a descriptor behaves: the overlay behaves so too.
#include <netinet/in.h>

#include <cstdarg>

#include "shim/preload/early_watches.hpp"
#include "shim/preload/interpose/exported.hpp"
#include "shim/preload/times.hpp"

namespace preload = ringfence::shim::preload;
namespace real = preload::real;
using preload::CalledSession;

RINGFENCE_EXPORTED int setsockopt(int fd, int level, int name, const void* value,
                                  socklen_t size) noexcept {
  const int outcome = real::setsockopt(fd, level, name, value, size);
  if (outcome != 0 || level != SOL_SOCKET || size < sizeof(timeval)) return outcome;
  if (name != SO_RCVTIMEO && name != SO_SNDTIMEO) return outcome;
  const CalledSession session(fd);
  if (!session) return outcome;
  const std::int64_t ns = preload::ns_of(static_cast<const timeval*>(value));
  if (name == SO_RCVTIMEO) {
    session->set_receive_timeout(ns);
  } else {
    session->set_send_timeout(ns);
  }
  return outcome;
}

// Its third argument, where there is one, fits a pointer.
RINGFENCE_EXPORTED int fcntl(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) {
    if (const CalledSession session{fd}) session->leave_to_agent(preload::Way::copied);
  }
  const int outcome = real::fcntl(fd, command, argument);
  if (command == F_SETFL && outcome == 0) {
    const auto flags = static_cast<int>(reinterpret_cast<std::intptr_t>(argument));
    if (const CalledSession session{fd}) session->set_nonblocking((flags & O_NONBLOCK) != 0);
  }
  return outcome;
}

RINGFENCE_EXPORTED int fcntl64(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  return fcntl(fd, command, argument);
}

RINGFENCE_EXPORTED int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list arguments;
  va_start(arguments, request);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  if (request == FIONREAD) {
    const CalledSession session(fd);
    if (session) {
      const std::size_t count = session->readable_bytes();
      if (count > 0) {
        *static_cast<int*>(argument) = static_cast<int>(count);
        return 0;
      }
    }
  }
  const int outcome = real::ioctl(fd, request, argument);
  if (request == FIONBIO && outcome == 0) {
    if (const CalledSession session{fd}) {
      session->set_nonblocking(*static_cast<const int*>(argument) != 0);
    }
  }
  return outcome;
}

RINGFENCE_EXPORTED int shutdown(int fd, int how) noexcept {
  if (const CalledSession session{fd}) session->shut_down(how);
  return real::shutdown(fd, how);
}

RINGFENCE_EXPORTED int epoll_ctl(int epoll_fd, int operation, int fd, epoll_event* event) noexcept {
  const CalledSession session(fd);
  if (!session) {
    const int outcome = real::epoll_ctl(epoll_fd, operation, fd, event);
    if (outcome == 0) preload::early_watches.note(epoll_fd, operation, fd, event);
    return outcome;
  }
  return session->watch(epoll_fd, operation, event);
}

// A library that is loaded with RTLD_DEEPBIND (PHP's extensions) would find libc's functions before
// ours. The jump, in place of a call, leaves the caller the caller, whose search path counts.
RINGFENCE_EXPORTED void* dlopen(const char* file, int mode) noexcept {
  const int taken_back = preload::process().is_wanted() ? RTLD_DEEPBIND : 0;
  return real::dlopen.get()(file, mode & ~taken_back);
}
