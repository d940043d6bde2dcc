// Everything that ends or copies a descriptor. The preload's own are not there for the application:
// it neither closes them by accident nor takes their number from under us.
#include <sys/syscall.h>

#include <cerrno>
#include <climits>
#include <cstdarg>

#include "shim/preload/early_watches.hpp"
#include "shim/preload/interpose/exported.hpp"
#include "shim/preload/kept_errno.hpp"

namespace preload = ringfence::shim::preload;
namespace real = preload::real;
using preload::CalledSession;
using preload::descriptors;
using preload::early_watches;

namespace {

// A number that the application is about to give to something else.
void make_way(int fd) {
  const preload::KeptErrno kept;
  if (preload::HiddenFd* hidden = descriptors.hidden(fd)) {
    (void)hidden->move_away();
  } else {
    preload::process().forget(fd);
  }
}

bool is_ours_to_mind(int fd) {
  return __builtin_expect(descriptors.is_known(fd), 0) && preload::process().is_own();
}

// What is no file is copied nowhere, and nothing is closed for it.
bool is_file(int fd) {
  const preload::KeptErrno kept;
  return real::fcntl(fd, F_GETFD) >= 0;
}

void leave(int fd) {
  if (const CalledSession session{fd}) session->leave_to_agent(preload::Way::copied);
}

}  // namespace

// libuv closes its files so. Six words are read whatever was passed, as libc's own does.
RINGFENCE_EXPORTED long syscall(long number, ...) {
  long words[6];
  va_list passed;
  va_start(passed, number);
  for (long& word : words) word = va_arg(passed, long);
  va_end(passed);
  if (number == SYS_close) return close(static_cast<int>(words[0]));
  if (number == SYS_close_range) {
    return close_range(static_cast<unsigned>(words[0]), static_cast<unsigned>(words[1]),
                       static_cast<int>(words[2]));
  }
  return real::syscall(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

RINGFENCE_EXPORTED int close(int fd) {
  if (early_watches.has(fd) && preload::process().is_own()) early_watches.forget(fd);
  if (!is_ours_to_mind(fd)) return real::close(fd);
  if (descriptors.hidden(fd) != nullptr) {
    errno = EBADF;
    return -1;
  }
  preload::process().forget(fd);
  return real::close(fd);
}

RINGFENCE_EXPORTED int fclose(FILE* file) {
  {
    const preload::KeptErrno kept;  // a stream may be of no file
    const int fd = file == nullptr ? -1 : fileno(file);
    if (is_ours_to_mind(fd)) preload::process().forget(fd);
  }
  return real::fclose(file);
}

RINGFENCE_EXPORTED int close_range(unsigned first, unsigned last, int flags) noexcept {
  const auto end = static_cast<unsigned>(descriptors.end());
  const bool is_ours = first < end && first <= last && preload::process().is_own();
  if (!is_ours) return real::close_range(first, last, flags);
  const bool closes = (static_cast<unsigned>(flags) & CLOSE_RANGE_CLOEXEC) == 0;
  int outcome = 0;
  unsigned begin = first;
  for (unsigned fd = first; fd < end && fd <= last && outcome == 0; ++fd) {
    if (descriptors.hidden(static_cast<int>(fd)) == nullptr) {
      if (closes && descriptors.is_known(static_cast<int>(fd))) {
        preload::process().forget(static_cast<int>(fd));
      }
      continue;
    }
    if (begin < fd) outcome = real::close_range(begin, fd - 1, flags);
    begin = fd + 1;
  }
  if (outcome != 0 || begin > last) return outcome;
  return real::close_range(begin, last, flags);
}

RINGFENCE_EXPORTED void closefrom(int first) noexcept {
  (void)close_range(first < 0 ? 0 : static_cast<unsigned>(first), UINT_MAX, 0);
}

RINGFENCE_EXPORTED int dup(int fd) noexcept {
  leave(fd);
  return real::dup(fd);
}

RINGFENCE_EXPORTED int dup2(int from, int to) noexcept {
  if (from == to) return real::dup2(from, to);
  leave(from);
  if (is_ours_to_mind(to) && is_file(from)) make_way(to);
  return real::dup2(from, to);
}

RINGFENCE_EXPORTED int dup3(int from, int to, int flags) noexcept {
  leave(from);
  if (from != to && is_ours_to_mind(to) && is_file(from)) make_way(to);
  return real::dup3(from, to, flags);
}

// Standard I/O reads and writes inside libc, where nobody stands in front of it.
RINGFENCE_EXPORTED FILE* fdopen(int fd, const char* mode) noexcept {
  leave(fd);
  return real::fdopen(fd, mode);
}
