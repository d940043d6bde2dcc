#include "bench/port/load.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>

namespace ringfence::bench {
namespace {

constexpr int events_of_turn = 256;
constexpr int silence_ms = 10'000;         // nobody answers any more
constexpr std::size_t calls_of_sets = 10;  // one in ten

}  // namespace

// Edge-triggered: no call to epoll_ctl but this one.
Load::Load(const Items& items, const Scenario& scenario, std::span<const std::uint16_t> ports)
    : items_(items),
      scenario_(scenario),
      epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
      clients_(scenario.clients) {
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    for (const std::uint16_t port : ports) {
      auto& connections = clients_[i].connections;
      connections.push_back(std::make_unique<Connection>(items, port, i));
      epoll_event event{};
      event.events = EPOLLIN | EPOLLOUT | EPOLLET;
      event.data.ptr = connections.back().get();
      if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, connections.back()->fd(), &event) != 0) {
        throw std::runtime_error("epoll_ctl failed");
      }
    }
  }
}

Load::~Load() {
  close(epoll_fd_);
}

std::vector<double> Load::run_us(std::size_t calls, const Pick& pick) {
  std::vector<double> call_us;
  call_us.reserve(calls);
  std::size_t begun = 0;
  for (; begun < clients_.size() && begun < calls; ++begun) begin(clients_[begun], pick);
  std::array<epoll_event, events_of_turn> events;
  while (call_us.size() < calls) {
    const int count = epoll_wait(epoll_fd_, events.data(), events_of_turn, silence_ms);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw std::runtime_error("no answer within 10 s");
    for (int i = 0; i < count; ++i) {
      auto& connection = *static_cast<Connection*>(events[i].data.ptr);
      if (!on_event(connection, events[i].events)) continue;
      Client& client = clients_[connection.client()];
      const std::chrono::duration<double, std::micro> took = Clock::now() - client.begun;
      call_us.push_back(took.count());
      if (begun == calls) continue;
      ++begun;
      begin(client, pick);
    }
  }
  return call_us;
}

bool Load::on_event(Connection& connection, std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) connection.flush();
  if (!connection.replies().is_awaited() || (events & ~EPOLLOUT) == 0) return false;
  connection.receive();
  return !connection.replies().is_awaited() && --clients_[connection.client()].waiting == 0;
}

void Load::begin(Client& client, const Pick& pick) {
  client.begun = Clock::now();
  switch (scenario_.call) {
    case Call::get:
      return call_one(client, pick(items_.size()), false);
    case Call::set:
      return call_one(client, pick(items_.size()), true);
    case Call::get_or_set:
      return call_one(client, pick(items_.size()), pick(calls_of_sets) == 0);
    case Call::pipelined_get:
      return call_pipelined(client, pick);
    case Call::get_many:
      return call_many(client,
                       pick(items_.size() / scenario_.keys_of_call) * scenario_.keys_of_call);
  }
}

void Load::call_one(Client& client, std::size_t item, bool is_set) {
  Connection& connection = connection_for(client, item);
  client.waiting = 1;
  if (is_set) {
    connection.replies().expect_stored();
    connection.send(items_.set_command(item));
  } else {
    connection.replies().expect_values(item, 1, 1);
    connection.send(items_.get_command(item));
  }
}

void Load::call_pipelined(Client& client, const Pick& pick) {
  for (std::size_t i = 0; i < scenario_.keys_of_call; ++i) {
    const std::size_t item = pick(items_.size());
    Connection& connection = connection_for(client, item);
    connection.replies().expect_values(item, 1, 1);
    connection.add(items_.get_command(item));
  }
  send_batches(client);
}

// The keys first ... first + keys_of_call - 1, in one command to each server that has some.
void Load::call_many(Client& client, std::size_t first) {
  const std::size_t end = first + scenario_.keys_of_call;
  for (std::size_t server = 0; server < client.connections.size(); ++server) {
    std::size_t count = 0;
    Connection& connection = connection_for(client, first + server);
    for (std::size_t item = first + server; item < end; item += client.connections.size()) {
      connection.add(count++ == 0 ? "get " : " ");
      connection.add(items_.key(item));
    }
    connection.add("\r\n");
    connection.replies().expect_values(first, scenario_.keys_of_call, count);
  }
  send_batches(client);
}

void Load::send_batches(Client& client) {
  client.waiting = 0;
  for (const auto& connection : client.connections) {
    if (!connection->replies().is_awaited()) continue;
    ++client.waiting;
    connection->send_batch();
  }
}

}  // namespace ringfence::bench
