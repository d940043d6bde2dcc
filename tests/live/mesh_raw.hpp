// The other end of a mesh's connection, byte by byte: what a stranger sends, or a peer that
// misbehaves.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "agent/mesh/framing.hpp"
#include "agent/mesh/hello.hpp"
#include "tests/live/mesh_rig.hpp"

namespace ringfence::live {

class RawPeer {
 public:
  // `from` is the loopback address it comes from.
  explicit RawPeer(std::uint16_t port, const char* from = "127.0.0.1") {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in local{}, to{};
    local.sin_family = to.sin_family = AF_INET;
    inet_pton(AF_INET, from, &local.sin_addr);
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    to.sin_port = htons(port);
    is_connected_ = bind(fd_, reinterpret_cast<sockaddr*>(&local), sizeof local) == 0 &&
                    connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
    fcntl(fd_, F_SETFL, O_NONBLOCK);
  }
  ~RawPeer() { close(fd_); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  void send(const std::string& bytes) {
    static_cast<void>(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }
  void send_frame(FrameKind kind, const std::string& bytes) {
    std::string framed;
    append_frame(framed, kind, bytes);
    send(framed);
  }
  void send_hello(std::uint64_t id, const std::string& cluster = "test") {
    send_frame(FrameKind::hello, encode_hello(hello(id, cluster)));
  }
  [[nodiscard]] static Hello hello(std::uint64_t id, const std::string& cluster = "test") {
    Hello hello;
    hello.nonce = id;
    hello.cluster = cluster;
    hello.peer = PeerHello{AgentId{id}, Incarnation{1}, "raw", "127.0.0.1:1"};
    return hello;
  }
  // Reads what is there; true once the other side has closed.
  [[nodiscard]] bool is_closed() {
    char bytes[4096];
    while (true) {
      const ssize_t count = recv(fd_, bytes, sizeof bytes, 0);
      if (count > 0) {
        received += std::string(bytes, static_cast<std::size_t>(count));
        continue;
      }
      return count == 0 || (errno != EAGAIN && errno != EINTR) || !is_connected_;
    }
  }

  std::string received;

 private:
  int fd_ = -1;
  bool is_connected_ = false;
};

}  // namespace ringfence::live
