#include "agent/core/change.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "agent/core/assign.hpp"
#include "shm_layout/layout.hpp"

namespace ringfence::agent::core {
namespace {

using shm_layout::backend_count_max;
using shm_layout::generation_max;
using shm_layout::slot_count;
using shm_layout::SlotState;

constexpr SlotWord unowned(std::uint16_t backend, std::uint64_t generation) {
  return {SlotState::unowned, backend, generation};
}

// A slot whose generations are used up is never served again: generations must not wrap (G2).
constexpr SlotWord owned_anew(std::uint16_t backend, std::uint64_t generation) {
  if (generation >= generation_max) return unowned(no_backend, generation);
  return {SlotState::served, backend, generation + 1};
}

// Applies ops to a copy of the view. Pools that need it are balanced once, at the end.
class Change {
 public:
  explicit Change(View view) : view_(std::move(view)) {}

  void operator()(const SetCluster& op) { view_.cluster_id = op.id; }
  void operator()(const JoinAgent& op);
  void operator()(const RemoveAgent& op);
  void operator()(const SetPool& op);
  void operator()(const RemovePool& op);
  void operator()(const LoseBackend& op);
  void operator()(const AdmitBackend& op);
  void operator()(const RemoveBackend& op);
  void operator()(const SetWeight& op);
  void operator()(const Reassign& op);
  void operator()(const FlushPool& op);

  [[nodiscard]] View finish();

 private:
  Pool* find(const std::string& name);
  static Backend* find(Pool& pool, const std::string& address);
  void balance_later(const std::string& pool);

  View view_;
  std::vector<std::string> to_balance_;
};

Pool* Change::find(const std::string& name) {
  for (Pool& pool : view_.pools) {
    if (pool.name == name) return &pool;
  }
  return nullptr;
}

Backend* Change::find(Pool& pool, const std::string& address) {
  for (Backend& backend : pool.backends) {
    if (backend.address == address) return &backend;
  }
  return nullptr;
}

void Change::balance_later(const std::string& pool) {
  if (std::find(to_balance_.begin(), to_balance_.end(), pool) == to_balance_.end()) {
    to_balance_.push_back(pool);
  }
}

void Change::operator()(const JoinAgent& op) {
  auto place = std::lower_bound(view_.agents.begin(), view_.agents.end(), op.agent.id,
                                [](const Agent& agent, AgentId id) { return agent.id < id; });
  Agent agent = op.agent;
  agent.joined = Epoch{view_.epoch.value + 1};
  if (place != view_.agents.end() && place->id == agent.id) {
    agent.joined = place->joined;
    *place = std::move(agent);
  } else if (view_.agents.size() < agent_count_max) {
    view_.agents.insert(place, std::move(agent));
  }
}

void Change::operator()(const RemoveAgent& op) {
  std::erase_if(view_.agents, [&op](const Agent& agent) { return agent.id == op.agent; });
}

std::uint64_t highest_generation(const Pool& pool) {
  std::uint64_t highest = 0;
  for (const SlotWord slot : pool.slots) highest = std::max(highest, slot.generation());
  return highest;
}

// Other hash tags send keys to other slots, and the keys on the wire do not name the slot: a key
// could meet a value of an earlier mapping under its new slot's next generation. So every slot,
// also one that nobody owns now, goes on from the pool's highest generation (G2). With tags turned
// on or off the keys on the wire change, which only a flush makes safe: every backend has to be
// admitted anew.
void change_meaning(Pool& pool, const PoolOptions& options) {
  const bool is_rehashed = pool.options.hash_tag_open != options.hash_tag_open ||
                           pool.options.hash_tag_close != options.hash_tag_close;
  const bool is_retagged = pool.options.has_tags != options.has_tags;
  if (!is_rehashed && !is_retagged) return;
  const bool must_readmit = is_retagged || !options.has_tags;
  if (must_readmit) {
    for (Backend& backend : pool.backends) backend.status = BackendStatus::lost;
  }
  const std::uint64_t highest = highest_generation(pool);
  pool.slots.rewrite([&](SlotWord slot) {
    const bool stays = slot.is_routable() && !must_readmit;
    return stays ? owned_anew(slot.backend(), highest) : unowned(slot.backend(), highest);
  });
}

void Change::operator()(const SetPool& op) {
  if (Pool* pool = find(op.pool); pool != nullptr) {
    change_meaning(*pool, op.options);
    pool->options = op.options;
    return;
  }
  if (view_.pools.size() >= pool_count_max) return;
  Pool pool;
  pool.name = op.pool;
  pool.options = op.options;
  pool.slots = SlotTable(slot_count, unowned(no_backend, 0));
  auto place = std::lower_bound(view_.pools.begin(), view_.pools.end(), op.pool,
                                [](const Pool& a, const std::string& b) { return a.name < b; });
  view_.pools.insert(place, std::move(pool));
}

void Change::operator()(const RemovePool& op) {
  std::erase_if(view_.pools, [&op](const Pool& pool) { return pool.name == op.pool; });
}

void Change::operator()(const LoseBackend& op) {
  Pool* pool = find(op.pool);
  Backend* backend = pool == nullptr ? nullptr : find(*pool, op.address);
  if (backend == nullptr) return;
  backend->status = BackendStatus::lost;
  pool->slots.rewrite_of(backend->index, [index = backend->index](SlotWord slot) {
    return slot.backend() == index ? unowned(index, slot.generation()) : slot;
  });
}

// Hands out indexes in a circle, so that a freed one rests as long as possible (a reader may still
// hold a ticket with its old meaning).
bool take_index(Pool& pool, Backend& backend) {
  if (pool.backends.size() >= backend_count_max) return false;
  const auto is_taken = [&pool](std::uint16_t index) {
    return std::any_of(pool.backends.begin(), pool.backends.end(),
                       [index](const Backend& other) { return other.index == index; });
  };
  std::uint16_t index = pool.next_backend_index;
  while (is_taken(index)) index = static_cast<std::uint16_t>((index + 1U) % backend_count_max);
  backend.index = index;
  pool.next_backend_index = static_cast<std::uint16_t>((index + 1U) % backend_count_max);
  return true;
}

void Change::operator()(const AdmitBackend& op) {
  Pool* pool = find(op.pool);
  if (pool == nullptr) return;
  Backend* backend = find(*pool, op.address);
  if (backend == nullptr) {
    Backend made;
    if (!take_index(*pool, made)) return;
    made.address = op.address;
    auto place = std::lower_bound(
        pool->backends.begin(), pool->backends.end(), made.index,
        [](const Backend& other, std::uint16_t index) { return other.index < index; });
    backend = &*pool->backends.insert(place, std::move(made));
  } else if (backend->status == BackendStatus::serving) {
    return;
  }
  backend->status = BackendStatus::serving;
  backend->weight = op.weight;
  backend->incarnation = pool->next_backend_incarnation++;
  balance_later(op.pool);
}

void forget_owner(Pool& pool, std::uint16_t index) {
  pool.slots.rewrite_of(index, [index](SlotWord slot) {
    return slot.backend() == index ? unowned(no_backend, slot.generation()) : slot;
  });
}

void Change::operator()(const RemoveBackend& op) {
  Pool* pool = find(op.pool);
  Backend* backend = pool == nullptr ? nullptr : find(*pool, op.address);
  if (backend == nullptr) return;
  forget_owner(*pool, backend->index);
  pool->backends.erase(pool->backends.begin() + (backend - pool->backends.data()));
  balance_later(op.pool);
}

void Change::operator()(const SetWeight& op) {
  Pool* pool = find(op.pool);
  Backend* backend = pool == nullptr ? nullptr : find(*pool, op.address);
  if (backend == nullptr || backend->weight == op.weight) return;
  backend->weight = op.weight;
  balance_later(op.pool);
}

void Change::operator()(const Reassign& op) {
  Pool* pool = find(op.pool);
  Backend* backend = pool == nullptr ? nullptr : find(*pool, op.address);
  if (backend == nullptr || backend->status != BackendStatus::lost) return;
  forget_owner(*pool, backend->index);
  balance_later(op.pool);
}

void Change::operator()(const FlushPool& op) {
  Pool* pool = find(op.pool);
  if (pool == nullptr) return;
  pool->slots.rewrite([](SlotWord slot) {
    return slot.is_routable() ? owned_anew(slot.backend(), slot.generation()) : slot;
  });
}

// Who takes part in balancing a pool, and what is kept out of it for lost backends.
class Balance {
 public:
  explicit Balance(const Pool& pool);
  void apply(Pool& pool);

 private:
  [[nodiscard]] bool is_lost(std::uint16_t index) const {
    return std::binary_search(lost_.begin(), lost_.end(), index);
  }
  [[nodiscard]] bool changes(const std::vector<Holding>& holdings, const Assignment& given) const;

  std::vector<std::uint16_t> lost_;
  std::vector<Share> shares_;
  std::uint64_t slot_count_ = 0;
};

Balance::Balance(const Pool& pool) {
  for (const Backend& backend : pool.backends) {
    if (backend.status == BackendStatus::lost) {
      lost_.push_back(backend.index);
    } else {
      shares_.push_back({backend.index, backend.weight, 0});
    }
  }
  for (const Holding& holding : pool.slots.holdings()) {
    slot_count_ += holding.served;
    if (!is_lost(holding.backend)) slot_count_ += holding.unserved;
    const auto share =
        std::lower_bound(shares_.begin(), shares_.end(), holding.backend,
                         [](const Share& some, std::uint16_t index) { return some.index < index; });
    if (share == shares_.end() || share->index != holding.backend) continue;
    share->held = holding.served + holding.unserved;
  }
}

// Most of a ring stays in a change: whole blocks are passed over.
bool Balance::changes(const std::vector<Holding>& holdings, const Assignment& given) const {
  return std::any_of(holdings.begin(), holdings.end(), [&](const Holding& holding) {
    const bool is_kept = is_lost(holding.backend) && holding.served == 0;
    const bool is_raised = holding.unserved > 0 && holding.backend != no_backend;
    return !is_kept && (is_raised || given.gives(holding.backend));
  });
}

// A slot that was served by nobody gets a new generation, also when it goes to the owner it had.
void Balance::apply(Pool& pool) {
  Assignment given(shares_, slot_count_);
  for (std::size_t i = 0; i < pool.slots.block_count(); ++i) {
    if (!changes(pool.slots.holdings_of(i), given)) continue;
    SlotTable::Words words = pool.slots.block(i);
    for (SlotWord& slot : words) {
      const bool is_kept = !slot.is_routable() && is_lost(slot.backend());
      if (is_kept) continue;
      const std::uint16_t to = given.next(slot.backend());
      if (to == no_backend || (slot.is_routable() && slot.backend() == to)) continue;
      slot = owned_anew(to, slot.generation());
    }
    pool.slots.set_block(i, words);
  }
}

View Change::finish() {
  for (const std::string& name : to_balance_) {
    if (Pool* pool = find(name); pool != nullptr) Balance(*pool).apply(*pool);
  }
  view_.epoch = Epoch{view_.epoch.value + 1};
  return std::move(view_);
}

// Slots of `before` whose word changes; all of them when the pool goes.
std::vector<std::uint32_t> moved_slots(const Pool& before, const Pool* after) {
  std::vector<std::uint32_t> moved;
  for (std::size_t block = 0; block < before.slots.block_count(); ++block) {
    if (after != nullptr && before.slots.shares_block(after->slots, block)) continue;
    const std::size_t first = block * SlotTable::block_slots;
    for (std::size_t slot = first; slot < first + SlotTable::block_slots; ++slot) {
      const bool moves = after == nullptr || before.slots[slot] != after->slots[slot];
      if (moves) moved.push_back(static_cast<std::uint32_t>(slot));
    }
  }
  return moved;
}

}  // namespace

std::optional<NextView> next_view(const View& current, const Proposal& proposal) {
  if (proposal.assign_version != assign_version_newest) return std::nullopt;
  Change change(current);
  for (const Op& op : proposal.ops) std::visit(change, op);

  NextView next;
  next.view = std::make_shared<const View>(change.finish());
  next.digest = digest_of(*next.view);
  for (const Pool& pool : current.pools) {
    PoolSlots moved{pool.name, moved_slots(pool, next.view->find(pool.name))};
    next.moved_count += static_cast<std::uint32_t>(moved.slots.size());
    if (!moved.slots.empty()) next.moved.push_back(std::move(moved));
  }
  return next;
}

ViewPtr same_view_next_epoch(const View& current) {
  auto next = std::make_shared<View>(current);
  next->epoch = Epoch{current.epoch.value + 1};
  return next;
}

}  // namespace ringfence::agent::core
