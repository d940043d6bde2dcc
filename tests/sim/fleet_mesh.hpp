// The mesh of a simulated fleet: a connection between every two agents of which one dials the
// other, in order within a connection, with delays, cuts of one direction that hold messages back
// until they heal or the connection is given up, and connections that break with all that was on
// its way. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "tests/sim/schedule.hpp"

namespace ringfence::sim {

inline constexpr Duration peer_timeout = 1500_ms;  // as mesh/settings.hpp

struct MeshEnds {
  std::function<void(std::size_t host, std::size_t peer)> up, down;
  std::function<void(std::size_t host, std::size_t from, std::string bytes)> message;
};

class FleetMesh {
 public:
  FleetMesh(Schedule& schedule, std::size_t host_count, MeshEnds ends);

  void start(std::size_t host);
  // The process is dead. `is_silent`: with its machine, so that peers notice by their timeout.
  void stop(std::size_t host, bool is_silent);
  void pause(std::size_t host, bool is_paused);
  void dial(std::size_t host, const std::vector<std::size_t>& peers);
  void send(std::size_t from, std::size_t to, std::string bytes);
  void cut(std::size_t from, std::size_t to);
  void heal(std::size_t from, std::size_t to);
  void break_connection(std::size_t a, std::size_t b);
  // Both can talk to each other at this moment.
  [[nodiscard]] bool is_connected(std::size_t a, std::size_t b) const;
  [[nodiscard]] std::uint64_t message_count() const { return message_count_; }
  [[nodiscard]] std::uint64_t byte_count() const { return byte_count_; }

 private:
  struct Link {  // of a < b; index 0 is a's side, or the direction that a sends in
    std::uint64_t connection = 0;
    bool is_connecting = false;
    std::array<bool, 2> is_up{};  // as that side was told
    std::array<bool, 2> is_dialled{}, is_cut{};
    std::array<Instant, 2> arrives_by{};  // what was sent before
    std::array<std::deque<std::string>, 2> held;
  };
  struct Node {
    bool runs = false;
    bool is_paused = false;
    std::uint64_t pause = 0;
  };
  [[nodiscard]] Link& link(std::size_t a, std::size_t b);
  [[nodiscard]] const Link& link(std::size_t a, std::size_t b) const;
  [[nodiscard]] Duration delay();
  [[nodiscard]] bool is_possible(std::size_t a, std::size_t b) const;
  void consider(std::size_t a, std::size_t b);
  void connect(std::size_t a, std::size_t b);
  void carry(std::size_t from, std::size_t to, std::string bytes);
  void side_down(std::size_t host, std::size_t peer, std::uint64_t connection);
  void side_down_later(std::size_t host, std::size_t peer);

  Schedule& schedule_;
  const std::size_t host_count_;
  MeshEnds ends_;
  std::vector<Node> nodes_;
  std::vector<Link> links_;
  std::uint64_t last_connection_ = 0;
  std::uint64_t message_count_ = 0, byte_count_ = 0;
};

}  // namespace ringfence::sim
