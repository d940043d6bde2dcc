#include "agent/port/socket_watch.hpp"

#include <sys/socket.h>
#include <unistd.h>

namespace ringfence::agent::port {

void SocketWatch::on_poll(uv_poll_t* poll, int status, int events) {
  auto* watch = static_cast<SocketWatch*>(poll->data);
  // After an error libuv has stopped the watch by itself.
  if (status < 0) watch->wanted_ = 0;
  watch->owner_->on_socket(status < 0 ? UV_READABLE | UV_WRITABLE : events);
}

bool SocketWatch::open(uv_loop_t* loop, int fd, SocketOwner& owner) {
  close();
  auto* poll = new uv_poll_t;
  if (uv_poll_init(loop, poll, fd) != 0) {
    delete poll;
    ::close(fd);
    return false;
  }
  poll->data = this;
  owner_ = &owner;
  poll_ = poll;
  fd_ = fd;
  wanted_ = 0;
  return true;
}

void SocketWatch::want(int events) {
  if (poll_ == nullptr || events == wanted_) return;
  wanted_ = events;
  if (events == 0) {
    uv_poll_stop(poll_);
  } else {
    uv_poll_start(poll_, events, on_poll);
  }
}

void SocketWatch::close() {
  if (poll_ == nullptr) return;
  // Takes the file off the loop at once; only the handle's memory waits for the callback.
  uv_close(reinterpret_cast<uv_handle_t*>(poll_),
           [](uv_handle_t* handle) { delete reinterpret_cast<uv_poll_t*>(handle); });
  ::close(fd_);
  poll_ = nullptr;
  fd_ = -1;
  wanted_ = 0;
}

void SocketWatch::reset() {
  if (poll_ == nullptr) return;
  const linger no_wait{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &no_wait, sizeof(no_wait));
  close();
}

}  // namespace ringfence::agent::port
