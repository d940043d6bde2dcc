// A plain, blocking memcached client with a timeout on every step: what an unmodified application
// does, by hand. Every failure (timeout, reset, end of stream) throws, which fails the test.
// One thread a client.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tests/live/support/wait.hpp"

namespace ringfence::live {

class SocketUse;  // socket_use.hpp

class TextClient {
 public:
  // `address` is "host:port" (host an IPv4 address) or a unix path.
  explicit TextClient(const std::string& address, Milliseconds timeout = patience);
  ~TextClient();
  TextClient(TextClient&& other) noexcept;
  TextClient& operator=(TextClient&& other) noexcept;
  TextClient(const TextClient&) = delete;
  TextClient& operator=(const TextClient&) = delete;

  // From now on bytes go and come in this way.
  void use(std::unique_ptr<SocketUse> how);
  void send(std::string_view bytes);
  [[nodiscard]] std::string read_line();  // without CRLF
  [[nodiscard]] std::string read_bytes(std::size_t count);
  // True when the other side closed; throws when bytes came instead.
  [[nodiscard]] bool is_closed_by_peer();
  // Waits for a byte that is not read yet (false) or for the other side's close (true).
  [[nodiscard]] bool is_ended();
  [[nodiscard]] int fd() const { return fd_; }

  // One command without a data block and the first line of its answer.
  [[nodiscard]] std::string ask(std::string_view command);
  std::string set(std::string_view key, std::string_view value, std::uint32_t flags = 0);
  // The value, nothing for a miss; an error line throws.
  [[nodiscard]] std::optional<std::string> get(std::string_view key);
  [[nodiscard]] std::map<std::string, std::string> stats(std::string_view argument = {});
  [[nodiscard]] std::uint64_t stat(const std::string& name);

 private:
  void fill();  // reads more into buffer_; throws on timeout and end of stream

  int fd_ = -1;
  std::string name_;
  std::string buffer_;
  std::unique_ptr<SocketUse> use_;
};

// A port of 127.0.0.1 that was free a moment ago, and is no other test's while this process lives.
[[nodiscard]] std::uint16_t free_port();
// A socket that listens there; throws when there is none.
struct ListeningSocket {
  int fd = -1;
  std::uint16_t port = 0;
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port); }
};
[[nodiscard]] ListeningSocket listen_on_loopback();
// A connected socket to "host:port" or a unix path, or -1 with errno.
[[nodiscard]] int connect_to(const std::string& address);

}  // namespace ringfence::live
