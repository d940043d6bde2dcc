// The clients of one contender on one epoll loop: each has one call under way at a time, and begins
// the next when all its answers have come and are right. To a proxy a client has one connection; to
// the memcacheds one to each, and it picks by key, as a client library does. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "bench/port/connection.hpp"
#include "bench/port/scenario.hpp"

namespace ringfence::bench {

class Load {
 public:
  // A number below `choices`.
  using Pick = std::function<std::size_t(std::size_t choices)>;

  Load(const Items& items, const Scenario& scenario, std::span<const std::uint16_t> ports);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // Makes `calls` calls; returns how long each took. Throws on a wrong answer, and on silence.
  std::vector<double> run_us(std::size_t calls, const Pick& pick);

 private:
  using Clock = std::chrono::steady_clock;
  struct Client {
    std::vector<std::unique_ptr<Connection>> connections;
    std::size_t waiting = 0;  // connections whose answers are still to come
    Clock::time_point begun;
  };
  void begin(Client& client, const Pick& pick);
  void call_one(Client& client, std::size_t item, bool is_set);
  void call_pipelined(Client& client, const Pick& pick);
  void call_many(Client& client, std::size_t first);
  void send_batches(Client& client);
  // Whether that ended its client's call.
  [[nodiscard]] bool on_event(Connection& connection, std::uint32_t events);
  [[nodiscard]] static Connection& connection_for(Client& client, std::size_t item) {
    return *client.connections[item % client.connections.size()];
  }

  const Items& items_;
  const Scenario scenario_;
  const int epoll_fd_;
  std::vector<Client> clients_;
};

}  // namespace ringfence::bench
