// What the comparison of our parser with a real memcached stands on: the same line goes to both,
// and what memcached answers must be what the parser says.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "shim/text/command.hpp"
#include "tests/live/support/memcached.hpp"

namespace ringfence::live {

using shim::text::is_storage;
using shim::text::parse_request;
using shim::text::ParseResult;
using shim::text::ParseStatus;
using shim::text::Request;
using shim::text::Verb;

// Told apart from anything memcached answers to the line under test.
inline constexpr std::string_view sentinel = "version\r\n";
inline constexpr std::string_view sentinel_answer = "VERSION 1.6.18\r\n";

// A connection on which whole answers are read: up to the sentinel's, or the close.
class RawClient {
 public:
  explicit RawClient(const std::string& address) : fd_(connect_to(address)) {}
  ~RawClient() { close(fd_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // What memcached says to `bytes` before the sentinel's answer; "closed" if it hangs up.
  std::string answer(const std::string& bytes) {
    const std::string all = bytes + std::string(sentinel);
    std::size_t sent = 0;
    while (sent < all.size()) {
      const ssize_t count = ::send(fd_, all.data() + sent, all.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) break;
      sent += static_cast<std::size_t>(count);
    }
    std::string got;
    while (!got.ends_with(sentinel_answer)) {
      pollfd waiting{fd_, POLLIN, 0};
      if (poll(&waiting, 1, static_cast<int>(patience.count())) != 1) return got + "silent";
      char piece[4096];
      const ssize_t count = recv(fd_, piece, sizeof piece, 0);
      if (count <= 0) {
        is_closed_ = true;
        return got + "closed";
      }
      got.append(piece, static_cast<std::size_t>(count));
    }
    got.resize(got.size() - sentinel_answer.size());
    return got;
  }
  [[nodiscard]] bool is_closed() const { return is_closed_; }

 private:
  int fd_;
  bool is_closed_ = false;
};

class TextAgainstMemcached : public testing::Test {
 protected:
  void SetUp() override {
    // Other versions word some answers otherwise.
    const std::string version = memcached_.client().ask("version");
    if (version != "VERSION 1.6.18") {
      GTEST_SKIP() << "compares with memcached 1.6.18; here is " << version;
    }
    reconnect();
  }
  void reconnect() {
    client_ = std::make_unique<RawClient>(memcached_.address());
    // The first byte of a connection chooses the protocol: 0x80 would be binary.
    ASSERT_EQ(client_->answer(""), "");
  }

  // Puts `line` (with its end) to both and compares.
  void compare(const std::string& line) {
    SCOPED_TRACE(testing::PrintToString(line.substr(0, 300)));
    Request request;
    const ParseResult parsed = parse_request(line, request);
    std::string bytes = line;
    if (parsed.status == ParseStatus::request && is_storage(request.verb)) {
      bytes += std::string(request.value_bytes, 'v') + "\r\n";
    }
    if (parsed.swallow_bytes > 0) {
      ASSERT_LT(parsed.swallow_bytes, 1U << 20);
      bytes += std::string(parsed.swallow_bytes, 'v');
    }
    check(parsed, request, client_->answer(bytes));
    if (client_->is_closed()) reconnect();
  }

  static void check(const ParseResult& parsed, const Request& request, const std::string& answer) {
    switch (parsed.status) {
      case ParseStatus::refused:
        EXPECT_EQ(answer, parsed.error_line);
        return;
      case ParseStatus::fatal:
        EXPECT_EQ(answer, std::string(parsed.error_line) + "closed");
        return;
      case ParseStatus::need_more:
        ADD_FAILURE() << "the line is whole";
        return;
      case ParseStatus::request:
        break;
    }
    if (request.verb == Verb::quit) {
      EXPECT_EQ(answer, "closed");
    } else if (request.is_noreply) {
      EXPECT_EQ(answer, "");
    } else {
      EXPECT_TRUE(is_success(request.verb, answer)) << answer;
    }
  }

  // An answer that only a command that was understood can have.
  static bool is_success(Verb verb, const std::string& answer) {
    switch (verb) {
      case Verb::get:
      case Verb::gets:
      case Verb::gat:
      case Verb::gats:
        return answer.ends_with("END\r\n");
      case Verb::stats:
        return answer.ends_with("END\r\n") || answer == "RESET\r\n";
      case Verb::flush_all:
      case Verb::verbosity:
        return answer == "OK\r\n";
      case Verb::version:
        return answer == sentinel_answer;
      case Verb::touch:
        return answer == "TOUCHED\r\n" || answer == "NOT_FOUND\r\n";
      case Verb::delete_key:
        return answer == "DELETED\r\n" || answer == "NOT_FOUND\r\n";
      case Verb::incr:
      case Verb::decr:
        return answer == "NOT_FOUND\r\n" || isdigit(static_cast<unsigned char>(answer[0])) != 0 ||
               answer == "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";
      default:
        return answer == "STORED\r\n" || answer == "NOT_STORED\r\n" || answer == "EXISTS\r\n" ||
               answer == "NOT_FOUND\r\n";
    }
  }

  Memcached memcached_;
  std::unique_ptr<RawClient> client_;
};

}  // namespace ringfence::live
