// The floor: a loop that somebody wrote by hand for exactly this. It knows which server has which
// key, every request is ready before it is timed, and it does one send and one receive a server.
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <stdexcept>

#include "bench/client/contender.hpp"

namespace ringfence::bench {
namespace {

constexpr std::size_t buffer_bytes = 64 * 1024;

class HandWritten final : public Contender {
 public:
  HandWritten(std::string_view name, std::span<const std::uint16_t> ports)
      : name_(name), buffer_(buffer_bytes, '\0') {
    for (const std::uint16_t port : ports) fds_.push_back(connect_to_port(port));
  }
  ~HandWritten() override {
    for (const int fd : fds_) close(fd);
  }
  [[nodiscard]] std::string_view name() const override { return name_; }

  void fill(const Keys& keys, const std::string& value) override {
    for (const std::string& key : keys) {
      requests_.push_back("get " + key + "\r\n");
      sets_.push_back("set " + key + " 0 0 " + std::to_string(value.size()) + "\r\n" + value +
                      "\r\n");
    }
    for (std::size_t first = 0; first + batch_keys <= keys.size(); first += batch_keys) {
      PerServer lines(fds_.size(), "get");
      for (std::size_t i = first; i < first + batch_keys; ++i) lines[server_of(i)] += " " + keys[i];
      for (std::string& line : lines) line += "\r\n";
      batches_.push_back(std::move(lines));
    }
    for (std::size_t first = 0; first + batch_sets <= keys.size(); first += batch_sets) {
      PerServer lines(fds_.size());
      for (std::size_t i = first; i < first + batch_sets; ++i) lines[server_of(i)] += sets_[i];
      set_batches_.push_back(std::move(lines));
    }
    for (std::size_t batch = 0; batch < set_batches_.size(); ++batch) set_many(batch);
  }

  std::size_t get(std::size_t key) override {
    const int fd = fds_[server_of(key)];
    send_all(fd, requests_[key]);
    return values_in(receive_until(fd, "END\r\n"));
  }
  std::size_t get_many(std::size_t batch) override {
    const PerServer& lines = batches_[batch];
    for (std::size_t i = 0; i < fds_.size(); ++i) send_all(fds_[i], lines[i]);
    std::size_t bytes = 0;
    for (const int fd : fds_) bytes += values_in(receive_until(fd, "END\r\n"));
    return bytes;
  }
  void set_many(std::size_t batch) override {
    const PerServer& lines = set_batches_[batch];
    for (std::size_t i = 0; i < fds_.size(); ++i) send_all(fds_[i], lines[i]);
    constexpr std::size_t answer_bytes = sizeof("STORED\r\n") - 1;
    for (const int fd : fds_) receive_exactly(fd, batch_sets / fds_.size() * answer_bytes);
  }

 private:
  using PerServer = std::vector<std::string>;

  [[nodiscard]] std::size_t server_of(std::size_t key) const { return key % fds_.size(); }

  static void send_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) throw std::runtime_error("hand-written: send");
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  std::size_t receive(int fd, std::size_t have) {
    const ssize_t received = recv(fd, buffer_.data() + have, buffer_.size() - have, 0);
    if (received <= 0) throw std::runtime_error("hand-written: recv");
    return have + static_cast<std::size_t>(received);
  }
  std::string_view receive_until(int fd, std::string_view end) {
    std::string_view bytes;
    do {
      bytes = {buffer_.data(), receive(fd, bytes.size())};
    } while (!bytes.ends_with(end));
    return bytes;
  }
  void receive_exactly(int fd, std::size_t count) {
    for (std::size_t have = 0; have < count;) have = receive(fd, have);
    if (std::memcmp(buffer_.data(), "STORED", 6) != 0) throw std::runtime_error("not stored");
  }
  // VALUE <key> <flags> <bytes>\r\n<data>\r\n ... END\r\n
  [[nodiscard]] static std::size_t values_in(std::string_view reply) {
    std::size_t total = 0;
    while (reply.front() == 'V') {
      const std::size_t line = reply.find('\r');
      std::size_t bytes = 0;
      std::from_chars(reply.data() + reply.rfind(' ', line) + 1, reply.data() + line, bytes);
      total += bytes;
      reply.remove_prefix(line + 2 + bytes + 2);
    }
    return total;
  }

  const std::string_view name_;
  std::vector<int> fds_;
  std::string buffer_;
  std::vector<std::string> requests_, sets_;
  std::vector<PerServer> batches_, set_batches_;
};

}  // namespace

std::unique_ptr<Contender> make_hand_written(std::string_view name,
                                             std::span<const std::uint16_t> ports) {
  return std::make_unique<HandWritten>(name, ports);
}

}  // namespace ringfence::bench
