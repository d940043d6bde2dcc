#include "agent/core/forming.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "agent/core/voters.hpp"

namespace ringfence::agent::core {
namespace {

// Agents that start together find each other first, so that the smallest id is known to all.
constexpr Duration settle_wait = 300_ms;
constexpr Duration ask_again = 500_ms;

}  // namespace

Forming::Forming(Desk& desk, Peers& peers)
    : desk_(desk),
      peers_(peers),
      has_fleet_(desk.settings.has_fleet),
      cluster_id_(desk.settings.cluster_id),
      promised_(desk.settings.promised) {}

bool Forming::is_own(const Peer& peer) const {
  return has_fleet_ && peer.introduction.has_value() && peer.introduction->has_fleet &&
         peer.introduction->cluster_id == cluster_id_;
}

void Forming::on_self_dialled(const std::string& address) {
  own_addresses_.insert(address);
  settled_at_ = desk_.now;
}

bool Forming::is_seed(const Peer& peer) const {
  const auto& seeds = desk_.settings.seeds;
  return std::any_of(seeds.begin(), seeds.end(), [&peer](const std::string& seed) {
    return seed == peer.address ||
           std::find(peer.dialled_as.begin(), peer.dialled_as.end(), seed) != peer.dialled_as.end();
  });
}

// Seeds that lead to one agent count once; one that nobody answers for counts, and is absent.
Forming::Electorate Forming::electorate() const {
  Electorate electorate{1, {desk_.settings.id}};
  std::set<std::string> unknown(desk_.settings.seeds.begin(), desk_.settings.seeds.end());
  for (const std::string& own : own_addresses_) unknown.erase(own);
  unknown.erase(desk_.settings.address);
  for (const auto& [id, peer] : peers_.all()) {
    if (!peer.is_connected || !is_seed(peer)) continue;
    ++electorate.size;
    unknown.erase(peer.address);
    for (const std::string& address : peer.dialled_as) unknown.erase(address);
    if (peer.introduction.has_value() && !peer.introduction->has_fleet) {
      electorate.present.insert(id);
    }
  }
  electorate.size += static_cast<std::uint32_t>(unknown.size());
  return electorate;
}

void Forming::review() {
  wake_at_ = far_future;
  why_.clear();
  if (has_given_up_) return;
  if (has_fleet_) {
    review_own_fleet();
    if (!has_given_up_) tell_formed_again();
    return;
  }
  if (waits_for_living_fleet()) return;
  const Electorate electorate = this->electorate();
  why_ = fmt::format("{} of {} seeds are here without a state, and a majority forms the fleet",
                     electorate.present.size(), electorate.size);
  if (electorate.present.size() * 2 <= electorate.size) return;
  if (promised_ != ClusterId{} && promised_ != cluster_id_) {
    why_ =
        "promised to another agent to form the fleet with it; if that one never returns: "
        "`ringfencectl bootstrap` on one host";
    return;
  }
  const bool is_mine = *electorate.present.begin() == desk_.settings.id || !promises_.empty();
  if (!is_mine) return;
  const Instant due_at = std::max(settled_at_ + settle_wait, ask_at_);
  if (desk_.now < due_at) {
    wake_at_ = due_at;
    return;
  }
  ask(electorate);
}

bool Forming::waits_for_living_fleet() {
  if (peers_.in_fleets().empty()) return false;
  const Peer& peer = *peers_.find(*peers_.in_fleets().begin());
  why_ = fmt::format("waits for the leader of the fleet that {} belongs to", peer.name);
  return true;
}

void Forming::ask(const Electorate& electorate) {
  promise(cluster_id_);
  promises_.insert(desk_.settings.id);
  ask_at_ = desk_.now + ask_again;
  wake_at_ = ask_at_;
  for (const AgentId id : electorate.present) {
    if (id != desk_.settings.id) desk_.send(id, FormAsked{cluster_id_});
  }
  if (promises_.size() * 2 > electorate.size) form();  // every seed leads to this agent itself
}

void Forming::promise(const ClusterId& cluster_id) {
  if (promised_ == cluster_id) return;
  promised_ = cluster_id;
  desk_.emit(PromiseFleet{cluster_id});
}

void Forming::on_asked(AgentId from, const FormAsked& asked) {
  const Peer* peer = peers_.find(from);
  if (has_fleet_ || peer == nullptr || !is_seed(*peer)) return;
  if (promised_ != ClusterId{} && promised_ != asked.cluster_id) return;
  promise(asked.cluster_id);
  desk_.send(from, FormPromised{asked.cluster_id});
}

void Forming::on_promised(AgentId from, const FormPromised& promised) {
  if (has_fleet_ || promises_.empty() || promised.cluster_id != cluster_id_) return;
  promises_.insert(from);
  if (promises_.size() * 2 > electorate().size) form();
}

void Forming::form() {
  Formed formed{cluster_id_, {{desk_.settings.id, desk_.settings.address}}};
  const std::size_t target = voter_count_for(promises_.size());
  for (const AgentId id : promises_) {
    const Peer* peer = peers_.find(id);
    if (formed.voters.size() >= target) break;
    if (peer != nullptr) formed.voters.push_back({id, peer->address});
  }
  // Told only once it is so on disk: who is told waits for the voters.
  const std::set<AgentId> told = promises_;
  on_formed(formed);
  for (const AgentId id : told) {
    if (id != desk_.settings.id) desk_.send(id, formed);
  }
}

// While nothing is applied the voters are those that the fleet was formed with.
void Forming::tell_formed_again() {
  if (desk_.applied != LogIndex{} || voters_.size() < 2) return;
  if (desk_.now < ask_at_) {
    wake_at_ = ask_at_;
    return;
  }
  ask_at_ = desk_.now + ask_again;
  wake_at_ = ask_at_;
  Formed formed{cluster_id_, {}};
  for (const AgentId id : voters_) {
    const Peer* peer = peers_.find(id);
    if (id != desk_.settings.id && peer == nullptr) return;  // its address is not known yet
    formed.voters.push_back({id, peer == nullptr ? desk_.settings.address : peer->address});
  }
  for (const auto& [id, peer] : peers_.all()) {
    const bool is_without = peer.introduction.has_value() && !peer.introduction->has_fleet;
    if (peer.is_connected && is_without) desk_.send(id, formed);
  }
}

void Forming::on_formed(const Formed& formed) {
  if (has_fleet_ || promised_ != formed.cluster_id) return;
  const bool is_voter =
      std::any_of(formed.voters.begin(), formed.voters.end(),
                  [this](const Voter& voter) { return voter.id == desk_.settings.id; });
  if (!adopt(formed.cluster_id, is_voter && formed.voters.size() == 1)) return;
  if (is_voter) start_engine(formed.voters);
}

void Forming::on_bootstrap(RequestId id) {
  if (has_fleet_) {
    desk_.emit(Answer{id, false, "this agent belongs to a fleet already"});
    return;
  }
  promise(cluster_id_);
  (void)adopt(cluster_id_, true);
  start_engine({{desk_.settings.id, desk_.settings.address}});
  desk_.emit(Answer{id, true, "a fleet of this agent alone is formed; the others join it"});
}

void Forming::start_engine(const std::vector<Voter>& voters) {
  has_started_engine_ = true;
  desk_.emit(StartEngine{voters});
}

bool Forming::adopt(const ClusterId& cluster_id, bool is_founder) {
  if (has_fleet_) return cluster_id == cluster_id_;
  has_fleet_ = true;
  cluster_id_ = cluster_id;
  promises_.clear();
  desk_.emit(AdoptFleet{cluster_id, is_founder});
  return true;
}

// Each peer once, and all of them when this agent is alone no longer, or again: who belongs to
// which fleet stays, and in a large one these are many.
void Forming::review_own_fleet() {
  const ViewPtr view = desk_.replica.view();
  const bool is_alone = view->agents.size() == 1 && view->find(desk_.settings.id) != nullptr;
  const bool is_whole = is_alone != was_alone_;
  if (!is_whole && unreviewed_.empty()) return;
  const std::set<AgentId> reviewed = is_whole ? peers_.in_fleets() : unreviewed_;
  unreviewed_.clear();
  was_alone_ = is_alone;
  for (const AgentId id : reviewed) {
    if (peers_.in_fleets().count(id) == 0) continue;
    const Peer& peer = *peers_.find(id);
    if (!is_own(peer)) review_fleet_of(id, peer, is_alone);
    if (has_given_up_) return;
  }
}

// A fleet of one that was given seeds gives way to a larger fleet, to one that was not given any,
// and of two alike to the one with the smaller id.
void Forming::review_fleet_of(AgentId id, const Peer& peer, bool is_alone) {
  const Introduction& other = *peer.introduction;
  // Of a fleet that took this agent in, and of one that waits for its first leader, the view does
  // not tell yet who belongs to it.
  const bool gives_way = is_alone && !desk_.settings.seeds.empty() &&
                         (other.agent_count > 1 || !other.has_seeds ||
                          (other.agent_count == 1 && other.cluster_id < cluster_id_));
  if (gives_way) {
    has_given_up_ = true;
    desk_.emit(GiveUpFleet{fmt::format(
        "agent {} belongs to a living fleet of this name that this agent, alone in its own, joins",
        peer.name)});
    return;
  }
  if (!strangers_.insert(id).second) return;
  desk_.log(LogLevel::error,
            fmt::format("agent {} at {} belongs to another fleet of the same name: rename one "
                        "(cluster = ...), or empty the state_dir of the hosts that should change",
                        peer.name, peer.address));
}

}  // namespace ringfence::agent::core
