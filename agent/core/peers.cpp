#include "agent/core/peers.hpp"

#include <utility>

namespace ringfence::agent::core {

void Peers::on_up(const PeerUp& up) {
  Peer& peer = peers_[up.id];
  peer = Peer{up.incarnation, up.name, up.address, up.dialled_as, std::nullopt, true, desk_.now};
  in_fleets_.erase(up.id);
}

void Peers::on_addresses(const PeerAddresses& told) {
  const auto found = peers_.find(told.id);
  if (found != peers_.end()) found->second.dialled_as = told.dialled_as;
}

void Peers::on_down(AgentId id) {
  const auto found = peers_.find(id);
  if (found == peers_.end() || !found->second.is_connected) return;
  found->second.is_connected = false;
  found->second.introduction.reset();
  found->second.since = desk_.now;
  in_fleets_.erase(id);
}

bool Peers::on_introduction(AgentId from, Introduction introduction) {
  const auto found = peers_.find(from);
  if (found == peers_.end() || !found->second.is_connected) return false;
  if (introduction.has_fleet) {
    in_fleets_.insert(from);
  } else {
    in_fleets_.erase(from);
  }
  found->second.introduction = std::move(introduction);
  return true;
}

const Peer* Peers::find(AgentId id) const {
  const auto found = peers_.find(id);
  return found == peers_.end() ? nullptr : &found->second;
}

bool Peers::is_connected(AgentId id) const {
  const Peer* peer = find(id);
  return id == desk_.settings.id || (peer != nullptr && peer->is_connected);
}

Duration Peers::silence(AgentId id) const {
  if (is_connected(id)) return Duration{};
  const Peer* peer = find(id);
  return desk_.now - (peer != nullptr ? peer->since : desk_.began);
}

void Peers::send_all(const Message& message) {
  const std::string bytes = encode(message);
  for (const auto& [id, peer] : peers_) {
    if (peer.is_connected) desk_.emit(SendMessage{id, bytes});
  }
}

}  // namespace ringfence::agent::core
