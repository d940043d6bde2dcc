// World: the agent's process, its engine and its segment.
#include "tests/sim/world.hpp"

#include <algorithm>

namespace ringfence::sim {

void World::start_agent() {
  ++life_;
  trace("the agent starts");
  NodeSettings settings;
  settings.cluster_id[0] = 1;
  settings.id = AgentId{1};
  settings.name = "sim";
  settings.incarnation = Incarnation{life_};
  settings.published_epoch = segment_->epoch;
  settings.earlier_leases_end = earlier_leases_end_;
  node_ = std::make_unique<Node>(settings);
  watches_.assign(backends_.size(), Watch{});
  events_.clear();
  tasks_.clear();
  is_engine_busy_ = false;

  WantedPool pool;
  pool.name = "p";
  for (const Memcached& backend : backends_) {
    pool.backends.push_back({backend.address, 1, NamedBy::configuration});
  }
  pool.timing.hold_down = 200_ms;
  pool.timing.hold_down_max = 800_ms;
  pool.timing.eviction_refill = pool.timing.admission_refill = 200_ms;
  pool.timing.grace = chance(50) ? 0_ms : 500_ms;
  give(ConfigurationLoaded{{pool}});

  // A snapshot of some prefix of the log, then the rest.
  const std::size_t snapshotted = log_.empty() ? 0 : random(log_.size() + 1);
  if (snapshotted > 0) {
    Replica replica;
    for (std::size_t i = 0; i < snapshotted; ++i) replica.apply(LogIndex{i + 1}, log_[i]);
    give(SnapshotRestored{LogIndex{snapshotted}, replica.snapshot()});
  }
  for (std::size_t i = snapshotted; i < log_.size() && node_ != nullptr; ++i) {
    give(EntryApplied{LogIndex{i + 1}, Term{1}, log_[i]});
  }
  after_in_life(between(20_ms, 60_ms), [this] { give(LeadershipChanged{true, Term{life_}}); });
}

void World::crash_agent() {
  if (node_ == nullptr) return;
  trace("the agent crashes");
  // What the engine had in hand may or may not have reached the disk.
  while (!tasks_.empty()) {
    if (!tasks_.front().commit.bytes.empty() && chance(50))
      log_.push_back(tasks_.front().commit.bytes);
    if (!log_.empty()) check_.logged(LogIndex{log_.size()}, log_.back());
    tasks_.pop_front();
  }
  node_.reset();
  events_.clear();
  earlier_leases_end_ = Instant{};
  if (chance(30)) {  // its segment can't be taken over: old mappings live on until their deadline
    segment_ = std::make_shared<Segment>();
    segment_->slots.resize(shm_layout::slot_count);
    segment_->epoch = attached_[0]->epoch;
    earlier_leases_end_ = now_ + 2_s;
  }
  after(between(10_ms, 4000_ms), [this] { start_agent(); });
}

// Effects are performed in order; the process may die between any two of them.
void World::give(const Event& event) {
  events_.push_back(event);
  if (is_in_step_) return;
  is_in_step_ = true;
  while (!events_.empty() && node_ != nullptr) {
    const Event next = std::move(events_.front());
    events_.pop_front();
    if (const auto* told = std::get_if<BackendUnreachable>(&next))
      check_.told_trouble(told->address);
    if (const auto* told = std::get_if<BackendContentsLost>(&next))
      check_.told_trouble(told->address);
    const auto* flushed = std::get_if<FlushFinished>(&next);
    if (flushed != nullptr && flushed->outcome == FlushOutcome::verified) {
      check_.told_flushed(flushed->address);
    }
    const Effects effects = node_->step(now_, now_.ns / 1'000'000, next);
    for (const Effect& effect : effects) {
      if (node_ == nullptr) break;
      const bool dies = faults_.has_agent_crashes && now_ < trouble_ends_ && random(2000) == 0;
      if (dies) {
        crash_agent();
      } else {
        perform(effect);
      }
    }
  }
  is_in_step_ = false;
}

void World::perform(const Effect& effect) {
  if (const auto* commit = std::get_if<Commit>(&effect)) {
    check_.committing(commit->bytes);
    const bool fails = faults_.has_engine_faults && now_ < trouble_ends_ && chance(5);
    if (fails) events_.emplace_back(CommitFinished{commit->id, false, "simulated"});
    if (!fails || chance(50)) tasks_.push_back({*commit, now_, fails});
    engine_turn();
  } else if (std::holds_alternative<ConfirmQuorum>(effect)) {
    tasks_.push_back({{}, now_, false});
    engine_turn();
  } else if (const auto* fence = std::get_if<FenceSlots>(&effect)) {
    for (const std::uint32_t slot : fence->slots) {
      segment_->slots[slot] = segment_->slots[slot].fenced();
    }
  } else if (const auto* order = std::get_if<PublishView>(&effect)) {
    publish(*order);
  } else if (const auto* deadline = std::get_if<SetDeadline>(&effect)) {
    segment_->deadline = deadline->until;
  } else if (const auto* watch = std::get_if<StartWatching>(&effect)) {
    watches_[find(watch->address)] = Watch{};
    look_soon(find(watch->address));
  } else if (const auto* flush_order = std::get_if<FlushBackend>(&effect)) {
    flush(*flush_order);
  } else if (const auto* timer = std::get_if<SetTimer>(&effect)) {
    const std::uint64_t number = ++timer_;
    after_in_life(std::max(timer->at - now_, Duration{}), [this, number] {
      if (number == timer_) give(TimerFired{});
    });
  } else if (const auto* answer = std::get_if<Answer>(&effect)) {
    if (answer->is_ok) flush_all_answered(answer->id);
  } else if (const auto* line = std::get_if<WriteLog>(&effect)) {
    trace("log: " + line->text);
  }
}

void World::publish(const PublishView& order) {
  trace("publishes epoch " + std::to_string(order.view->epoch.value));
  check_.published(order);
  const Pool* pool = order.view->find("p");
  if (pool == nullptr) return;
  std::vector<SlotWord> words(pool->slots.begin(), pool->slots.end());
  for (const FenceSlots& fenced : order.still_fenced) {
    for (const std::uint32_t slot : fenced.slots) words[slot] = words[slot].fenced();
  }
  for (std::size_t slot = 0; slot < words.size(); ++slot) {
    const bool is_routed_by = segment_->slots[slot] != words[slot] && segment_->deadline > now_;
    if (is_routed_by) check_.stored(segment_->slots[slot], words[slot].unfenced());
  }
  segment_->slots = std::move(words);
  segment_->addresses.clear();
  for (const Backend& backend : pool->backends)
    segment_->addresses[backend.index] = backend.address;
  segment_->epoch = order.view->epoch;
}

// One task at a time, in order; a barrier proves what stood before it.
void World::engine_turn() {
  if (is_engine_busy_ || tasks_.empty()) return;
  is_engine_busy_ = true;
  const bool is_slow = faults_.has_engine_faults && now_ < trouble_ends_ && chance(3);
  const Duration delay = is_slow ? between(100_ms, 2500_ms) : Duration{(1_ms).ns / 2};
  after_in_life(delay, [this] {
    is_engine_busy_ = false;
    if (tasks_.empty()) return;
    const EngineTask task = tasks_.front();
    tasks_.pop_front();
    if (task.commit.bytes.empty()) {
      give(QuorumConfirmed{task.submitted_at, true});
    } else {
      log_.push_back(task.commit.bytes);
      check_.logged(LogIndex{log_.size()}, task.commit.bytes);
      give(EntryApplied{LogIndex{log_.size()}, Term{life_}, task.commit.bytes});
      if (!task.is_failed && node_ != nullptr) give(CommitFinished{task.commit.id, true, ""});
    }
    if (node_ != nullptr) engine_turn();
  });
}

}  // namespace ringfence::sim
