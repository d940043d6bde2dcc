// A library that is loaded late. While that is under way a thread of its own sends, and is waited
// for; and it tells whose send() it was given.
#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstring>
#include <thread>

namespace {

bool has_sent = false;

[[gnu::constructor]] void send_in_a_thread() {
  std::thread sender([] {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return;
    char byte = 'x';
    iovec piece{&byte, 1};
    mmsghdr message{};
    message.msg_hdr.msg_iov = &piece;
    message.msg_hdr.msg_iovlen = 1;
    has_sent = sendmmsg(pair[0], &message, 1, 0) == 1;
    close(pair[0]);
    close(pair[1]);
  });
  sender.join();
}

}  // namespace

extern "C" int preload_module_has_sent() {
  return has_sent ? 1 : 0;
}

extern "C" int preload_module_is_preloaded() {
  Dl_info info{};
  const bool is_found = dladdr(reinterpret_cast<void*>(&send), &info) != 0;
  return is_found && std::strstr(info.dli_fname, "ringfence-preload") != nullptr ? 1 : 0;
}
