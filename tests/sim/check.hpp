// What must hold in every run, judged from outside: what clients were told (G2), what was flushed
// (G3), how the ring is divided (G4), what epochs were published (G1, G5).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/core/effect.hpp"
#include "agent/core/entry.hpp"
#include "agent/core/view.hpp"

namespace ringfence::sim {

class Check {
 public:
  // --- G2: operations on keys; a value is written once ---
  std::size_t began(std::uint32_t key, std::uint64_t value, agent::core::Instant now);
  void acknowledged(std::size_t operation, agent::core::Instant now);
  void hit(std::size_t operation, std::uint64_t value);

  // --- G3: troubles and flushes as the node was told of them, and what it then commits ---
  void told_trouble(const std::string& address) { troubles_[address] = ++order_; }
  void told_flushed(const std::string& address) { flushes_[address] = ++order_; }
  void committing(const std::string& bytes);
  void logged(const std::string& bytes);

  // --- G1, G4, G5 ---
  void published(const agent::core::PublishView& order);
  void stored(agent::core::SlotWord before, agent::core::SlotWord after);

  void fail(const std::string& what);
  [[nodiscard]] const std::vector<std::string>& failures() const { return failures_; }
  [[nodiscard]] std::uint64_t hit_count() const { return hit_count_; }

 private:
  struct Operation {
    std::uint32_t key = 0;
    std::uint64_t value = 0;
    agent::core::Instant began, ended;
    bool is_acknowledged = false;
  };
  std::vector<Operation> operations_;
  std::map<std::uint64_t, std::size_t> writers_;              // value -> operation
  std::map<std::uint32_t, std::vector<std::size_t>> writes_;  // key -> acknowledged writes
  std::map<std::string, std::uint64_t> troubles_, flushes_;
  std::uint64_t order_ = 0;
  agent::core::Proposal proposed_;                  // the newest in the log
  std::map<std::uint64_t, std::uint64_t> digests_;  // of each epoch
  std::uint64_t newest_epoch_ = 0;
  std::uint64_t hit_count_ = 0;
  std::vector<std::string> failures_;
};

}  // namespace ringfence::sim
