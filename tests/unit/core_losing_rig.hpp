// A leader among peers that say what they see of backends and of each other. For unit tests.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "agent/core/messages.hpp"
#include "tests/unit/core_rig.hpp"

namespace ringfence::agent::core::test {

// Leads h11; h22 and so on joined after one another. Backends a:1 to d:1 and e:1, and one on the
// host of h33.
class Losing : public testing::Test {
 protected:
  static constexpr AgentId self{11};
  static constexpr AgentId second{22};
  static constexpr AgentId third{33};
  static constexpr AgentId fourth{44};

  static NodeSettings settings() {
    NodeSettings made = Rig::settings();
    made.address = "h11:1";
    made.name = "h11";
    return made;
  }
  static std::vector<std::string> addresses() { return {"a:1", "b:1", "c:1", "d:1", "h33:2"}; }

  void serve_with(const std::vector<AgentId>& others, WantedPool pool = Rig::pool(addresses())) {
    pool.timing.hold_down = 0_ms;
    rig.start({pool});
    for (const AgentId id : others) join(id, pool);
    for (const WantedBackend& backend : pool.backends) {
      for (const AgentId id : others) say(id, backend.address, BackendSeen::answers);
      rig.answer(backend.address);
    }
    rig.flush_all_verified();
    rig.pass(5_s);  // leases of earlier leaders are over
    rig.effects.clear();
  }
  void join(AgentId id, const WantedPool& pool, bool is_witness = false) {
    const std::string name = "h" + std::to_string(id.value);
    rig.give(PeerUp{id, Incarnation{1}, name, name + ":1", {}});
    Introduction introduction;
    introduction.cluster_id = Rig::settings().cluster_id;
    introduction.has_fleet = true;
    introduction.is_witness = is_witness;
    hear(id, introduction);
    hear(id, WantedTold{false, {pool}});
  }
  void hear(AgentId from, const Message& message) {
    rig.give(MessageReceived{from, encode(message)});
  }
  void say(AgentId from, const std::string& address, BackendSeen seen) {
    BackendTold told;
    told.pool = "p";
    told.address = address;
    told.seen = seen;
    told.why = "refused";
    hear(from, told);
  }
  void cannot_reach(AgentId from, const std::string& address) {
    say(from, address, BackendSeen::unreachable);
  }
  // Everyone who was asked for a probe reaches what it was asked for.
  void witnesses_reach() {
    Effects asked;
    asked.swap(rig.effects);
    for (const Effect& effect : asked) {
      if (const auto* probe = std::get_if<ProbeBackend>(&effect)) {
        if (probe->id == RequestId{}) continue;
        rig.give(BackendProbed{probe->id, probe->pool, probe->address, true});
      }
      const auto* sent = std::get_if<SendMessage>(&effect);
      if (sent == nullptr) continue;
      const auto message = decode_message(sent->bytes);
      const auto* order = message ? std::get_if<ProbeAsked>(&*message) : nullptr;
      if (order == nullptr) continue;
      hear(sent->to, ProbeTold{order->id, order->pool, order->address, true});
    }
  }
  template <typename M>
  [[nodiscard]] std::vector<M> sent_to(AgentId id) const {
    std::vector<M> found;
    for (const Effect& effect : rig.effects) {
      const auto* sent = std::get_if<SendMessage>(&effect);
      if (sent == nullptr || sent->to != id) continue;
      const auto message = decode_message(sent->bytes);
      if (message && std::holds_alternative<M>(*message)) found.push_back(std::get<M>(*message));
    }
    return found;
  }
  // Whether it is granted one that it asks for now.
  [[nodiscard]] bool gets_lease(AgentId id) {
    rig.effects.clear();
    hear(id, LeaseRequest{Incarnation{1}, rig.epoch(), LogIndex{}, 7});
    for (const LeaseReply& reply : sent_to<LeaseReply>(id)) {
      if (reply.length > Duration{}) return true;
    }
    return false;
  }
  [[nodiscard]] std::string quarantined(AgentId id) const {
    for (const PeerReport& peer : rig.node.report().peers) {
      if (peer.id == id) return peer.quarantined;
    }
    return "absent";
  }
  [[nodiscard]] std::size_t serving_count() const {
    std::size_t count = 0;
    for (const std::string& address : addresses()) count += rig.state(address) == "serving" ? 1 : 0;
    return count;
  }

  Rig rig{settings()};
};

}  // namespace ringfence::agent::core::test
