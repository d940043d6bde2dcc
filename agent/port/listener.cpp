#include "agent/port/listener.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "agent/port/limits.hpp"

namespace ringfence::agent::port {
namespace {

// Connections taken in one turn, so that a storm of them does not hold up who is connected.
constexpr int accept_count_max = 64;

}  // namespace

Listener::Listener(uv_loop_t* loop, int fd, std::string text, OnAccepted on_accepted)
    : loop_(loop),
      pause_timer_(new uv_timer_t),
      text_(std::move(text)),
      on_accepted_(std::move(on_accepted)) {
  uv_timer_init(loop_, pause_timer_);
  pause_timer_->data = this;
  if (watch_.open(loop_, fd, *this)) watch_.want(UV_READABLE);
}

Listener::~Listener() {
  uv_close(reinterpret_cast<uv_handle_t*>(pause_timer_),
           [](uv_handle_t* handle) { delete reinterpret_cast<uv_timer_t*>(handle); });
  if (!text_.empty() && text_.front() == '/') ::unlink(text_.c_str());
}

void Listener::on_socket(int /*events*/) {
  for (int count = 0; count < accept_count_max; ++count) {
    const int fd = ::accept4(watch_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));  // fails on a unix socket: fine
      on_accepted_(fd);
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) pause();
    if (errno != ECONNABORTED && errno != EINTR) return;
  }
}

// No file is left: clients wait in the kernel's queue meanwhile.
void Listener::pause() {
  watch_.want(0);
  uv_timer_start(
      pause_timer_,
      [](uv_timer_t* timer) { static_cast<Listener*>(timer->data)->watch_.want(UV_READABLE); },
      accept_pause_ms, 0);
}

}  // namespace ringfence::agent::port
