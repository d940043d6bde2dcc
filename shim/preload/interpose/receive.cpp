// Everything that receives.
#include "shim/preload/interpose/exported.hpp"

namespace preload = ringfence::shim::preload;
namespace real = preload::real;
using preload::in_session;
using preload::is_overlaid;
using preload::Session;

namespace {

// Into several pieces: as much as the first ones take at once.
ssize_t receive_pieces(Session& session, const iovec* pieces, size_t count, int flags) {
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

ssize_t receive_message(Session& session, msghdr* message, int flags) {
  message->msg_namelen = 0;
  message->msg_controllen = 0;
  message->msg_flags = 0;
  return receive_pieces(session, message->msg_iov, message->msg_iovlen, flags);
}

int receive_messages(Session& session, mmsghdr* messages, unsigned count, int flags) {
  if (count == 0) return 0;
  const ssize_t got = receive_message(session, &messages[0].msg_hdr, flags & ~MSG_WAITFORONE);
  if (got < 0) return -1;
  messages[0].msg_len = static_cast<unsigned>(got);
  return 1;
}

}  // namespace

RINGFENCE_EXPORTED ssize_t recv(int fd, void* to, size_t room, int flags) {
  if (!is_overlaid(fd)) return real::recv(fd, to, room, flags);
  return in_session(
      fd, flags,
      [=](Session& session) { return session.receive(static_cast<char*>(to), room, flags); },
      [=] { return real::recv(fd, to, room, flags); });
}

RINGFENCE_EXPORTED ssize_t recvfrom(int fd, void* to, size_t room, int flags, sockaddr* from,
                                    socklen_t* from_size) {
  if (!is_overlaid(fd)) return real::recvfrom(fd, to, room, flags, from, from_size);
  return in_session(
      fd, flags,
      [=](Session& session) {
        if (from_size != nullptr) *from_size = 0;  // as of any connected stream
        return session.receive(static_cast<char*>(to), room, flags);
      },
      [=] { return real::recvfrom(fd, to, room, flags, from, from_size); });
}

RINGFENCE_EXPORTED ssize_t recvmsg(int fd, msghdr* message, int flags) {
  if (!is_overlaid(fd)) return real::recvmsg(fd, message, flags);
  return in_session(
      fd, flags, [=](Session& session) { return receive_message(session, message, flags); },
      [=] { return real::recvmsg(fd, message, flags); });
}

RINGFENCE_EXPORTED int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags,
                                timespec* timeout) {
  if (!is_overlaid(fd)) return real::recvmmsg(fd, messages, count, flags, timeout);
  return in_session(
      fd, flags,
      [=](Session& session) { return receive_messages(session, messages, count, flags); },
      [=] { return real::recvmmsg(fd, messages, count, flags, timeout); });
}

RINGFENCE_EXPORTED ssize_t read(int fd, void* to, size_t room) {
  if (!is_overlaid(fd)) return real::read(fd, to, room);
  return in_session(
      fd, 0, [=](Session& session) { return session.receive(static_cast<char*>(to), room, 0); },
      [=] { return real::read(fd, to, room); });
}

RINGFENCE_EXPORTED ssize_t readv(int fd, const iovec* pieces, int count) {
  if (!is_overlaid(fd) || count < 0) return real::readv(fd, pieces, count);
  return in_session(
      fd, 0,
      [=](Session& session) {
        return receive_pieces(session, pieces, static_cast<size_t>(count), 0);
      },
      [=] { return real::readv(fd, pieces, count); });
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
