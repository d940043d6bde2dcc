#include "shim/preload/link.hpp"

#include <cerrno>

#include "shim/preload/real.hpp"

namespace ringfence::shim::preload {

bool Link::begin(const SocketAddress& to) noexcept {
  address = to;
  const int fd = make_socket(to);
  if (fd < 0 || !file_.adopt(fd)) return false;
  const auto* name = reinterpret_cast<const sockaddr*>(&address.storage);
  give_up_ns_ = shm_layout::boottime_ns() + open_timeout_ns;
  if (real::connect(file_.get(), name, address.size) == 0) {
    state_ = greet();
  } else if (errno != EINPROGRESS) {
    state_ = end(errno == EAGAIN ? LinkState::full : LinkState::refused);
  }
  return true;
}

// What would be asked of the agent meanwhile takes as long as a near server's greeting.
LinkState Link::advance_soon() noexcept {
  const std::int64_t end_ns = shm_layout::boottime_ns() + greeting_wait_ns;
  for (LinkState state = advance();; state = advance()) {
    const std::int64_t left_ns = end_ns - shm_layout::boottime_ns();
    if (!is_opening() || left_ns <= 0) return state;
    const short wanted = state == LinkState::connecting ? POLLOUT : POLLIN;
    pollfd waited{file_.get(), wanted, 0};
    const timespec time{0, left_ns};
    if (real::ppoll(&waited, 1, &time, nullptr) <= 0) return state;
  }
}

LinkState Link::advance() noexcept {
  if (state_ == LinkState::connecting) {
    pollfd writable{file_.get(), POLLOUT, 0};
    if (real::poll(&writable, 1, 0) > 0) {
      state_ = connect_outcome(file_.get()) == 0 ? greet() : end(LinkState::refused);
    }
  }
  if (state_ == LinkState::greeting) state_ = read_greeting();
  if (is_opening() && shm_layout::boottime_ns() >= give_up_ns_) state_ = end(LinkState::full);
  return state_;
}

// Nothing of a request is sent before the server has answered: one that is out of connections is
// found out without an outcome in doubt.
LinkState Link::greet() noexcept {
  give_up_ns_ = shm_layout::boottime_ns() + open_timeout_ns;  // it may have been idle since
  char noop[binary::header_bytes];
  binary::Header header;
  header.magic = binary::request_magic;
  header.opcode = binary::Opcode::noop;
  binary::store_header(noop, header);
  const std::string_view question =
      is_binary_ ? std::string_view(noop, sizeof noop) : std::string_view("version\r\n");
  const ssize_t sent = real::send(file_.get(), question.data(), question.size(), MSG_NOSIGNAL);
  // A new connection has room for it.
  return sent == static_cast<ssize_t>(question.size()) ? LinkState::greeting
                                                       : end(LinkState::refused);
}

LinkState Link::read_greeting() noexcept {
  if (!prepare()) return end(LinkState::full);
  const ssize_t got = real::recv(file_.get(), free_begin(), free_bytes(), MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EINTR ? state_ : end(LinkState::refused);
  if (got == 0) return end(LinkState::full);
  received(static_cast<std::size_t>(got));
  const text::ReplyEvent event = is_binary_ ? packets.next({binary::Opcode::noop, 0}, view())
                                            : text.next(text::ReplyShape::line, view());
  if (event.kind == text::ReplyEventKind::need_more) return state_;
  const bool is_greeted = event.kind == text::ReplyEventKind::line &&
                          (is_binary_ || event.bytes.starts_with("VERSION "));
  if (!is_greeted) return end(LinkState::full);
  consume(event.consumed_bytes);
  become_blocking();
  return LinkState::up;
}

// From now on a receive may sleep, for a slice.
void Link::become_blocking() noexcept {
  const int flags = real::fcntl(file_.get(), F_GETFL);
  real::fcntl(file_.get(), F_SETFL, flags & ~O_NONBLOCK);
  const timeval slice{0, slice_ns / 1000};
  real::setsockopt(file_.get(), SOL_SOCKET, SO_RCVTIMEO, &slice, socklen_t{sizeof slice});
}

LinkState Link::end(LinkState state) noexcept {
  file_.close();
  set_broken();
  return state;
}

bool Link::send(std::string_view more, std::size_t& sent_of_more) noexcept {
  sent_of_more = 0;
  iovec pieces[2] = {{output.data(), output.size()}, {const_cast<char*>(more.data()), more.size()}};
  ssize_t sent = 0;
  if (more.empty()) {
    sent = real::send(fd(), output.data(), output.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  } else {
    msghdr message{};
    message.msg_iov = output.empty() ? pieces + 1 : pieces;
    message.msg_iovlen = output.empty() ? 1 : 2;
    sent = real::sendmsg(fd(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  if (sent < 0) {
    if (errno == EAGAIN || errno == EINTR) return true;
    output.clear();
    set_broken();
    return false;
  }
  const auto count = static_cast<std::size_t>(sent);
  if (count < output.size()) {
    output.erase(0, count);
  } else {
    sent_of_more = count - output.size();
    output.clear();
  }
  return true;
}

bool Link::is_stale() const noexcept {
  char byte = 0;
  const ssize_t got = real::recv(fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got >= 0 || errno != EAGAIN;
}

}  // namespace ringfence::shim::preload
