#include "tests/sim/fleet_mesh.hpp"

#include <utility>

namespace ringfence::sim {
namespace {

// The place in a Link's arrays of what `from` sends and is told.
std::size_t side(std::size_t from, std::size_t to) {
  return from < to ? 0 : 1;
}

}  // namespace

FleetMesh::FleetMesh(Schedule& schedule, std::size_t host_count, MeshEnds ends)
    : schedule_(schedule),
      host_count_(host_count),
      ends_(std::move(ends)),
      nodes_(host_count),
      links_(host_count * host_count) {}

FleetMesh::Link& FleetMesh::link(std::size_t a, std::size_t b) {
  return links_[std::min(a, b) * host_count_ + std::max(a, b)];
}

const FleetMesh::Link& FleetMesh::link(std::size_t a, std::size_t b) const {
  return links_[std::min(a, b) * host_count_ + std::max(a, b)];
}

Duration FleetMesh::delay() {
  const bool is_slow = schedule_.random(200) == 0;
  return is_slow ? schedule_.between(20_ms, 400_ms) : schedule_.between(Duration{100'000}, 4_ms);
}

void FleetMesh::start(std::size_t host) {
  nodes_[host].runs = true;
  for (std::size_t peer = 0; peer < host_count_; ++peer) consider(host, peer);
}

void FleetMesh::stop(std::size_t host, bool is_silent) {
  nodes_[host] = Node{false, false, nodes_[host].pause + 1};
  for (std::size_t peer = 0; peer < host_count_; ++peer) {
    if (peer == host) continue;
    Link& some = link(host, peer);
    some.is_up[side(host, peer)] = some.is_dialled[side(host, peer)] = false;
    some.held[0].clear();
    some.held[1].clear();
    if (!some.is_up[side(peer, host)]) {
      some.connection = 0;
    } else if (is_silent || some.is_cut[side(host, peer)]) {
      schedule_.after(peer_timeout, [this, peer, host, connection = some.connection] {
        side_down(peer, host, connection);
      });
    } else {
      side_down_later(peer, host);
    }
  }
}

// Who stands still for too long is given up by its peers, and learns of it when it goes on.
void FleetMesh::pause(std::size_t host, bool is_paused) {
  nodes_[host].is_paused = is_paused;
  const std::uint64_t pause = ++nodes_[host].pause;
  for (std::size_t peer = 0; peer < host_count_ && is_paused; ++peer) {
    if (peer == host || link(host, peer).connection == 0) continue;
    schedule_.after(peer_timeout,
                    [this, host, peer, pause, connection = link(host, peer).connection] {
                      if (nodes_[host].pause != pause) return;
                      side_down(peer, host, connection);
                      side_down(host, peer, connection);
                    });
  }
  for (std::size_t peer = 0; peer < host_count_ && !is_paused; ++peer) consider(host, peer);
}

void FleetMesh::dial(std::size_t host, const std::vector<std::size_t>& peers) {
  for (std::size_t peer = 0; peer < host_count_; ++peer) {
    if (peer != host) link(host, peer).is_dialled[side(host, peer)] = false;
  }
  for (const std::size_t peer : peers) {
    if (peer == host) continue;
    link(host, peer).is_dialled[side(host, peer)] = true;
    consider(host, peer);
  }
}

bool FleetMesh::is_possible(std::size_t a, std::size_t b) const {
  const Link& some = link(a, b);
  const bool is_whole = some.is_up[0] && some.is_up[1];
  return !is_whole && nodes_[a].runs && nodes_[b].runs && !nodes_[a].is_paused &&
         !nodes_[b].is_paused && !some.is_cut[0] && !some.is_cut[1] &&
         (some.is_dialled[0] || some.is_dialled[1]);
}

void FleetMesh::consider(std::size_t a, std::size_t b) {
  if (a == b) return;
  Link& some = link(a, b);
  if (some.is_connecting || !is_possible(a, b)) return;
  some.is_connecting = true;
  const Duration pause =
      schedule_.chance(80) ? schedule_.between(1_ms, 50_ms) : schedule_.between(50_ms, 600_ms);
  schedule_.after(pause, [this, a, b] { connect(a, b); });
}

void FleetMesh::connect(std::size_t a, std::size_t b) {
  Link& some = link(a, b);
  some.is_connecting = false;
  if (!is_possible(a, b)) return;
  some.is_connecting = true;
  // One that reconnects replaces its old connection.
  side_down(a, b, some.connection);
  side_down(b, a, some.connection);
  some.connection = ++last_connection_;
  for (const auto& [host, peer] : {std::pair{a, b}, std::pair{b, a}}) {
    const Duration wait = delay();
    Instant& known_by = some.arrives_by[side(peer, host)];
    known_by = schedule_.now() + wait;
    schedule_.after(wait, [this, host = host, peer = peer, connection = some.connection] {
      Link& made = link(host, peer);
      if (made.connection != connection || !nodes_[host].runs) return;
      made.is_up[side(host, peer)] = true;
      ends_.up(host, peer);
    });
  }
  const Instant whole_at = std::max(some.arrives_by[0], some.arrives_by[1]);
  schedule_.after(whole_at - schedule_.now(), [this, a, b] {
    link(a, b).is_connecting = false;
    consider(a, b);
  });
}

void FleetMesh::send(std::size_t from, std::size_t to, std::string bytes) {
  Link& some = link(from, to);
  if (!some.is_up[side(from, to)]) return;
  ++message_count_;
  byte_count_ += bytes.size();
  auto& held = some.held[side(from, to)];
  if (some.is_cut[side(from, to)] || !held.empty()) {
    held.push_back(std::move(bytes));
  } else {
    carry(from, to, std::move(bytes));
  }
}

void FleetMesh::carry(std::size_t from, std::size_t to, std::string bytes) {
  Link& some = link(from, to);
  Instant& arrives_by = some.arrives_by[side(from, to)];
  arrives_by = std::max(arrives_by, schedule_.now() + delay());
  schedule_.after(arrives_by - schedule_.now(), [this, from, to, connection = some.connection,
                                                 bytes = std::move(bytes)]() mutable {
    const Link& then = link(from, to);
    const bool is_there = then.connection == connection && then.is_up[side(to, from)];
    if (is_there) ends_.message(to, from, std::move(bytes));
  });
}

// The side that hears nothing gives up, and tells the other if it can.
void FleetMesh::cut(std::size_t from, std::size_t to) {
  Link& some = link(from, to);
  if (some.is_cut[side(from, to)]) return;
  some.is_cut[side(from, to)] = true;
  if (some.connection == 0) return;
  schedule_.after(schedule_.between(peer_timeout, 1550_ms),
                  [this, from, to, connection = some.connection] {
                    Link& then = link(from, to);
                    if (then.connection != connection || !then.is_cut[side(from, to)]) return;
                    side_down(to, from, connection);
                    if (!then.is_cut[side(to, from)]) side_down_later(from, to);
                  });
}

void FleetMesh::heal(std::size_t from, std::size_t to) {
  Link& some = link(from, to);
  if (!some.is_cut[side(from, to)]) return;
  some.is_cut[side(from, to)] = false;
  const bool is_half_open = some.is_up[0] != some.is_up[1] && some.connection != 0;
  if (is_half_open && some.is_up[side(from, to)]) side_down_later(from, to);
  if (is_half_open && some.is_up[side(to, from)]) side_down_later(to, from);
  std::deque<std::string> held;
  held.swap(some.held[side(from, to)]);
  for (std::string& bytes : held) carry(from, to, std::move(bytes));
  consider(from, to);
}

void FleetMesh::break_connection(std::size_t a, std::size_t b) {
  side_down_later(a, b);
  side_down_later(b, a);
}

// After what is on its way from the peer.
void FleetMesh::side_down_later(std::size_t host, std::size_t peer) {
  const Link& some = link(host, peer);
  const Instant at = std::max(some.arrives_by[side(peer, host)], schedule_.now() + delay());
  schedule_.after(at - schedule_.now(), [this, host, peer, connection = some.connection] {
    side_down(host, peer, connection);
    consider(host, peer);
  });
}

void FleetMesh::side_down(std::size_t host, std::size_t peer, std::uint64_t connection) {
  Link& some = link(host, peer);
  if (some.connection != connection || !some.is_up[side(host, peer)]) return;
  some.is_up[side(host, peer)] = false;
  some.held[side(host, peer)].clear();
  if (!some.is_up[side(peer, host)]) some.connection = 0;
  ends_.down(host, peer);
  consider(host, peer);
}

bool FleetMesh::is_connected(std::size_t a, std::size_t b) const {
  const bool are_well =
      nodes_[a].runs && nodes_[b].runs && !nodes_[a].is_paused && !nodes_[b].is_paused;
  if (!are_well || a == b) return are_well;
  const Link& some = link(a, b);
  return some.is_up[0] && some.is_up[1] && !some.is_cut[0] && !some.is_cut[1];
}

}  // namespace ringfence::sim
