#include "shim/client/connection.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace ringfence::shim::client {

namespace {

constexpr std::string_view version_command = "version\r\n";

bool is_transient(int os_errno) noexcept {
  return os_errno == EAGAIN || os_errno == EWOULDBLOCK || os_errno == EINTR;
}

// What is wrong with this host, not with the server.
bool is_local(int os_errno) noexcept {
  return os_errno == EMFILE || os_errno == ENFILE || os_errno == ENOBUFS || os_errno == ENOMEM ||
         os_errno == EACCES || os_errno == EPERM || os_errno == EADDRNOTAVAIL;
}

}  // namespace

void Output::sent(std::size_t count) noexcept {
  has_begun_ = has_begun_ || count > 0;
  while (!pieces_.empty() && count >= pieces_.front().iov_len) {
    count -= pieces_.front().iov_len;
    pieces_ = pieces_.subspan(1);
  }
  if (count == 0) return;
  iovec& piece = pieces_.front();
  piece.iov_base = static_cast<char*>(piece.iov_base) + count;
  piece.iov_len -= count;
}

int Connection::begin(const SocketAddress& address) noexcept {
  address_ = address;
  const int fd = make_socket(address);
  if (fd < 0) return fd;
  fd_ = fd;
  return 0;
}

void Connection::close() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Opening Connection::advance() noexcept {
  switch (state_) {
    case State::made:
      return connect();
    case State::connecting: {
      if (!poll_for(POLLOUT, 0)) return Opening::waiting;
      errno = connect_outcome(fd_);
      if (errno != 0) return is_local(errno) ? Opening::failed : Opening::refused;
      return ask();
    }
    case State::asking:
      return read_version();
    case State::open:
      break;
  }
  return Opening::open;
}

Opening Connection::connect() noexcept {
  const int outcome = start_connect(fd_, address_);
  if (outcome == 0) return ask();
  if (outcome == EINPROGRESS) {
    state_ = State::connecting;
    return Opening::waiting;
  }
  if (outcome == EAGAIN) return Opening::full;  // a unix socket whose queue is full
  errno = outcome;
  return is_local(outcome) ? Opening::failed : Opening::refused;
}

Opening Connection::ask() noexcept {
  state_ = State::asking;
  // A server that is full has closed already, perhaps; what it said first is read all the same.
  (void)::send(fd_, version_command.data(), version_command.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return read_version();
}

Opening Connection::read_version() noexcept {
  const Io io = receive(false);
  switch (replies_.next(text::ReplyShape::line)) {
    case ReplyPart::line:
      break;
    case ReplyPart::need_more:
      return io == Io::closed ? Opening::refused : Opening::waiting;
    default:
      return Opening::refused;
  }
  if (!replies_.line().starts_with("VERSION")) {
    return replies_.line().starts_with("ERROR Too many") ? Opening::full : Opening::refused;
  }
  if (!replies_.is_between_replies()) return Opening::refused;
  state_ = State::open;
  return Opening::open;
}

short Connection::poll_events() const noexcept {
  return state_ == State::connecting ? POLLOUT : POLLIN;
}

void Connection::finish_opening() noexcept {
  const int flags = fcntl(fd_, F_GETFL);
  fcntl(fd_, F_SETFL, flags & ~O_NONBLOCK);
  const timeval slice{0, slice_ns / 1000};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof(slice));
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &slice, sizeof(slice));
}

char* Connection::send_buffer() {
  if (send_buffer_ == nullptr) {
    send_buffer_ = std::make_unique_for_overwrite<char[]>(send_buffer_bytes);
  }
  return send_buffer_.get();
}

Io Connection::send(Output& output, bool may_wait) noexcept {
  const std::span<iovec> pieces = output.pieces();
  const int flags = MSG_NOSIGNAL | (may_wait ? 0 : MSG_DONTWAIT);
  ssize_t count = 0;
  if (pieces.size() == 1) {  // a get: the cheaper call
    count = ::send(fd_, pieces[0].iov_base, pieces[0].iov_len, flags);
  } else {
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    count = ::sendmsg(fd_, &message, flags);
  }
  if (count < 0) return is_transient(errno) ? Io::idle : Io::closed;
  output.sent(static_cast<std::size_t>(count));
  return Io::some;
}

Io Connection::receive(bool may_wait) noexcept {
  std::array<iovec, 2> pieces;
  const int piece_count = replies_.room(pieces);
  const int flags = may_wait ? 0 : MSG_DONTWAIT;
  ssize_t count = 0;
  if (piece_count == 1) {
    count = ::recv(fd_, pieces[0].iov_base, pieces[0].iov_len, flags);
  } else {
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    count = ::recvmsg(fd_, &message, flags);
  }
  if (count < 0) return is_transient(errno) ? Io::idle : Io::closed;
  if (count == 0) return Io::closed;
  replies_.received(static_cast<std::size_t>(count));
  return Io::some;
}

bool Connection::is_stale() const noexcept {
  char byte = 0;
  const ssize_t count = ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count >= 0 || !is_transient(errno);
}

bool Connection::poll_for(short events, std::int64_t timeout_ns) const noexcept {
  pollfd poller{fd_, events, 0};
  const timespec timeout{timeout_ns / shm_layout::ns_per_second,
                         timeout_ns % shm_layout::ns_per_second};
  return ::ppoll(&poller, 1, &timeout, nullptr) > 0;
}

}  // namespace ringfence::shim::client
