// What must hold in every run, judged from outside: what clients were told (G2), what was flushed
// (G3), how the ring is divided (G4), what epochs were published (G1, G5). For one host or many.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
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
  void untagged_hit() { ++hit_count_; }  // of a pool without tags: nothing is promised

  // --- G3: troubles and flushes as the node was told of them, and what it then commits ---
  void told_trouble(const std::string& address, std::size_t host = 0) {
    troubles_[{host, address}] = ++order_;
  }
  void told_flushed(const std::string& address, std::size_t host = 0) {
    flushes_[{host, address}] = ++order_;
  }
  void committing(const std::string& bytes, std::size_t host = 0,
                  const agent::core::ClusterId& fleet = {});
  void logged(agent::core::LogIndex index, const std::string& bytes,
              const agent::core::ClusterId& fleet = {});

  // --- G1, G4, G5 ---
  void published(const agent::core::PublishView& order, std::size_t host = 0);
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
  using Told = std::map<std::pair<std::size_t, std::string>, std::uint64_t>;  // host, address
  Told troubles_, flushes_;
  std::uint64_t order_ = 0;
  struct Proposed {
    agent::core::Proposal proposal;
    agent::core::LogIndex index;
  };
  std::map<agent::core::ClusterId, Proposed> proposed_;  // the newest in each fleet's log
  using OfFleet = std::pair<agent::core::ClusterId, std::uint64_t>;
  std::map<OfFleet, std::uint64_t> digests_;           // of each epoch
  std::map<OfFleet, std::uint64_t> published_epochs_;  // the newest of each host
  std::uint64_t hit_count_ = 0;
  std::vector<std::string> failures_;
};

}  // namespace ringfence::sim
