// One agent's whole mind: the replicated state, its role as a member (fences, acknowledgements,
// lease) and as a leader (weighing reports, proposing, granting). Pure and deterministic.
//
// Life: construct; then step() with SnapshotRestored (if any), every EntryApplied of the log, and
// ConfigurationLoaded; from then on events in the order they happen.
// One thread. Cost: a step is microseconds, but one that computes a view copies 512 KiB a pool.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/core/effect.hpp"
#include "agent/core/event.hpp"
#include "agent/core/replica.hpp"
#include "agent/core/types.hpp"

namespace ringfence::agent::core {

struct NodeSettings {
  ClusterId cluster_id{};
  AgentId id;
  std::string name;         // host name
  Incarnation incarnation;  // larger than in any earlier life
  Duration lease = 2_s;
  Duration lease_margin = 50_ms;  // a grant is shortened by this
  // Readers of an earlier life may hold a lease until then: nothing moved is activated before
  // (unless this agent took over its own segment with its fences).
  Instant earlier_leases_end;
  // The host's place in the fleet. Without seeds and without a state, it forms a fleet of one.
  std::string address;  // of this host's mesh, for others; empty: no mesh
  std::vector<std::string> seeds;
  std::string zone;
  bool is_witness = false;
  // From the state on disk.
  bool has_fleet = true;  // `cluster_id` is its fleet's; else the one that it would form
  bool is_voter = true;   // its engine was started before this node
  Term term;              // the highest that this agent followed
  ClusterId promised{};   // to form this fleet and no other; zeros: none
  // An agent that nobody heard of for so long leaves the view.
  Duration forget_after = 3600_s;
  // The fleet's state was lost once: what lies unflushed may carry its earlier life's keys.
  bool was_state_lost = false;
  // What the segment that was taken over shows; a lower epoch is never published.
  Epoch published_epoch;
};

// What `status`, `view`, `history` and `where` print. A copy; taken between steps.
struct BackendReport {
  std::string pool, address;
  std::string
      state;  // serving, lost, connecting, held down, flushing, refused, waits for consent...
  std::string reason;  // why it is in that state, as a sentence; empty when serving
  std::string
      asked_by;  // "listed by file /etc/x on host-a", "`backend add`"; empty: not known here
  Instant since;
  std::uint32_t weight = 1, slot_count = 0;
  std::uint16_t index = 0;
  bool is_in_view = false;
  std::uint64_t flush_count = 0;  // verified flushes by this agent since its start
};
struct ChangeRecord {  // part of the replicated state: survives restarts
  Epoch epoch;
  std::int64_t unix_ms = 0;  // the leader's wall clock, for people; carried in the entry
  std::string what, why, who;
  std::uint32_t moved_slots = 0;
  std::uint32_t propose_us = 0, fence_us = 0,
                activate_us = 0;  // of this agent as leader; 0: unknown
};
struct PeerReport {  // an agent of the view, or one that is connected and not in it
  AgentId id;
  std::string name, address, zone;
  Incarnation incarnation;
  bool is_in_view = false, is_connected = false, is_voter = false, is_witness = false;
  bool is_leader = false, is_self = false;
  // Why it has neither a lease nor a say, as a sentence; empty: it has. The leader knows of all,
  // and each agent of itself.
  std::string quarantined;
  Instant since;  // connected or not
};
struct NodeReport {
  ViewPtr view;
  std::uint64_t digest = 0;
  bool is_leader = false;
  AgentId leader;                        // 0: none known
  std::string forming;                   // why there is no fleet yet; empty: there is one
  std::vector<PeerReport> peers;         // by id
  std::vector<std::string> differences;  // where this host's file differs from the fleet's options
  Term term;
  Instant lease_until;
  bool is_changing = false;  // a change is proposed and not yet activated
  std::vector<BackendReport> backends;
  std::vector<ChangeRecord> history;  // newest last, at most history_count_max
};

class Node {
 public:
  explicit Node(NodeSettings settings);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // `unix_ms` is only for people (it is put into entries by a leader).
  [[nodiscard]] Effects step(Instant now, std::int64_t unix_ms, const Event& event);
  [[nodiscard]] NodeReport report() const;
  [[nodiscard]] ViewPtr view() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringfence::agent::core
