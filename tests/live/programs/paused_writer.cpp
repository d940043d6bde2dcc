// A client process that routes by libringfence's C API and writes with a socket of its own, and
// that stands still exactly between the two: it stops itself (SIGSTOP) after the route, and goes on
// when somebody continues it. Says what the write and the validation answered:
//   paused_writer SEGMENT KEY VALUE   ->  "STORED <status of ringfence_validate>"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

#include "shim/ringfence.h"

namespace {

int connect_to(const ringfence_address& address) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(address.port);
  std::memcpy(&to.sin_addr, address.ip, sizeof(to.sin_addr));
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) {
    std::perror("connect");
    return -1;
  }
  return fd;
}

std::string write_value(int fd, const std::string& wire_key, const std::string& value) {
  const std::string request =
      "set " + wire_key + " 0 0 " + std::to_string(value.size()) + "\r\n" + value + "\r\n";
  if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return "not sent";
  }
  std::string reply;
  char byte = 0;
  while (recv(fd, &byte, 1, 0) == 1 && byte != '\r') {
    reply += byte;
  }
  return reply;
}

int fail(const char* what, ringfence_status status) {
  std::fprintf(stderr, "%s: %s\n", what, ringfence_describe(status));
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    return fail("usage: paused_writer SEGMENT KEY VALUE", RINGFENCE_SYSTEM);
  }
  const std::string key = argv[2];
  ringfence_t* handle = nullptr;
  ringfence_status status = ringfence_attach(argv[1], &handle);
  ringfence_ticket ticket{};
  ringfence_address address{};
  if (status == RINGFENCE_OK) {
    status = ringfence_route(handle, key.data(), key.size(), &ticket);
  }
  if (status == RINGFENCE_OK) {
    status = ringfence_backend(handle, &ticket, &address);
  }
  if (status != RINGFENCE_OK) {
    return fail("route", status);
  }
  std::array<char, RINGFENCE_KEY_MAX> wire_key{};
  const std::size_t size = ringfence_wire_key(&ticket, key.data(), key.size(), wire_key.data());

  if (raise(SIGSTOP) != 0) {  // the view changes while we stand here
    return fail("raise", RINGFENCE_SYSTEM);
  }

  const int fd = connect_to(address);
  if (fd < 0) {
    return 1;
  }
  const std::string reply = write_value(fd, std::string(wire_key.data(), size), argv[3]);
  const ringfence_status verdict = ringfence_validate(handle, &ticket);
  std::printf("%s %d\n", reply.c_str(), static_cast<int>(verdict));
  close(fd);
  ringfence_detach(handle);
  return 0;
}
