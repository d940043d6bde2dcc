// A memcached client over one plain connection, as any application has it: one request, one answer.
// What was not answered in time, or not understood, closes the connection.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "tests/live/netns/cache.hpp"

namespace netns {
namespace {

constexpr timeval answer_timeout{2, 0};             // as patient as applications are by default
constexpr unsigned pause_after_refusal_us = 20000;  // nobody listens: do not ask in a busy loop

class PortCache final : public Cache {
 public:
  explicit PortCache(const std::string& target) {
    const std::size_t colon = target.rfind(':');
    address_.sin_family = AF_INET;
    address_.sin_port = htons(static_cast<std::uint16_t>(std::atoi(target.c_str() + colon + 1)));
    inet_pton(AF_INET, target.substr(0, colon).c_str(), &address_.sin_addr);
  }
  ~PortCache() override { drop(); }

  Answer get(const std::string& key, std::string& value) override {
    std::string line;
    if (!send_all("get " + key + "\r\n") || !read_line(line)) return lost();
    if (line == "END") return Answer::miss;
    if (!line.starts_with("VALUE " + key + " ")) return error(line);
    std::string end;
    if (!read_line(value) || !read_line(end) || end != "END") return lost();
    return Answer::hit;
  }
  Answer set(const std::string& key, const std::string& value) override {
    return store("set", key, value);
  }
  Answer add(const std::string& key, const std::string& value) override {
    return store("add", key, value);
  }
  Answer erase(const std::string& key) override {
    return one_line("delete " + key + "\r\n", "DELETED", "NOT_FOUND");
  }

 private:
  Answer store(const std::string& verb, const std::string& key, const std::string& value) {
    const std::string size = std::to_string(value.size());
    return one_line(verb + " " + key + " 0 0 " + size + "\r\n" + value + "\r\n", "STORED",
                    "NOT_STORED");
  }
  Answer one_line(const std::string& request, std::string_view done, std::string_view not_done) {
    std::string line;
    if (!send_all(request) || !read_line(line)) return lost();
    if (line == done) return Answer::done;
    return line == not_done ? Answer::not_done : error(line);
  }

  // An error in words leaves the connection in order; anything else does not.
  Answer error(const std::string& line) {
    const bool is_in_order = line.starts_with("SERVER_ERROR") || line.starts_with("CLIENT_ERROR");
    if (!is_in_order) drop();
    return Answer::failed;
  }
  Answer lost() {
    drop();
    return Answer::unanswered;
  }
  void drop() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
    buffer_.clear();
  }

  bool connect_now() {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &answer_timeout, sizeof(answer_timeout));
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &answer_timeout, sizeof(answer_timeout));
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&address_), sizeof(address_)) == 0) {
      return true;
    }
    drop();
    usleep(pause_after_refusal_us);
    return false;
  }

  bool send_all(std::string_view bytes) {
    if (fd_ < 0 && !connect_now()) return false;
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // Values hold no line ends, so a value is a line as well.
  bool read_line(std::string& line) {
    std::size_t end = buffer_.find("\r\n");
    while (end == std::string::npos) {
      char chunk[512];
      const ssize_t received = recv(fd_, chunk, sizeof(chunk), 0);
      if (received <= 0) return false;
      buffer_.append(chunk, static_cast<std::size_t>(received));
      end = buffer_.find("\r\n");
    }
    line = buffer_.substr(0, end);
    buffer_.erase(0, end + 2);
    return true;
  }

  sockaddr_in address_{};
  int fd_ = -1;
  std::string buffer_;
};

}  // namespace

std::unique_ptr<Cache> open_port(const std::string& target) {
  return std::make_unique<PortCache>(target);
}

}  // namespace netns
