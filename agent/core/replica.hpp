// The replicated state machine: what the log's entries make of the view. Both the engine's thread
// (for snapshots) and the core hold one; equal logs give equal replicas, byte for byte.
// Pure, deterministic; one thread each.
#pragma once

#include <string>
#include <string_view>

#include "agent/core/types.hpp"
#include "agent/core/view.hpp"

namespace ringfence::agent::core {

class Replica {
 public:
  Replica();
  ~Replica();
  Replica(Replica&&) noexcept;
  Replica& operator=(Replica&&) noexcept;

  // Applies one committed entry. An entry that does not decode, or whose expected epoch is not the
  // current one, changes nothing (commands are idempotent); the same on every agent.
  void apply(LogIndex index, std::string_view bytes);
  [[nodiscard]] std::string snapshot() const;
  // False, and an empty replica, when the bytes do not decode.
  [[nodiscard]] bool restore(std::string_view bytes);

  [[nodiscard]] ViewPtr view() const;  // the newest activated view

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringfence::agent::core
