// A temporary directory, and an owner for an engine that records what it is told. Used by the
// engine's tests alone; every wait has a limit.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "agent/engine/raft_engine.hpp"

namespace ringfence::agent::engine::test {

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "ringfence-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The state is the entries, each with its length before it.
class Journal : public StateMachine {
 public:
  void apply(core::LogIndex /*index*/, std::string_view entry) override {
    bytes_ += std::to_string(entry.size()) + ":" + std::string(entry);
    count_++;
  }
  [[nodiscard]] std::string snapshot() const override {
    return std::to_string(count_) + "#" + bytes_;
  }
  [[nodiscard]] bool restore(std::string_view snapshot) override {
    const std::size_t mark = snapshot.find('#');
    if (mark == std::string_view::npos) return false;
    count_ = std::stoul(std::string(snapshot.substr(0, mark)));
    bytes_ = snapshot.substr(mark + 1);
    return true;
  }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  std::string bytes_;
  std::size_t count_ = 0;
};

class Recorder : public EngineEvents {
 public:
  struct Outcome {
    bool is_ok = false;
    std::string why;
  };

  void on_restored(core::LogIndex index, std::string snapshot) override {
    const std::lock_guard lock(mutex_);
    restored_index = index;
    restored = std::move(snapshot);
    order += "R";
  }
  void on_applied(core::LogIndex index, core::Term entry_term, std::string entry) override {
    const std::lock_guard lock(mutex_);
    EXPECT_GT(index, last_index);
    last_index = index;
    terms.push_back(entry_term.value);
    entries.push_back(std::move(entry));
    order += "A";
    changed_.notify_all();
  }
  void on_leadership(bool is_leader, core::Term new_term) override {
    const std::lock_guard lock(mutex_);
    leads = is_leader;
    term = new_term;
    order += is_leader ? "L" : "l";
    changed_.notify_all();
  }
  void on_committed(core::RequestId id, bool is_ok, std::string why) override {
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(outcomes.count(id.value), 0U) << "answered twice";
    outcomes[id.value] = {is_ok, std::move(why)};
    order += "C";
    changed_.notify_all();
  }
  void on_quorum(core::Instant submitted_at, bool is_ok) override {
    const std::lock_guard lock(mutex_);
    quorums[submitted_at.ns] = is_ok;
    changed_.notify_all();
  }
  void on_send(core::AgentId /*to*/, std::string /*bytes*/) override { messages++; }
  void on_voters(std::vector<core::AgentId> now) override {
    const std::lock_guard lock(mutex_);
    voters = std::move(now);
    voters_told++;
    changed_.notify_all();
  }
  void on_fatal(Error error) override {
    const std::lock_guard lock(mutex_);
    fatal = error.message;
    changed_.notify_all();
  }

  template <typename Condition>
  [[nodiscard]] bool wait(Condition condition, int seconds = 20) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(seconds), condition);
  }
  [[nodiscard]] bool wait_leader() {
    return wait([this] { return leads; });
  }
  [[nodiscard]] Outcome outcome(std::uint64_t id) {
    if (!wait([&] { return outcomes.count(id) != 0; })) return {false, "never answered"};
    const std::lock_guard lock(mutex_);
    return outcomes[id];
  }

  // Read after a wait or after stop().
  core::LogIndex restored_index, last_index;
  std::string restored, order, fatal;
  std::vector<std::string> entries;
  std::vector<std::uint64_t> terms;
  std::map<std::uint64_t, Outcome> outcomes;
  std::map<std::int64_t, bool> quorums;
  std::vector<core::AgentId> voters;
  unsigned voters_told = 0;
  std::atomic<unsigned> messages{0};
  bool leads = false;
  core::Term term;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

// One life of an engine over a directory.
struct Life {
  explicit Life(const std::string& dir, core::Term term_min = {},
                core::Duration commit_timeout = core::operator""_s(5), std::uint64_t id = 7) {
    RaftSettings settings;
    settings.dir = dir;
    settings.id = {id};
    settings.term_min = term_min;
    settings.commit_timeout = commit_timeout;
    settings.bootstrap = {{{id}, "alone"}};
    Result<std::unique_ptr<RaftEngine>> started =
        RaftEngine::start(settings, journal, events, &fault);
    if (!started) {
      error = started.error().message;
      return;
    }
    engine = std::move(started).value();
  }
  [[nodiscard]] Recorder::Outcome commit(std::uint64_t id, std::string entry) {
    engine->commit({id}, std::move(entry));
    return events.outcome(id);
  }

  Journal journal;
  Recorder events;
  RaftFault fault = RaftFault::none;
  std::string error;
  std::unique_ptr<RaftEngine> engine;  // stops before the rest goes
};

}  // namespace ringfence::agent::engine::test
