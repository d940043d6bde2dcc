// connect(): where an overlay begins.
#include <cerrno>

#include "shim/preload/interpose/exported.hpp"

namespace preload = ringfence::shim::preload;
namespace real = preload::real;

namespace {

[[gnu::constructor]] void find_functions() {
  real::find_all();
}

}  // namespace

RINGFENCE_EXPORTED int connect(int fd, const sockaddr* address, socklen_t size) {
  // A second call on one socket asks how far the first has come.
  preload::process().forget_replaced(fd);
  preload::Overlay* overlay = preload::process().find(address, size);
  const int caller_errno = errno;
  const int outcome = real::connect(fd, address, size);
  const bool is_known = preload::descriptors.is_known(fd);
  const bool is_begun = outcome == 0 || errno == EINPROGRESS;
  // A socket may be connected anew, to something else.
  if (is_begun && preload::process().is_of_another(fd, overlay)) preload::process().forget(fd);
  if (overlay == nullptr) return outcome;
  const bool is_refused = outcome != 0 && (errno == ECONNREFUSED || errno == ENOENT);
  if (is_refused && !is_known && preload::process().overlay_refused(fd, *overlay)) {
    errno = caller_errno;
    return 0;
  }
  if (is_begun) preload::process().overlay(fd, *overlay);
  return outcome;
}
