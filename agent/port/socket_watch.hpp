// One socket on a libuv loop: its file, which events are wanted, and its end.
// The loop's thread. After close() the owner hears nothing more.
#pragma once

#include <uv.h>

namespace ringfence::agent::port {

class SocketOwner {
 public:
  // `events`: UV_READABLE, UV_WRITABLE; both after an error, so that the next call on the socket
  // tells it.
  virtual void on_socket(int events) = 0;

 protected:
  ~SocketOwner() = default;
};

class SocketWatch {
 public:
  SocketWatch() = default;
  ~SocketWatch() { close(); }
  SocketWatch(const SocketWatch&) = delete;
  SocketWatch& operator=(const SocketWatch&) = delete;

  // Takes the file over. False (and the file is closed) when the loop cannot watch it.
  [[nodiscard]] bool open(uv_loop_t* loop, int fd, SocketOwner& owner);
  [[nodiscard]] bool is_open() const noexcept { return poll_ != nullptr; }
  [[nodiscard]] int fd() const noexcept { return fd_; }
  // Costs nothing when unchanged. 0: nothing is watched.
  void want(int events);
  void close();
  // The other side sees a reset instead of an orderly end.
  void reset();

 private:
  static void on_poll(uv_poll_t* poll, int status, int events);

  SocketOwner* owner_ = nullptr;
  uv_poll_t* poll_ = nullptr;  // freed by libuv's close callback, after this object
  int fd_ = -1;
  int wanted_ = 0;
};

}  // namespace ringfence::agent::port
