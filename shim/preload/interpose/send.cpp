// Everything that sends.
#include <cerrno>

#include "shim/preload/interpose/slices.hpp"

namespace preload = ringfence::shim::preload;
namespace real = preload::real;
using preload::CalledSession;
using preload::Session;

namespace {

// Out-of-band data is for who reads it: the agent, if anybody.
constexpr bool is_ours(int flags) {
  return (flags & MSG_OOB) == 0;
}

template <typename Libcs>
ssize_t send_one(int fd, const void* bytes, size_t size, int flags, const Libcs& libcs) {
  return preload::in_slices(
      fd,
      [=](Session& session) {
        if (!is_ours(flags)) return ssize_t{preload::ask_libc};
        const iovec piece{const_cast<void*>(bytes), size};
        return session.send(&piece, 1, flags);
      },
      libcs);
}

}  // namespace

RINGFENCE_EXPORTED ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  if (!preload::is_overlaid(fd)) return real::send(fd, bytes, size, flags);
  return send_one(fd, bytes, size, flags, [=] { return real::send(fd, bytes, size, flags); });
}

RINGFENCE_EXPORTED ssize_t sendto(int fd, const void* bytes, size_t size, int flags,
                                  const sockaddr* to, socklen_t to_size) {
  if (!preload::is_overlaid(fd)) return real::sendto(fd, bytes, size, flags, to, to_size);
  return send_one(fd, bytes, size, flags,
                  [=] { return real::sendto(fd, bytes, size, flags, to, to_size); });
}

RINGFENCE_EXPORTED ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  if (!preload::is_overlaid(fd)) return real::sendmsg(fd, message, flags);
  return preload::in_slices(
      fd,
      [=](Session& session) {
        if (!is_ours(flags)) return ssize_t{preload::ask_libc};
        return session.send(message->msg_iov, message->msg_iovlen, flags);
      },
      [=] { return real::sendmsg(fd, message, flags); });
}

RINGFENCE_EXPORTED int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  if (preload::descriptors.session(fd) == nullptr || !is_ours(flags)) {
    return real::sendmmsg(fd, messages, count, flags);
  }
  unsigned done = 0;
  for (; done < count; ++done) {
    const ssize_t sent = sendmsg(fd, &messages[done].msg_hdr, flags);
    if (sent < 0) return done > 0 ? static_cast<int>(done) : -1;
    messages[done].msg_len = static_cast<unsigned>(sent);
  }
  return static_cast<int>(done);
}

RINGFENCE_EXPORTED ssize_t write(int fd, const void* bytes, size_t size) {
  if (!preload::is_overlaid(fd)) return real::write(fd, bytes, size);
  return send_one(fd, bytes, size, 0, [=] { return real::write(fd, bytes, size); });
}

RINGFENCE_EXPORTED ssize_t writev(int fd, const iovec* pieces, int count) {
  if (!preload::is_overlaid(fd)) return real::writev(fd, pieces, count);
  return preload::in_slices(
      fd,
      [=](Session& session) {
        if (count < 0) return ssize_t{preload::ask_libc};
        return session.send(pieces, static_cast<size_t>(count), 0);
      },
      [=] { return real::writev(fd, pieces, count); });
}

// Bytes that never pass through here go to the agent, and so do all that follow.
RINGFENCE_EXPORTED ssize_t sendfile(int to, int from, off_t* offset, size_t size) {
  if (const CalledSession session{to}) session->leave_to_agent(preload::Way::copied);
  return real::sendfile(to, from, offset, size);
}

RINGFENCE_EXPORTED ssize_t sendfile64(int to, int from, off64_t* offset, size_t size) {
  return sendfile(to, from, offset, size);
}

RINGFENCE_EXPORTED ssize_t splice(int from, off64_t* from_offset, int to, off64_t* to_offset,
                                  size_t size, unsigned flags) {
  if (const CalledSession session{to}) session->leave_to_agent(preload::Way::copied);
  if (const CalledSession session{from}) session->leave_to_agent(preload::Way::copied);
  return real::splice(from, from_offset, to, to_offset, size, flags);
}
