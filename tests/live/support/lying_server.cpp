#include "tests/live/support/lying_server.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string_view>
#include <vector>

#include "tests/live/support/text_client.hpp"

namespace ringfence::live {
namespace {

constexpr int turn_ms = 20;  // how soon the threads notice the end
constexpr std::size_t chunk_bytes = 65536;

void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      return;
    }
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

}  // namespace

LyingServer::LyingServer() {
  const ListeningSocket listening = listen_on_loopback();
  listen_fd_ = listening.fd;
  address_ = listening.address();
  thread_ = std::thread([this] { run(); });
}

LyingServer::~LyingServer() {
  is_ending_.store(true, std::memory_order_relaxed);
  thread_.join();
  close(listen_fd_);
}

void LyingServer::run() {
  std::vector<std::thread> connections;
  while (!is_ending_.load(std::memory_order_relaxed)) {
    pollfd listening{listen_fd_, POLLIN, 0};
    if (poll(&listening, 1, turn_ms) > 0) {
      const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC);
      connections.emplace_back([this, fd] { serve(fd); });
    }
  }
  for (std::thread& connection : connections) {
    connection.join();
  }
}

// Requests of a probe or of an admission come one write at a time, so a chunk that begins with
// flush_all is one.
void LyingServer::serve(int client_fd) {
  const int server_fd = connect_to(memcached_.address());
  std::array<pollfd, 2> ends{{{client_fd, POLLIN, 0}, {server_fd, POLLIN, 0}}};
  std::vector<char> chunk(chunk_bytes);
  bool is_open = server_fd >= 0;
  while (is_open && !is_ending_.load(std::memory_order_relaxed)) {
    if (poll(ends.data(), ends.size(), turn_ms) <= 0) {
      continue;
    }
    for (std::size_t from = 0; from < ends.size() && is_open; ++from) {
      if (ends[from].revents == 0) {
        continue;
      }
      const ssize_t count = recv(ends[from].fd, chunk.data(), chunk.size(), 0);
      is_open = count > 0;
      const std::string_view bytes(chunk.data(), is_open ? static_cast<std::size_t>(count) : 0);
      if (from == 0 && bytes.starts_with("flush_all")) {
        flush_count_.fetch_add(1, std::memory_order_relaxed);
        send_all(client_fd, "OK\r\n");
      } else {
        send_all(ends[1 - from].fd, bytes);
      }
    }
  }
  close(client_fd);
  if (server_fd >= 0) {
    close(server_fd);
  }
}

}  // namespace ringfence::live
