// A client process of the linked library that stands still (SIGSTOP) in the middle of one call, at
// a place that cannot be hit from outside: right before the request is sent, or right after the
// answer has arrived and before the client looks at it. It goes on when somebody continues it.
//   paused_client SEGMENT before-set|after-set|after-get KEY VALUE TIMEOUT_MS
// Prints the status of the call, and for a hit the value. VALUE is what a set stores and what an
// answer to a get must hold to be stopped at; it stands still once.
//
// The program's own sendmsg, send and recv stand before the C library's for the library as well.
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "shim/ringfence.hpp"

namespace {

std::string stop_before_sending;  // empty: nowhere
std::string stop_after_receiving;

void stand_still(std::string& mark) {
  mark.clear();
  raise(SIGSTOP);
}

void about_to_send(std::string_view bytes) {
  if (!stop_before_sending.empty() && bytes.find(stop_before_sending) != std::string_view::npos) {
    stand_still(stop_before_sending);
  }
}

}  // namespace

extern "C" ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  std::string bytes;
  for (std::size_t i = 0; i < message->msg_iovlen; ++i) {
    bytes.append(static_cast<const char*>(message->msg_iov[i].iov_base),
                 message->msg_iov[i].iov_len);
  }
  about_to_send(bytes);
  return syscall(SYS_sendmsg, fd, message, flags);
}

extern "C" ssize_t send(int fd, const void* data, size_t size, int flags) {
  about_to_send({static_cast<const char*>(data), size});
  return syscall(SYS_sendto, fd, data, size, flags, nullptr, 0);
}

extern "C" ssize_t recv(int fd, void* data, size_t size, int flags) {
  const ssize_t received = syscall(SYS_recvfrom, fd, data, size, flags, nullptr, nullptr);
  if (received > 0 && !stop_after_receiving.empty() &&
      std::string_view(static_cast<const char*>(data), static_cast<std::size_t>(received))
              .find(stop_after_receiving) != std::string_view::npos) {
    stand_still(stop_after_receiving);
  }
  return received;
}

int main(int argc, char** argv) {
  if (argc != 6) return 64;
  const std::string where = argv[2], key = argv[3], value = argv[4];
  if (where == "before-set") stop_before_sending = value;
  if (where == "after-set") stop_after_receiving = "STORED";
  if (where == "after-get") stop_after_receiving = value;
  ringfence::Client client;
  ringfence::Options options;
  options.segment_path = argv[1];
  if (const ringfence_status status = client.open(options); status != RINGFENCE_OK) {
    std::printf("open: %s\n", ringfence_describe(status));
    return 1;
  }
  const ringfence::Timeout timeout{std::atoi(argv[5])};
  if (where == "after-get") {
    const ringfence::Read got = client.get(key, timeout);
    std::printf("%d %s\n", got.status, std::string(got.view()).c_str());
  } else {
    std::printf("%d\n", client.set(key, value, ringfence::forever, 0, timeout));
  }
  return 0;
}
