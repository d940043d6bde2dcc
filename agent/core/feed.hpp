// How the log reaches every agent. Only voters run an engine; the leader that acts sends each entry
// that it has applied to all agents, voters too, so that all fence within one message of its apply.
// A fed entry is a committed one, so it is true whoever sent it.
//
//   Feed        the newest entries, and snapshots, for others
//   FeedReader  takes entries from a feed, in order
//
// Owned by Node; one thread. Memory: feed_bytes_max of entries; a reader holds one snapshot.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "agent/core/desk.hpp"
#include "agent/core/messages.hpp"
#include "agent/core/peers.hpp"

namespace ringfence::agent::core {

class FeedWriter {
 public:
  FeedWriter(Desk& desk, Peers& peers) : desk_(desk), peers_(peers) {}

  // Every entry that this agent applies, so that it can feed others once it leads.
  void on_applied(LogIndex previous, const EntryApplied& entry);
  void on_restored() { entries_.clear(); }
  // The newest entry, to all that are connected.
  void send_newest();
  // What follows `applied`; a snapshot where the entries are gone.
  void send_since(AgentId to, LogIndex applied);

 private:
  void send_snapshot(AgentId to);

  Desk& desk_;
  Peers& peers_;
  std::deque<Feed> entries_;  // each follows the one before
  std::size_t bytes_ = 0;
  std::map<AgentId, Instant> snapshot_sent_at_;
};

class FeedReader {
 public:
  explicit FeedReader(Desk& desk) : desk_(desk) {}

  // The entry, if it is the next one. Asks for what is missing.
  [[nodiscard]] std::optional<EntryApplied> take(AgentId from, Feed feed);
  // The snapshot, once its last part is there.
  [[nodiscard]] std::optional<SnapshotRestored> take(SnapshotPart part);
  // The leader has applied so much.
  void on_leader_applied(AgentId leader, LogIndex applied);

 private:
  void ask(AgentId leader);

  Desk& desk_;
  LogIndex asked_from_;
  Instant asked_at_;
  LogIndex snapshot_index_;
  std::uint64_t snapshot_total_ = 0;
  std::string snapshot_;
};

}  // namespace ringfence::agent::core
