// connect(): where an overlay begins.
#include <cerrno>

#include "shim/preload/interpose/exported.hpp"

namespace preload = ringfence::shim::preload;
namespace real = preload::real;

RINGFENCE_EXPORTED int connect(int fd, const sockaddr* address, socklen_t size) {
  // A second call on one socket asks how far the first has come.
  preload::process().forget_replaced(fd);
  preload::Overlay* overlay =
      preload::descriptors.is_known(fd) ? nullptr : preload::process().find(address, size);
  const int outcome = real::connect(fd, address, size);
  if (overlay == nullptr) return outcome;
  if (outcome != 0 && (errno == ECONNREFUSED || errno == ENOENT)) {
    const int refusal = errno;
    if (preload::process().overlay_refused(fd, *overlay)) return 0;
    errno = refusal;
  }
  if (outcome != 0 && errno != EINPROGRESS) return outcome;
  const int reason = errno;
  preload::process().overlay(fd, *overlay);
  errno = reason;
  return outcome;
}
