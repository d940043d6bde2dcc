// Several engines in one process, each with a log of its own on the disk, and what carries their
// messages: it can cut one way, drop, repeat and reorder. Used by the engine's tests alone; every
// wait has a limit.
#pragma once

#include <functional>
#include <memory>
#include <set>

#include "tests/unit/engine_support.hpp"

namespace ringfence::agent::engine::test {

using Ids = std::vector<std::uint64_t>;

// raft_wire.h: the second byte is the message's type.
inline bool is_request_vote(const std::string& bytes) {
  return bytes[1] == 3;
}
inline bool is_install_snapshot(const std::string& bytes) {
  return bytes[1] == 5;
}

class Fleet {
 public:
  struct Outcome {
    bool is_ok = false;
    std::string why;
  };

  class Member : public EngineEvents, public StateMachine {
   public:
    Member(Fleet& fleet, std::uint64_t id) : fleet_(fleet), id_(id) {}

    void on_restored(core::LogIndex /*index*/, std::string snapshot) override {
      const std::lock_guard lock(fleet_.mutex_);
      EXPECT_TRUE(told.restore(snapshot));
      snapshots++;
      fleet_.changed_.notify_all();
    }
    void on_applied(core::LogIndex index, core::Term /*term*/, std::string entry) override {
      const std::lock_guard lock(fleet_.mutex_);
      told.apply(index, entry);
      fleet_.changed_.notify_all();
    }
    void on_leadership(bool is_leader, core::Term new_term) override {
      const std::lock_guard lock(fleet_.mutex_);
      leads = is_leader;
      term = new_term.value;
      if (is_leader) {
        EXPECT_TRUE(fleet_.led_terms_.emplace(term, id_).first->second == id_)
            << "two led " << term;
      }
      fleet_.changed_.notify_all();
    }
    void on_committed(core::RequestId id, bool is_ok, std::string why) override {
      const std::lock_guard lock(fleet_.mutex_);
      fleet_.outcomes_[id.value] = {is_ok, std::move(why)};
      fleet_.changed_.notify_all();
    }
    void on_quorum(core::Instant submitted_at, bool is_ok) override {
      const std::lock_guard lock(fleet_.mutex_);
      quorums[submitted_at.ns] = is_ok;
      fleet_.changed_.notify_all();
    }
    void on_send(core::AgentId to, std::string bytes) override {
      fleet_.carry(id_, to.value, std::move(bytes));
    }
    void on_voters(std::vector<core::AgentId> now) override {
      const std::lock_guard lock(fleet_.mutex_);
      voters.clear();
      for (const core::AgentId voter : now) voters.push_back(voter.value);
      voters_history.push_back(voters);
      fleet_.changed_.notify_all();
    }
    void on_fatal(Error error) override { ADD_FAILURE() << error.message; }

    void apply(core::LogIndex index, std::string_view entry) override {
      machine_.apply(index, entry);
    }
    [[nodiscard]] std::string snapshot() const override { return machine_.snapshot(); }
    [[nodiscard]] bool restore(std::string_view bytes) override { return machine_.restore(bytes); }

    // Under the fleet's mutex: within Fleet::wait()'s condition.
    Journal told;
    bool leads = false;
    std::uint64_t term = 0;
    Ids voters;
    std::vector<Ids> voters_history;
    unsigned snapshots = 0;
    std::map<std::int64_t, bool> quorums;

    std::unique_ptr<Engine> engine;

   private:
    friend class Fleet;
    Fleet& fleet_;
    std::uint64_t id_;
    Journal machine_;
  };

  ~Fleet() {
    while (!members_.empty()) stop(members_.begin()->first);
  }

  // --- lives ---
  const std::string& make_dir(std::uint64_t id) {
    if (dirs_.count(id) == 0) dirs_[id] = std::make_unique<TempDir>();
    return dirs_[id]->path();
  }
  void start(std::uint64_t id, const Ids& bootstrap = {}) {
    auto member = std::make_unique<Member>(*this, id);
    RaftSettings settings = base;
    settings.dir = make_dir(id);
    settings.id = {id};
    settings.bootstrap = voters_of(bootstrap);
    RaftFault fault = RaftFault::none;
    auto engine = RaftEngine::start(settings, *member, *member, &fault);
    ASSERT_TRUE(engine) << engine.error().message;
    member->engine = std::move(engine).value();
    const std::lock_guard lock(mutex_);
    members_[id] = std::move(member);
  }
  void start_all(const Ids& ids) {
    for (const std::uint64_t id : ids) start(id, ids);
  }
  // Nothing that it says from now on is carried: as dead as killed.
  void stop(std::uint64_t id) {
    std::unique_ptr<Member> member;
    {
      const std::lock_guard lock(mutex_);
      member = std::move(members_[id]);
      members_.erase(id);
    }
    member->engine->stop();
  }
  void forget_disk(std::uint64_t id) { dirs_.erase(id); }
  [[nodiscard]] std::string dir(std::uint64_t id) { return dirs_.at(id)->path(); }
  Member& at(std::uint64_t id) { return *members_.at(id); }
  [[nodiscard]] std::size_t size() const { return members_.size(); }

  static std::vector<Voter> voters_of(const Ids& ids) {
    std::vector<Voter> voters;
    // Two ids may have one address: an agent that lost its state.
    for (const std::uint64_t id : ids)
      voters.push_back({{id}, "10.0.0." + std::to_string(id % 10)});
    return voters;
  }

  // --- the network ---
  void cut(std::uint64_t from, std::uint64_t to) {
    const std::lock_guard lock(mutex_);
    cut_.insert({from, to});
  }
  void isolate(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    for (const auto& [other, member] : members_) {
      cut_.insert({id, other});
      cut_.insert({other, id});
    }
  }
  void heal() {
    const std::lock_guard lock(mutex_);
    cut_.clear();
  }
  // Of 100 messages so many are lost, come twice, or come after later ones.
  void disturb(unsigned lost, unsigned twice, unsigned late) {
    const std::lock_guard lock(mutex_);
    lost_ = lost, twice_ = twice, late_ = late;
  }
  // Sees every message, also those that a cut then stops; false: it does not arrive.
  using Filter =
      std::function<bool(std::uint64_t from, std::uint64_t to, const std::string& bytes)>;
  void set_filter(Filter filter) {
    const std::lock_guard lock(mutex_);
    filter_ = std::move(filter);
  }
  // Until `id` has asked for votes so often, as it does each election timeout.
  [[nodiscard]] bool wait_vote_requests(std::uint64_t id, unsigned count) {
    return wait([&, before = vote_requests_[id]] { return vote_requests_[id] >= before + count; });
  }

  // --- waiting ---
  template <typename Condition>
  [[nodiscard]] bool wait(Condition condition, int seconds = 20) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(seconds), condition);
  }
  // The leader of the newest term, but not `except`; 0 when none came.
  std::uint64_t wait_leader(std::uint64_t except = 0) {
    std::uint64_t found = 0;
    (void)wait([&] { return (found = leader(except)) != 0; });
    return found;
  }
  [[nodiscard]] bool wait_voters(const Ids& ids) {
    return wait([&] {
      for (const std::uint64_t id : ids) {
        if (members_.count(id) == 0 || at(id).voters != ids) return false;
      }
      return true;
    });
  }
  // All that run have been told the same, and `count` entries of it.
  [[nodiscard]] bool wait_same(std::size_t count) {
    return wait([&] {
      for (const auto& [id, member] : members_) {
        if (member->told.count() < count) return false;
        if (member->told.bytes() != members_.begin()->second->told.bytes()) return false;
      }
      return true;
    });
  }

  // --- work ---
  Outcome commit_at(std::uint64_t id, std::string entry, int seconds = 20) {
    const std::uint64_t request = ++requests_;
    at(id).engine->commit({request}, std::move(entry));
    if (!wait([&] { return outcomes_.count(request) != 0; }, seconds)) {
      return {false, "never answered"};
    }
    const std::lock_guard lock(mutex_);
    return outcomes_[request];
  }
  // By whoever leads; a lost leader makes it try again, so an entry may stand there twice.
  [[nodiscard]] bool commit(const std::string& entry) {
    for (int tries = 0; tries < 20; tries++) {
      const std::uint64_t id = wait_leader();
      if (id == 0) return false;
      if (commit_at(id, entry).is_ok) return true;
    }
    return false;
  }
  [[nodiscard]] bool commit_many(unsigned count, const std::string& prefix) {
    for (unsigned i = 0; i < count; i++) {
      if (!commit(prefix + std::to_string(i))) return false;
    }
    return true;
  }
  // As an owner does: whoever leads is told, again and again.
  [[nodiscard]] bool make_voters(const Ids& ids) {
    for (int tries = 0; tries < 100; tries++) {
      const std::uint64_t id = wait_leader();
      if (id == 0) return false;
      at(id).engine->set_voters(voters_of(ids));
      const auto is_done = [&] { return at(id).voters == ids && at(id).leads; };
      const auto is_over = [&] { return !at(id).leads || is_done(); };
      if (!wait(is_over, 1)) continue;
      if (wait(is_done, 0) && wait_voters(ids)) return true;
    }
    return false;
  }

  // For tests in which the leader must stay though the disk is slow for a moment.
  void be_patient() { base.election_timeout = core::operator""_ms(600); }

  RaftSettings base = quick();

 private:
  static RaftSettings quick() {
    RaftSettings settings;
    settings.election_timeout = core::operator""_ms(150);
    settings.heartbeat = core::operator""_ms(30);
    return settings;
  }

  std::uint64_t leader(std::uint64_t except) {
    std::uint64_t found = 0;
    std::uint64_t term = 0;
    for (const auto& [id, member] : members_) {
      if (id == except || !member->leads || member->term <= term) continue;
      found = id;
      term = member->term;
    }
    return found;
  }

  // On the engine's thread of `from`. What arrives is only noted by the other engine.
  void carry(std::uint64_t from, std::uint64_t to, std::string bytes) {
    const std::lock_guard lock(mutex_);
    if (members_.count(from) == 0) return;
    if (is_request_vote(bytes)) {
      vote_requests_[from]++;
      changed_.notify_all();
    }
    if (filter_ && !filter_(from, to, bytes)) return;
    if (cut_.count({from, to}) != 0) return;
    random_ = random_ * 6364136223846793005ULL + 1442695040888963407ULL;
    const unsigned dice = static_cast<unsigned>(random_ >> 33) % 100;
    if (dice < lost_) return;
    if (dice < lost_ + twice_) arrive(from, to, bytes);
    if (dice >= 100 - late_) {
      late_ones_.emplace_back(from, to, std::move(bytes));
      return;
    }
    arrive(from, to, std::move(bytes));
    if (late_ones_.size() < 5) return;
    for (auto& [late_from, late_to, late_bytes] : late_ones_) {
      arrive(late_from, late_to, std::move(late_bytes));
    }
    late_ones_.clear();
  }
  void arrive(std::uint64_t from, std::uint64_t to, std::string bytes) {
    const auto member = members_.find(to);
    if (member != members_.end()) member->second->engine->receive({from}, std::move(bytes));
  }

  std::mutex mutex_;  // guards the rest, but for dirs_ and requests_
  std::condition_variable changed_;
  std::map<std::uint64_t, std::unique_ptr<Member>> members_;
  std::map<std::uint64_t, std::unique_ptr<TempDir>> dirs_;
  std::map<std::uint64_t, std::uint64_t> led_terms_;
  std::map<std::uint64_t, unsigned> vote_requests_;
  std::map<std::uint64_t, Outcome> outcomes_;
  Filter filter_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> cut_;
  std::vector<std::tuple<std::uint64_t, std::uint64_t, std::string>> late_ones_;
  std::uint64_t random_ = 1;
  std::uint64_t requests_ = 0;
  unsigned lost_ = 0, twice_ = 0, late_ = 0;
};

}  // namespace ringfence::agent::engine::test
