// `peers`: who the core knows, and what the mesh measures of the connections to them.
#include <fmt/format.h>

#include <algorithm>

#include "agent/control/show.hpp"
#include "shm_layout/clock.hpp"

namespace ringfence::agent::control {
namespace {

using shm_layout::ns_per_ms;

constexpr std::int64_t ns_per_us = 1000;

std::string role_of(const core::PeerReport& peer) {
  return peer.is_witness ? "witness" : "auto";
}

// What only the mesh knows; an agent without a connection has none of it.
void add_connection(Json& agent, const mesh::PeerReport& connection) {
  agent["round_trip_us"] =
      connection.round_trip_ns < 0 ? Json() : Json(connection.round_trip_ns / ns_per_us);
  agent["sent_bytes"] = connection.sent_bytes;
  agent["received_bytes"] = connection.received_bytes;
  agent["queued_bytes"] = connection.queued_bytes;
  agent["remote"] = connection.remote;
  agent["is_dialled"] = connection.is_dialled;
}

Json failing_json(const std::vector<mesh::PeerReport>& connections) {
  Json failing = Json::array();
  for (const mesh::PeerReport& connection : connections) {
    if (connection.is_up) continue;
    failing.push_back({{"address", connection.address}, {"last_error", connection.last_error}});
  }
  return failing;
}

}  // namespace

Json agents_json(const core::NodeReport& report, core::Instant now) {
  Json agents = Json::array();
  for (const core::PeerReport& peer : report.peers) {
    const std::int64_t age_ms = (now - peer.since).ns / ns_per_ms;
    agents.push_back({{"id", fmt::format("{:016x}", peer.id.value)},
                      {"name", peer.name},
                      {"address", peer.address},
                      {"zone", peer.zone},
                      {"role", role_of(peer)},
                      {"incarnation", peer.incarnation.value},
                      {"is_self", peer.is_self},
                      {"in_view", peer.is_in_view},
                      {"is_connected", peer.is_connected},
                      {"is_voter", peer.is_voter},
                      {"is_leader", peer.is_leader},
                      {"quarantined", peer.quarantined},
                      {"age_ms", std::max<std::int64_t>(0, age_ms)}});
  }
  return agents;
}

Json peers_json(const core::NodeReport& report, const std::vector<mesh::PeerReport>& connections,
                core::Instant now) {
  Json agents = agents_json(report, now);
  for (std::size_t i = 0; i < report.peers.size(); ++i) {
    for (const mesh::PeerReport& connection : connections) {
      if (connection.is_up && connection.id == report.peers[i].id) {
        add_connection(agents[i], connection);
      }
    }
  }
  return {{"ok", true},
          {"forming", report.forming},
          {"agents", std::move(agents)},
          {"failing", failing_json(connections)}};
}

}  // namespace ringfence::agent::control
