// Everything that receives.
#include "shim/preload/interpose/exported.hpp"

namespace preload = ringfence::shim::preload;
namespace real = preload::real;
using preload::session_of;

namespace {

bool is_overlaid(const preload::SessionReference& session, int flags) {
  return session && !session->is_left_to_agent() && (flags & (MSG_OOB | MSG_ERRQUEUE)) == 0;
}

// Into several pieces: as much as the first ones take at once.
ssize_t receive_pieces(preload::Session& session, const iovec* pieces, size_t count, int flags) {
  ssize_t total = 0;
  for (size_t i = 0; i < count; ++i) {
    if (pieces[i].iov_len == 0) continue;
    const int more_flags = total > 0 && (flags & MSG_WAITALL) == 0 ? flags | MSG_DONTWAIT : flags;
    const ssize_t got =
        session.receive(static_cast<char*>(pieces[i].iov_base), pieces[i].iov_len, more_flags);
    if (got <= 0) return total > 0 ? total : got;
    total += got;
    const bool is_short = static_cast<size_t>(got) < pieces[i].iov_len;
    if (is_short || (flags & MSG_PEEK) != 0) break;
  }
  return total;
}

}  // namespace

RINGFENCE_EXPORTED ssize_t recv(int fd, void* to, size_t room, int flags) {
  const auto session = session_of(fd);
  if (!is_overlaid(session, flags)) return real::recv(fd, to, room, flags);
  return session->receive(static_cast<char*>(to), room, flags);
}

RINGFENCE_EXPORTED ssize_t recvfrom(int fd, void* to, size_t room, int flags, sockaddr* from,
                                    socklen_t* from_size) {
  const auto session = session_of(fd);
  if (!is_overlaid(session, flags)) return real::recvfrom(fd, to, room, flags, from, from_size);
  if (from_size != nullptr) *from_size = 0;  // as of any connected stream
  return session->receive(static_cast<char*>(to), room, flags);
}

RINGFENCE_EXPORTED ssize_t recvmsg(int fd, msghdr* message, int flags) {
  const auto session = session_of(fd);
  if (!is_overlaid(session, flags)) return real::recvmsg(fd, message, flags);
  message->msg_namelen = 0;
  message->msg_controllen = 0;
  message->msg_flags = 0;
  return receive_pieces(*session.get(), message->msg_iov, message->msg_iovlen, flags);
}

RINGFENCE_EXPORTED int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags,
                                timespec* timeout) {
  const auto session = session_of(fd);
  if (!is_overlaid(session, flags)) return real::recvmmsg(fd, messages, count, flags, timeout);
  if (count == 0) return 0;
  const ssize_t got = recvmsg(fd, &messages[0].msg_hdr, flags & ~MSG_WAITFORONE);
  if (got < 0) return -1;
  messages[0].msg_len = static_cast<unsigned>(got);
  return 1;
}

RINGFENCE_EXPORTED ssize_t read(int fd, void* to, size_t room) {
  const auto session = session_of(fd);
  if (!is_overlaid(session, 0)) return real::read(fd, to, room);
  return session->receive(static_cast<char*>(to), room, 0);
}

RINGFENCE_EXPORTED ssize_t readv(int fd, const iovec* pieces, int count) {
  const auto session = session_of(fd);
  if (!is_overlaid(session, 0) || count < 0) return real::readv(fd, pieces, count);
  return receive_pieces(*session.get(), pieces, static_cast<size_t>(count), 0);
}

// What programs call that were built with _FORTIFY_SOURCE.
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
