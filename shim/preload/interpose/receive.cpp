// Everything that receives.
#include "shim/preload/interpose/slices.hpp"

namespace preload = ringfence::shim::preload;
namespace real = preload::real;
using preload::Session;

namespace {

constexpr bool is_ours(int flags) {
  return (flags & (MSG_OOB | MSG_ERRQUEUE)) == 0;
}

// Into several pieces: as much as the first ones take at once.
ssize_t receive_pieces(Session& session, const iovec* pieces, size_t count, int flags,
                       std::int64_t& end_ns) noexcept {
  ssize_t total = 0;
  for (size_t i = 0; i < count; ++i) {
    if (pieces[i].iov_len == 0) continue;
    const int more_flags = total > 0 && (flags & MSG_WAITALL) == 0 ? flags | MSG_DONTWAIT : flags;
    ssize_t got = preload::slice_passed;
    do {
      got = session.receive(static_cast<char*>(pieces[i].iov_base), pieces[i].iov_len, more_flags,
                            end_ns);
    } while (got == preload::slice_passed && total > 0);
    if (got <= 0) return total > 0 ? total : got;
    total += got;
    const bool is_short = static_cast<size_t>(got) < pieces[i].iov_len;
    if (is_short || (flags & MSG_PEEK) != 0) break;
  }
  return total;
}

// `libcs` takes no more than this: what is left to libc is called as it was.
template <typename Libcs>
ssize_t receive_one(int fd, void* to, size_t room, int flags, const Libcs& libcs) {
  std::int64_t end_ns = 0;
  return preload::in_slices(
      fd,
      [=, &end_ns](Session& session) {
        if (!is_ours(flags)) return ssize_t{preload::ask_libc};
        return session.receive(static_cast<char*>(to), room, flags, end_ns);
      },
      libcs);
}

}  // namespace

RINGFENCE_EXPORTED ssize_t recv(int fd, void* to, size_t room, int flags) {
  if (!preload::is_overlaid(fd)) return real::recv(fd, to, room, flags);
  return receive_one(fd, to, room, flags, [=] { return real::recv(fd, to, room, flags); });
}

RINGFENCE_EXPORTED ssize_t recvfrom(int fd, void* to, size_t room, int flags, sockaddr* from,
                                    socklen_t* from_size) {
  if (!preload::is_overlaid(fd)) return real::recvfrom(fd, to, room, flags, from, from_size);
  std::int64_t end_ns = 0;
  return preload::in_slices(
      fd,
      [=, &end_ns](Session& session) {
        if (!is_ours(flags)) return ssize_t{preload::ask_libc};
        if (from_size != nullptr) *from_size = 0;  // as of any connected stream
        return session.receive(static_cast<char*>(to), room, flags, end_ns);
      },
      [=] { return real::recvfrom(fd, to, room, flags, from, from_size); });
}

RINGFENCE_EXPORTED ssize_t recvmsg(int fd, msghdr* message, int flags) {
  if (!preload::is_overlaid(fd)) return real::recvmsg(fd, message, flags);
  std::int64_t end_ns = 0;
  return preload::in_slices(
      fd,
      [=, &end_ns](Session& session) {
        if (!is_ours(flags)) return ssize_t{preload::ask_libc};
        const ssize_t got =
            receive_pieces(session, message->msg_iov, message->msg_iovlen, flags, end_ns);
        if (got >= 0) {
          message->msg_namelen = 0;
          message->msg_controllen = 0;
          message->msg_flags = 0;
        }
        return got;
      },
      [=] { return real::recvmsg(fd, message, flags); });
}

RINGFENCE_EXPORTED int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags,
                                timespec* timeout) {
  if (preload::descriptors.session(fd) == nullptr || !is_ours(flags) || count == 0) {
    return real::recvmmsg(fd, messages, count, flags, timeout);
  }
  const ssize_t got = recvmsg(fd, &messages[0].msg_hdr, flags & ~MSG_WAITFORONE);
  if (got < 0) return -1;
  messages[0].msg_len = static_cast<unsigned>(got);
  return 1;
}

RINGFENCE_EXPORTED ssize_t read(int fd, void* to, size_t room) {
  if (!preload::is_overlaid(fd)) return real::read(fd, to, room);
  return receive_one(fd, to, room, 0, [=] { return real::read(fd, to, room); });
}

RINGFENCE_EXPORTED ssize_t readv(int fd, const iovec* pieces, int count) {
  if (!preload::is_overlaid(fd)) return real::readv(fd, pieces, count);
  std::int64_t end_ns = 0;
  return preload::in_slices(
      fd,
      [=, &end_ns](Session& session) {
        if (count < 0) return ssize_t{preload::ask_libc};
        return receive_pieces(session, pieces, static_cast<size_t>(count), 0, end_ns);
      },
      [=] { return real::readv(fd, pieces, count); });
}

// What programs call that were built with _FORTIFY_SOURCE.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
RINGFENCE_EXPORTED ssize_t __recv_chk(int fd, void* to, size_t room, size_t, int flags) {
  return recv(fd, to, room, flags);
}
RINGFENCE_EXPORTED ssize_t __recvfrom_chk(int fd, void* to, size_t room, size_t, int flags,
                                          sockaddr* from, socklen_t* from_size) {
  return recvfrom(fd, to, room, flags, from, from_size);
}
RINGFENCE_EXPORTED ssize_t __read_chk(int fd, void* to, size_t room, size_t) {
  return read(fd, to, room);
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
