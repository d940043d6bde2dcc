// Between the engine's thread and the daemon's loop: engine events become work in the inbox, and
// the replica that snapshots are taken of lives here, touched by the engine's thread only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/core/event.hpp"
#include "agent/core/replica.hpp"
#include "agent/daemon/inbox.hpp"
#include "agent/engine/engine.hpp"

namespace ringfence::agent::daemon {

class EngineLink final : public engine::EngineEvents, public engine::StateMachine {
 public:
  using Sink = std::function<void(core::Event)>;
  using Fatal = std::function<void(Error)>;
  using Carry = std::function<void(core::AgentId to, const std::string& bytes)>;

  // All three are called on the loop's thread.
  EngineLink(Inbox& inbox, Sink sink, Carry carry, Fatal fatal);
  // What the engine told until now and nobody has heard yet is dropped. On the loop's thread.
  void silence() { is_silent_ = true; }

  void on_restored(core::LogIndex index, std::string snapshot) override;
  void on_applied(core::LogIndex index, core::Term term, std::string entry) override;
  void on_leadership(bool is_leader, core::Term term) override;
  void on_committed(core::RequestId id, bool is_ok, std::string why) override;
  void on_quorum(core::Instant submitted_at, bool is_ok) override;
  void on_send(core::AgentId to, std::string bytes) override;
  void on_voters(std::vector<core::AgentId> voters) override;
  void on_fatal(Error error) override;

  void apply(core::LogIndex index, std::string_view entry) override;
  [[nodiscard]] std::string snapshot() const override;
  [[nodiscard]] bool restore(std::string_view snapshot) override;

 private:
  void hand_over(core::Event event);

  Inbox& inbox_;
  Sink sink_;
  Carry carry_;
  Fatal fatal_;
  bool is_silent_ = false;
  core::Replica replica_;
};

}  // namespace ringfence::agent::daemon
