#include "tests/live/support/scripted_server.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <vector>

#include "tests/live/support/text_client.hpp"

namespace ringfence::live {
namespace {

constexpr int turn_ms = 20;  // how soon the thread notices the end
constexpr std::size_t chunk_bytes = 65536;

}  // namespace

ScriptedServer::ScriptedServer(Script script) : script_(std::move(script)) {
  const ListeningSocket listening = listen_on_loopback();
  listen_fd_ = listening.fd;
  address_ = listening.address();
  thread_ = std::thread([this] { run(); });
}

ScriptedServer::~ScriptedServer() {
  is_ending_ = true;
  thread_.join();
  for (const auto& [fd, connection] : connections_) close(fd);
  close(listen_fd_);
}

void ScriptedServer::run() {
  while (!is_ending_) {
    std::vector<pollfd> pollers{{listen_fd_, POLLIN, 0}};
    for (const auto& [fd, connection] : connections_) pollers.push_back({fd, POLLIN, 0});
    if (poll(pollers.data(), pollers.size(), turn_ms) <= 0) continue;
    for (const pollfd& poller : pollers) {
      if (poller.revents == 0) continue;
      if (poller.fd != listen_fd_) {
        serve(poller.fd);
      } else if (const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC); fd >= 0) {
        connections_.emplace(fd, Connection{});
      }
    }
  }
}

void ScriptedServer::serve(int fd) {
  std::array<char, chunk_bytes> chunk;
  const ssize_t count = recv(fd, chunk.data(), chunk.size(), 0);
  Connection& connection = connections_[fd];
  if (count <= 0) {
    if (connection.is_asked) --open_count_;
    connections_.erase(fd);
    close(fd);
    return;
  }
  const std::string_view received(chunk.data(), static_cast<std::size_t>(count));
  const bool is_version = received == "version\r\n";
  if (!is_version && !connection.is_asked) {
    connection.is_asked = true;
    ++open_count_;
    ++asked_count_;
  }
  const std::string answer = is_version ? "VERSION 1.6.18\r\n" : script_(received);
  // What does not fit the socket is lost: answers are short, or break the protocol early.
  (void)send(fd, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace ringfence::live
