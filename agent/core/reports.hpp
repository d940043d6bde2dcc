// What each agent sees of each backend, weighed into what the leader's admissions are told. Owned
// by Node; one thread.
//
//   unreachable  from any agent: lost for everyone
//   answers      once every live agent of the view says so: only then may it be used by all
//   contents     the leader's own watcher alone judges claims: it is the one that flushes
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "agent/core/admission.hpp"
#include "agent/core/desk.hpp"
#include "agent/core/messages.hpp"
#include "agent/core/peers.hpp"

namespace ringfence::agent::core {

class Reports {
 public:
  Reports(Desk& desk, const Peers& peers, Admissions& admissions)
      : desk_(desk), peers_(peers), admissions_(admissions) {}

  void on_told(AgentId from, BackendTold told);
  // Who counts has changed: agents came or went.
  void review();
  void forget(AgentId agent);  // it is gone, or begins a new life
  void forget_all();
  void forget_backend(const Admissions::Key& key);
  // This host inspects it anew; what the others said stands.
  void forget_own(const Admissions::Key& key);

 private:
  using ByAgent = std::map<AgentId, BackendTold>;
  void pass_on(const Admissions::Key& key);

  Desk& desk_;
  const Peers& peers_;
  Admissions& admissions_;
  std::map<Admissions::Key, ByAgent> told_;
  std::set<Admissions::Key> passed_;  // admissions know that everyone reaches it
};

}  // namespace ringfence::agent::core
