// Accepts clients on one address and hands each to whoever wants it.
// The first I/O thread's loop.
#pragma once

#include <functional>
#include <string>

#include "agent/port/socket_watch.hpp"
#include "shm_layout/result.hpp"

namespace ringfence::agent::port {

class Listener final : public SocketOwner {
 public:
  using OnAccepted = std::function<void(int fd)>;

  // `fd` comes from listen_on(text).
  Listener(uv_loop_t* loop, int fd, std::string text, OnAccepted on_accepted);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void on_socket(int events) override;
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  void pause();

  uv_loop_t* loop_;
  SocketWatch watch_;
  uv_timer_t* pause_timer_;  // freed by libuv's close callback
  std::string text_;         // as asked for
  OnAccepted on_accepted_;
};

}  // namespace ringfence::agent::port
