#include "agent/core/feed.hpp"

#include <utility>

namespace ringfence::agent::core {
namespace {

// A delta is some 200 bytes; whoever lags more than this takes a snapshot (0.5 MiB a pool).
constexpr std::size_t feed_bytes_max = std::size_t{1} << 20;
constexpr std::size_t feed_count_max = 512;
// A snapshot may take this long on its way; it is not sent or asked for again before.
constexpr Duration snapshot_patience = 1_s;
constexpr Duration ask_patience = 100_ms;

}  // namespace

void FeedWriter::on_applied(LogIndex previous, const EntryApplied& entry) {
  if (!entries_.empty() && entries_.back().index != previous) entries_.clear();
  if (entries_.empty()) bytes_ = 0;
  entries_.push_back(Feed{previous, entry.index, entry.term, entry.bytes});
  bytes_ += entry.bytes.size();
  while (entries_.size() > feed_count_max || (bytes_ > feed_bytes_max && entries_.size() > 1)) {
    bytes_ -= entries_.front().bytes.size();
    entries_.pop_front();
  }
}

void FeedWriter::send_newest() {
  if (!entries_.empty()) peers_.send_all(entries_.back());
}

void FeedWriter::send_since(AgentId to, LogIndex applied) {
  if (applied >= desk_.applied) return;
  auto next = entries_.begin();
  while (next != entries_.end() && next->previous != applied) ++next;
  if (next == entries_.end()) {
    send_snapshot(to);
    return;
  }
  for (; next != entries_.end(); ++next) desk_.send(to, *next);
}

void FeedWriter::send_snapshot(AgentId to) {
  const auto sent = snapshot_sent_at_.find(to);
  if (sent != snapshot_sent_at_.end() && desk_.now - sent->second < snapshot_patience) return;
  snapshot_sent_at_[to] = desk_.now;
  const std::string bytes = desk_.replica.snapshot();
  for (std::size_t offset = 0; offset < bytes.size(); offset += snapshot_part_bytes) {
    desk_.send(to, SnapshotPart{desk_.applied, bytes.size(), offset,
                                bytes.substr(offset, snapshot_part_bytes)});
  }
}

std::optional<EntryApplied> FeedReader::take(AgentId from, Feed feed) {
  if (feed.index <= desk_.applied) return std::nullopt;
  if (feed.previous != desk_.applied) {
    ask(from);
    return std::nullopt;
  }
  return EntryApplied{feed.index, feed.term, std::move(feed.bytes)};
}

std::optional<SnapshotRestored> FeedReader::take(SnapshotPart part) {
  if (part.index <= desk_.applied) return std::nullopt;
  if (part.offset == 0) {
    snapshot_index_ = part.index;
    snapshot_total_ = part.total;
    snapshot_.clear();
  }
  const bool is_next = part.index == snapshot_index_ && part.total == snapshot_total_ &&
                       part.offset == snapshot_.size();
  if (!is_next) return std::nullopt;
  snapshot_ += part.bytes;
  if (snapshot_.size() < snapshot_total_) return std::nullopt;
  return SnapshotRestored{snapshot_index_, std::exchange(snapshot_, {})};
}

void FeedReader::on_leader_applied(AgentId leader, LogIndex applied) {
  if (applied > desk_.applied) ask(leader);
}

void FeedReader::ask(AgentId leader) {
  const bool is_waiting =
      asked_from_ == desk_.applied && desk_.now - asked_at_ < ask_patience && asked_at_.ns != 0;
  if (is_waiting) return;
  asked_from_ = desk_.applied;
  asked_at_ = desk_.now;
  desk_.send(leader, FeedAsked{desk_.applied});
}

}  // namespace ringfence::agent::core
