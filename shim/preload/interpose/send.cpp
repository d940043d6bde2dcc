// Everything that sends.
#include <cerrno>

#include "shim/preload/interpose/exported.hpp"

namespace preload = ringfence::shim::preload;
namespace real = preload::real;
using preload::session_of;

namespace {

ssize_t send_one(preload::Session& session, const void* bytes, size_t size, int flags) {
  const iovec piece{const_cast<void*>(bytes), size};
  return session.send(&piece, 1, flags);
}

// Out-of-band data is for who reads it: the agent, if anybody.
bool is_overlaid(const preload::SessionReference& session, int flags) {
  return session && !session->is_left_to_agent() && (flags & MSG_OOB) == 0;
}

}  // namespace

RINGFENCE_EXPORTED ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  const auto session = session_of(fd);
  if (!is_overlaid(session, flags)) return real::send(fd, bytes, size, flags);
  return send_one(*session.get(), bytes, size, flags);
}

RINGFENCE_EXPORTED ssize_t sendto(int fd, const void* bytes, size_t size, int flags,
                                  const sockaddr* to, socklen_t to_size) {
  const auto session = session_of(fd);
  if (!is_overlaid(session, flags)) return real::sendto(fd, bytes, size, flags, to, to_size);
  return send_one(*session.get(), bytes, size, flags);
}

RINGFENCE_EXPORTED ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  const auto session = session_of(fd);
  if (!is_overlaid(session, flags)) return real::sendmsg(fd, message, flags);
  return session->send(message->msg_iov, message->msg_iovlen, flags);
}

RINGFENCE_EXPORTED int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  const auto session = session_of(fd);
  if (!is_overlaid(session, flags)) return real::sendmmsg(fd, messages, count, flags);
  unsigned done = 0;
  for (; done < count; ++done) {
    const msghdr& message = messages[done].msg_hdr;
    const ssize_t sent = session->send(message.msg_iov, message.msg_iovlen, flags);
    if (sent < 0) return done > 0 ? static_cast<int>(done) : -1;
    messages[done].msg_len = static_cast<unsigned>(sent);
  }
  return static_cast<int>(done);
}

RINGFENCE_EXPORTED ssize_t write(int fd, const void* bytes, size_t size) {
  const auto session = session_of(fd);
  if (!is_overlaid(session, 0)) return real::write(fd, bytes, size);
  return send_one(*session.get(), bytes, size, 0);
}

RINGFENCE_EXPORTED ssize_t writev(int fd, const iovec* pieces, int count) {
  const auto session = session_of(fd);
  if (!is_overlaid(session, 0) || count < 0) return real::writev(fd, pieces, count);
  return session->send(pieces, static_cast<size_t>(count), 0);
}

// Bytes that never pass through here go to the agent, and so do all that follow.
RINGFENCE_EXPORTED ssize_t sendfile(int to, int from, off_t* offset, size_t size) {
  if (const auto session = session_of(to)) session->leave_to_agent(preload::Way::copied);
  return real::sendfile(to, from, offset, size);
}

RINGFENCE_EXPORTED ssize_t sendfile64(int to, int from, off64_t* offset, size_t size) {
  return sendfile(to, from, offset, size);
}

RINGFENCE_EXPORTED ssize_t splice(int from, off64_t* from_offset, int to, off64_t* to_offset,
                                  size_t size, unsigned flags) {
  if (const auto session = session_of(to)) session->leave_to_agent(preload::Way::copied);
  if (const auto session = session_of(from)) session->leave_to_agent(preload::Way::copied);
  return real::splice(from, from_offset, to, to_offset, size, flags);
}
