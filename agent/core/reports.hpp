// What each agent sees of each backend, weighed into what the leader's admissions are told (design,
// section 7). Owned by Node; one thread.
//
//   reports.cpp        who said what, and whether everyone reaches a backend
//   reports_weigh.cpp  whether a backend that some do not reach is lost
//
//   answers      once every live agent of the view says so: only then may it be used by all
//   contents     the leader's own watcher alone judges claims: it is the one that flushes. What
//                another saw of them makes it look at once; no witness is asked, since a claim that
//                is gone is gone for everyone
//   unreachable  of a backend that does not serve: it may not join. Of one that serves, the leader
//                asks witnesses to probe it, and it is lost for everyone
//     - at once when the agent on its own host says so, when a second agent does, or when most of
//       the live agents do (so also when there is no other);
//     - after partial_patience when the reporter stays alone. Until then the reporter's host meets
//       refused connections: its gets miss, its writes fail.
//   Of agents that report several backends which others reach, the second and the own host's word
//   do not do: hosts that lost a network together must not empty the pool (G6).
//
// Whose word counts: live agents of the view that route, unless quarantined or out of most peers'
// reach. A witness has no traffic of its own: its word confirms, and accuses nobody.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/admission.hpp"
#include "agent/core/desk.hpp"
#include "agent/core/messages.hpp"
#include "agent/core/peers.hpp"
#include "agent/core/quarantine.hpp"
#include "agent/core/reach.hpp"

namespace ringfence::agent::core {

class Reports {
 public:
  Reports(Desk& desk, const Peers& peers, const Reach& reach, const Quarantine& quarantine,
          Admissions& admissions)
      : desk_(desk),
        peers_(peers),
        reach_(reach),
        quarantine_(quarantine),
        admissions_(admissions) {}

  void on_told(AgentId from, BackendTold told);
  void on_probed(AgentId from, const ProbeTold& told);
  // Who counts may have changed, and time passes.
  void review();
  void forget(AgentId agent);  // it is gone, or begins a new life
  void forget_all();
  void forget_backend(const Admissions::Key& key);
  // This host inspects it anew; what the others said stands.
  void forget_own(const Admissions::Key& key);

  [[nodiscard]] Quarantine::Contradicted contradicted() const;
  [[nodiscard]] Instant wake_at() const { return wake_at_; }

 private:
  using Key = Admissions::Key;
  struct Word {
    BackendTold told;
    Instant since;  // it says `told.seen`
  };
  struct Words {
    std::map<AgentId, Word> by_agent;
    std::size_t answer_count = 0;
    std::set<AgentId> against;  // say unreachable, whether or not that counts
    // Of the witnesses that were asked, since somebody was against it.
    RequestId question;
    Instant asked_at;
    bool is_reached = false;  // one of them reached it
  };

  void set_word(const Key& key, AgentId from, BackendTold told);
  void erase_word(const Key& key, AgentId agent);
  void unsay(const Key& key, Words& words, AgentId agent);
  void pass_on(const Key& key);

  // reports_weigh.cpp
  void weigh(const Key& key, Words& words);
  [[nodiscard]] bool counts(AgentId agent) const;
  [[nodiscard]] bool is_host_of(AgentId agent, const std::string& address) const;
  [[nodiscard]] bool is_in_trouble(AgentId agent) const;
  [[nodiscard]] std::size_t count_others(const Words& words) const;
  // Why it is lost for everyone, as a sentence; nothing: it is not.
  [[nodiscard]] std::optional<std::string> why_lost(const Key& key, const Words& words,
                                                    const std::vector<AgentId>& against);
  void ask_witnesses(const Key& key, Words& words);
  [[nodiscard]] std::vector<AgentId> choose_witnesses(const Key& key, const Words& words) const;
  [[nodiscard]] std::string name_of(AgentId agent) const;
  [[nodiscard]] std::string sentence_of(const Words& words, AgentId agent) const;

  Desk& desk_;
  const Peers& peers_;
  const Reach& reach_;
  const Quarantine& quarantine_;
  Admissions& admissions_;
  std::map<Key, Words> told_;
  std::set<Key> disputed_;  // somebody is against it
  std::map<AgentId, std::set<Key>> cannot_reach_;
  std::set<Key> passed_;  // admissions know that everyone reaches it
  Instant wake_at_ = far_future;
};

}  // namespace ringfence::agent::core
