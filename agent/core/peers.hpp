// The other agents that the mesh reaches, and what they said of themselves. Owned by Node; one
// thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/core/desk.hpp"
#include "agent/core/messages.hpp"

namespace ringfence::agent::core {

struct Peer {
  Incarnation incarnation;
  std::string name, address;
  std::vector<std::string> dialled_as;
  std::optional<Introduction> introduction;  // of this connection
  bool is_connected = false;
  Instant since;  // connected, or not
};

class Peers {
 public:
  explicit Peers(Desk& desk) : desk_(desk) {}

  void on_up(const PeerUp& up);
  void on_addresses(const PeerAddresses& told);
  void on_down(AgentId id);
  // False when it is not connected (the message outlived its connection).
  bool on_introduction(AgentId from, Introduction introduction);

  [[nodiscard]] const std::map<AgentId, Peer>& all() const { return peers_; }
  // Those that are connected and said that they belong to a fleet.
  [[nodiscard]] const std::set<AgentId>& in_fleets() const { return in_fleets_; }
  [[nodiscard]] const Peer* find(AgentId id) const;
  // This agent itself counts as connected.
  [[nodiscard]] bool is_connected(AgentId id) const;
  // How long nothing was heard of it; 0 while it is connected.
  [[nodiscard]] Duration silence(AgentId id) const;
  void send_all(const Message& message);

 private:
  Desk& desk_;
  std::map<AgentId, Peer> peers_;  // the gone ones too: they tell since when
  std::set<AgentId> in_fleets_;
};

}  // namespace ringfence::agent::core
