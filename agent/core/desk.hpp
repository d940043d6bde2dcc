// What an agent's roles share: settings, the replica, the instant of this step, and the effects
// they ask for. Owned by Node; one thread. Roles never keep `now` over a step.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "agent/core/effect.hpp"
#include "agent/core/messages.hpp"
#include "agent/core/node.hpp"
#include "agent/core/replica.hpp"

namespace ringfence::agent::core {

// "Never": later than any instant that a timer is set for.
inline constexpr Instant far_future{INT64_MAX / 2};

struct Desk {
  explicit Desk(NodeSettings with) : settings(std::move(with)), term(settings.term) {}

  const NodeSettings settings;
  Replica replica;
  LogIndex applied;  // the newest entry in `replica`
  Term term;         // the newest seen

  Instant began;  // the first step
  Instant now;    // of this step
  std::int64_t unix_ms = 0;
  Effects effects;
  std::deque<std::string> to_myself;  // messages of this step, handled before it ends

  void emit(Effect effect) { effects.push_back(std::move(effect)); }
  void log(LogLevel level, std::string text) { emit(WriteLog{level, std::move(text)}); }
  void send(AgentId to, const Message& message) {
    if (to == settings.id) {
      to_myself.push_back(encode(message));
    } else {
      emit(SendMessage{to, encode(message)});
    }
  }
  [[nodiscard]] RequestId next_id() { return RequestId{++last_id_}; }
  // For what another agent asks: apart from the ids that the shell gives to what is asked here.
  [[nodiscard]] RequestId next_foreign_id() {
    return RequestId{std::uint64_t{1} << 63U | ++last_id_};
  }

 private:
  std::uint64_t last_id_ = 0;
};

// A state that the design excludes: going on could serve stale values. Says the guarantee's name
// and the epoch, and aborts.
[[noreturn]] void broken_invariant(const char* guarantee, Epoch epoch, const std::string& what);

}  // namespace ringfence::agent::core
