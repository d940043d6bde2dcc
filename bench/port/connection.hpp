// One socket of one client: commands out, answers in and judged. It never blocks. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/port/replies.hpp"

namespace ringfence::bench {

class Connection {
 public:
  // Connects to a port of this host; throws. `client` tells whose it is.
  Connection(const Items& items, std::uint16_t port, std::size_t client);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] std::size_t client() const { return client_; }
  [[nodiscard]] Replies& replies() { return replies_; }

  void send(std::string_view commands);  // which must last until they were answered
  // Commands that are put together, and then go out in one write.
  void add(std::string_view part) { batch_ += part; }
  void send_batch();

  void flush();    // sends what the socket did not take before
  void receive();  // takes what there is; throws on a wrong answer

 private:
  const int fd_;
  const std::size_t client_;
  Replies replies_;
  std::string batch_, sent_batch_;
  std::string_view unsent_;
  std::vector<char> received_;
  std::size_t received_bytes_ = 0;
};

}  // namespace ringfence::bench
