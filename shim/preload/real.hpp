// libc's own functions behind those that the preload puts in front of them. All are looked up when
// the library is loaded: a lookup takes the loader's lock, which a signal's handler or a thread
// that a constructor waits for must not need. What runs earlier still looks its own up. Everything
// in this folder calls these, never the plain names: those lead back here. Any thread.
#pragma once

#include <dlfcn.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <fcntl.h>
#include <atomic>
#include <cstdio>

namespace ringfence::shim::preload {

template <typename Function>
class Real {
 public:
  constexpr explicit Real(const char* name) noexcept : name_(name) {}

  // Relaxed: every thread finds the same address.
  [[nodiscard]] Function get() noexcept {
    Function function = function_.load(std::memory_order_relaxed);
    return __builtin_expect(function != nullptr, 1) ? function : look_up();
  }
  // Not noexcept: where libc's call is made for the application, its thread may be cancelled.
  template <typename... Arguments>
  auto operator()(Arguments... arguments) {
    return get()(arguments...);
  }

 private:
  [[nodiscard, gnu::noinline, gnu::cold]] Function look_up() noexcept {
    auto function = reinterpret_cast<Function>(dlsym(RTLD_NEXT, name_));
    function_.store(function, std::memory_order_relaxed);
    return function;
  }

  const char* name_;
  std::atomic<Function> function_{nullptr};
};

namespace real {

inline constinit Real<int (*)(int, const sockaddr*, socklen_t)> connect{"connect"};
inline constinit Real<ssize_t (*)(int, const void*, size_t, int)> send{"send"};
inline constinit Real<ssize_t (*)(int, const void*, size_t, int, const sockaddr*, socklen_t)>
    sendto{"sendto"};
inline constinit Real<ssize_t (*)(int, const msghdr*, int)> sendmsg{"sendmsg"};
inline constinit Real<int (*)(int, mmsghdr*, unsigned, int)> sendmmsg{"sendmmsg"};
inline constinit Real<ssize_t (*)(int, const void*, size_t)> write{"write"};
inline constinit Real<ssize_t (*)(int, const iovec*, int)> writev{"writev"};
inline constinit Real<ssize_t (*)(int, void*, size_t, int)> recv{"recv"};
inline constinit Real<ssize_t (*)(int, void*, size_t, int, sockaddr*, socklen_t*)> recvfrom{
    "recvfrom"};
inline constinit Real<ssize_t (*)(int, msghdr*, int)> recvmsg{"recvmsg"};
inline constinit Real<int (*)(int, mmsghdr*, unsigned, int, timespec*)> recvmmsg{"recvmmsg"};
inline constinit Real<ssize_t (*)(int, void*, size_t)> read{"read"};
inline constinit Real<ssize_t (*)(int, const iovec*, int)> readv{"readv"};
inline constinit Real<int (*)(pollfd*, nfds_t, int)> poll{"poll"};
inline constinit Real<int (*)(pollfd*, nfds_t, const timespec*, const sigset_t*)> ppoll{"ppoll"};
inline constinit Real<int (*)(int, fd_set*, fd_set*, fd_set*, timeval*)> select{"select"};
inline constinit Real<int (*)(int, fd_set*, fd_set*, fd_set*, const timespec*, const sigset_t*)>
    pselect{"pselect"};
inline constinit Real<int (*)(int, int, int, epoll_event*)> epoll_ctl{"epoll_ctl"};
inline constinit Real<int (*)(int)> close{"close"};
inline constinit Real<long (*)(long, long, long, long, long, long, long)> syscall{"syscall"};
inline constinit Real<int (*)(unsigned, unsigned, int)> close_range{"close_range"};
inline constinit Real<int (*)(int)> dup{"dup"};
inline constinit Real<int (*)(int, int)> dup2{"dup2"};
inline constinit Real<int (*)(int, int, int)> dup3{"dup3"};
inline constinit Real<int (*)(FILE*)> fclose{"fclose"};
inline constinit Real<FILE* (*)(int, const char*)> fdopen{"fdopen"};
inline constinit Real<int (*)(int, int)> shutdown{"shutdown"};
inline constinit Real<int (*)(int, int, int, const void*, socklen_t)> setsockopt{"setsockopt"};
inline constinit Real<int (*)(int, int, ...)> fcntl{"fcntl"};
inline constinit Real<int (*)(int, unsigned long, ...)> ioctl{"ioctl"};
inline constinit Real<ssize_t (*)(int, int, off_t*, size_t)> sendfile{"sendfile"};
inline constinit Real<ssize_t (*)(int, off64_t*, int, off64_t*, size_t, unsigned)> splice{"splice"};
inline constinit Real<void* (*)(const char*, int)> dlopen{"dlopen"};

inline void find_all() noexcept {
  const auto find = [](auto&... functions) { ((void)functions.get(), ...); };
  find(connect, send, sendto, sendmsg, sendmmsg, write, writev, recv, recvfrom, recvmsg, recvmmsg,
       read, readv, poll, ppoll, select, pselect, epoll_ctl, close, syscall, close_range, dup, dup2,
       dup3, fclose, fdopen, shutdown, setsockopt, fcntl, ioctl, sendfile, splice, dlopen);
}

}  // namespace real

}  // namespace ringfence::shim::preload
