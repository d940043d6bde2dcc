// Node: peers, and the messages that they send.
#include <algorithm>
#include <set>

#include "agent/core/node_parts.hpp"

namespace ringfence::agent::core {

Introduction Node::Impl::introduction() const {
  Introduction made;
  const ViewPtr view = desk.replica.view();
  made.cluster_id = forming.cluster_id();
  made.has_fleet = forming.has_fleet();
  const auto agent_count = static_cast<std::uint32_t>(view->agents.size());
  made.agent_count = std::min(agent_count, Introduction::several_agents);
  made.has_seeds = !desk.settings.seeds.empty();
  made.is_witness = desk.settings.is_witness;
  made.is_voter = voting.is_voter();
  made.zone = desk.settings.zone;
  made.leader = member.leader();
  const Peer* peer = peers.find(made.leader);
  if (peer != nullptr) made.leader_address = peer->address;
  if (made.leader == desk.settings.id) made.leader_address = desk.settings.address;
  return made;
}

Lead Node::Impl::lead() const {
  return {forming.cluster_id(), desk.term, desk.applied};
}

void Node::Impl::on(const PeerUp& event) {
  peers.on_up(event);
  forming.on_peer_changed(event.id);
  reports.forget(event.id);
  reach.forget(event.id);
  are_peers_stale = true;
  desk.send(event.id, introduction());
  if (!leader.is_acting()) return;
  desk.send(event.id, lead());
  if (!wanted_sent.empty()) desk.emit(SendMessage{event.id, wanted_sent});
}

void Node::Impl::on(const PeerAddresses& event) {
  peers.on_addresses(event);
  forming.on_peer_changed(event.id);
}

void Node::Impl::on(const PeerDown& event) {
  peers.on_down(event.id);
  forming.on_peer_changed(event.id);
  reports.forget(event.id);
  reach.forget(event.id);
  are_peers_stale = true;
  if (member.leader() == event.id) member.on_leader(AgentId{});
  std::erase_if(asked_by, [&event](const auto& asked) { return asked.second.first == event.id; });
  answer_lost_commands();
}

// To the leader alone: it weighs who is out of whose reach.
void Node::Impl::tell_peers_if_changed() {
  const AgentId leader_id = member.leader();
  const bool is_new_leader = leader_id != peers_told_to;
  if (!is_new_leader && (!are_peers_stale || desk.now < tell_peers_from)) return;
  are_peers_stale = false;
  tell_peers_from = desk.now + desk.settings.lease / 8;
  std::vector<AgentId> now;
  for (const Agent& agent : desk.replica.view()->agents) {
    if (!peers.is_connected(agent.id)) now.push_back(agent.id);
  }
  if (!is_new_leader && now == missing) return;
  peers_told_to = leader_id;
  missing = std::move(now);
  if (leader_id.value != 0) desk.send(leader_id, PeersTold{missing});
}

void Node::Impl::take(AgentId from, PeersTold& message) {
  if (leader.is_acting()) reach.on_told(from, std::move(message));
}

void Node::Impl::take(AgentId from, ProbeAsked& message) {
  if (from == member.leader()) {
    desk.emit(ProbeBackend{message.id, std::move(message.pool), std::move(message.address)});
  }
}

void Node::Impl::take(AgentId from, ProbeTold& message) {
  if (leader.is_acting()) reports.on_probed(from, message);
}

void Node::Impl::take(AgentId from, LeaseRefused& message) {
  if (from == member.leader()) member.on_lease_refused(std::move(message.why));
}

void Node::Impl::on(const SelfDialled& event) {
  forming.on_self_dialled(event.address);
}

// To all, when it changed; who connects is told at once.
void Node::Impl::introduce_if_changed() {
  const Introduction now = introduction();
  std::string bytes = encode(now);
  if (bytes == introduced) return;
  introduced = std::move(bytes);
  peers.send_all(now);
}

// Where agents may be: the seeds, who is in the view, and the leaders that others follow.
void Node::Impl::dial_if_changed() {
  if (!is_dialled_stale || desk.settings.address.empty()) return;
  is_dialled_stale = false;
  std::set<std::string> addresses(desk.settings.seeds.begin(), desk.settings.seeds.end());
  for (const Agent& agent : desk.replica.view()->agents) addresses.insert(agent.address);
  for (const auto& [id, peer] : peers.all()) {
    if (peer.introduction.has_value()) addresses.insert(peer.introduction->leader_address);
  }
  addresses.erase(desk.settings.address);
  addresses.erase("");
  std::vector<std::string> wanted_addresses(addresses.begin(), addresses.end());
  if (wanted_addresses == dialled) return;
  dialled = wanted_addresses;
  desk.emit(DialPeers{std::move(wanted_addresses)});
}

void Node::Impl::deliver(AgentId from, const std::string& bytes) {
  std::optional<Message> message = decode_message(bytes);
  if (!message.has_value()) {
    desk.log(LogLevel::warning, "a message that does not decode was dropped");
    return;
  }
  std::visit([this, from](auto& some) { take(from, some); }, *message);
}

void Node::Impl::deliver_to_myself() {
  while (!desk.to_myself.empty()) {
    const std::string bytes = std::move(desk.to_myself.front());
    desk.to_myself.pop_front();
    deliver(desk.settings.id, bytes);
  }
}

void Node::Impl::take(AgentId from, LeaseReply& message) {
  if (from != member.leader() || message.term < desk.term) return;
  if (from != desk.settings.id) feed_reader.on_leader_applied(from, message.applied);
  member.on_lease_reply(message);
}

void Node::Impl::take(AgentId from, BackendTold& message) {
  if (leader.is_acting()) reports.on_told(from, std::move(message));
}

void Node::Impl::take(AgentId from, WantedTold& message) {
  if (!leader.is_acting()) return;
  wanted.on_told(from, std::move(message));
  is_wanted_stale = true;
}

void Node::Impl::take(AgentId from, FleetWanted& message) {
  if (from != member.leader() || leader.is_acting()) return;
  wanted.on_fleet_wanted(std::move(message.pools));
  is_wanted_stale = true;
}

// Of the leader that this agent follows, or of one that was deposed: committed is committed.
void Node::Impl::take(AgentId from, Feed& message) {
  const Peer* peer = peers.find(from);
  if (peer == nullptr || !forming.is_own(*peer)) return;
  const std::optional<EntryApplied> entry = feed_reader.take(from, std::move(message));
  if (entry.has_value()) on(*entry);
}

void Node::Impl::take(AgentId from, FeedAsked& message) {
  if (leader.is_acting()) feed.send_since(from, message.applied);
}

void Node::Impl::take(AgentId from, SnapshotPart& message) {
  const Peer* peer = peers.find(from);
  if (peer == nullptr || !forming.is_own(*peer)) return;
  const std::optional<SnapshotRestored> snapshot = feed_reader.take(std::move(message));
  if (snapshot.has_value()) on(*snapshot);
}

void Node::Impl::take(AgentId from, Introduction& message) {
  const Peer* known = peers.find(from);
  const bool was_own = known != nullptr && forming.is_own(*known);
  if (!peers.on_introduction(from, std::move(message))) return;
  const Peer& peer = *peers.find(from);
  // Whose leader changed is none of that: in a large fleet these are many.
  if (!was_own || !forming.is_own(peer)) forming.on_peer_changed(from);
  const std::string& led_from = peer.introduction->leader_address;
  const bool is_known = led_from.empty() || led_from == desk.settings.address ||
                        std::binary_search(dialled.begin(), dialled.end(), led_from);
  is_dialled_stale = is_dialled_stale || !is_known;
  const bool is_lost = leader.is_acting() && peer.introduction->leader != desk.settings.id;
  if (is_lost) desk.send(from, lead());
}

// An agent rejects a term lower than the highest it has seen, and keeps that on disk before it
// acknowledges anything in it.
void Node::Impl::take(AgentId from, Lead& message) {
  if (message.term < desk.term || from == desk.settings.id) return;
  const bool was_without = !forming.has_fleet();
  if (!forming.adopt(message.cluster_id)) return;
  if (message.term > desk.term) {
    desk.term = message.term;
    desk.emit(RememberTerm{message.term});
  }
  is_wanted_stale = is_wanted_stale || was_without;
  if (was_without) introduce_if_changed();           // the leader feeds its own
  if (leader.is_leader()) follow_leadership(false);  // deposed; the engine is about to tell
  member.on_leader(from);
  feed_reader.on_leader_applied(from, message.applied);
  if (wanted.has_own()) desk.send(from, wanted.take_own());
  for (const auto& [key, told] : seen) {
    desk.send(from, told);
    // What was out of reach while this host was cut off may be there again, as this leader is: look
    // now, not after the pause between attempts, or an old word costs a backend.
    if (told.seen == BackendSeen::unreachable) {
      desk.emit(ProbeBackend{RequestId{}, told.pool, told.address});
    }
  }
  peers_told_to = AgentId{};
  if (stopping_since.has_value()) desk.send(from, Leaving{desk.settings.incarnation});
  member.ask_for_lease();
}

void Node::Impl::take(AgentId from, VoteAsked& message) {
  if (from != member.leader()) return;
  voting.on_vote_asked(message);
}

void Node::Impl::take(AgentId /*from*/, Formed& message) {
  forming.on_formed(message);
}

}  // namespace ringfence::agent::core
