// The replicated state machine: what the log's entries make of the view. Both the engine's thread
// (for snapshots) and the core hold one; equal logs give equal replicas, byte for byte.
// Pure, deterministic; one thread each.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/change.hpp"
#include "agent/core/entry.hpp"
#include "agent/core/types.hpp"
#include "agent/core/view.hpp"

namespace ringfence::agent::core {

// One activated or abandoned change, as the log tells it.
struct PastChange {
  Epoch epoch;
  std::int64_t unix_ms = 0;
  std::string what, why, who;
  std::uint32_t moved_slots = 0;
  std::uint32_t propose_us = 0, fence_us = 0;  // as the activation tells; 0: unknown
};
inline constexpr std::size_t history_count_max = 256;

// The change that is proposed and not yet activated; at most one.
struct OpenChange {
  LogIndex index;  // of its entry
  Proposal proposal;
  NextView next;
};

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

  [[nodiscard]] ViewPtr view() const;          // the newest activated view
  [[nodiscard]] std::uint64_t digest() const;  // of that view; computed once
  [[nodiscard]] const OpenChange* open() const;
  [[nodiscard]] const std::vector<PastChange>& history() const;       // newest last
  [[nodiscard]] const std::vector<BackendCommand>& commands() const;  // by pool, address

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringfence::agent::core
