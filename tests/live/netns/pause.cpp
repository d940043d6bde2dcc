// SIGUSR1: the process stands still (SIGSTOP) right before its next request is sent, which no
// signal from outside could hit: the view was looked at, and the request is late by as long as you
// like. Linked into a client its send and sendmsg stand before the C library's; as a library of its
// own behind libringfence-preload they are the ones by which that sends to a memcached.
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

namespace {

volatile std::sig_atomic_t stops_before_sending = 0;

void on_signal(int /*number*/) {
  stops_before_sending = 1;
}

[[gnu::constructor]] void listen_for_signal() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);
}

void about_to_send() {
  if (stops_before_sending == 0) return;
  stops_before_sending = 0;
  raise(SIGSTOP);
}

}  // namespace

extern "C" ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  about_to_send();
  return syscall(SYS_sendmsg, fd, message, flags);
}

extern "C" ssize_t send(int fd, const void* data, size_t size, int flags) {
  about_to_send();
  return syscall(SYS_sendto, fd, data, size, flags, nullptr, 0);
}
