#include "tests/sim/fleet_check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "agent/core/event.hpp"

namespace ringfence::sim {

namespace {

std::uint64_t sum_of(const std::vector<std::uint32_t>& slots) {
  std::uint64_t sum = 0;
  for (const std::uint32_t slot : slots) sum = sum * 31 + slot;
  return sum;
}

}  // namespace

SlotWord Segment::word(std::uint32_t slot) const {
  if (pool == nullptr) return SlotWord{};
  SlotWord made = pool->slots[slot];
  if (!is_raised) made = SlotWord{made.state(), made.backend(), 1};
  return fenced[slot] ? made.fenced() : made;
}

std::string Segment::address(std::uint16_t index) const {
  for (const Backend& backend : pool->backends) {
    if (backend.index == index) return backend.address;
  }
  return {};
}

void FleetCheck::committed(LogIndex index, const std::string& bytes) {
  const auto entry = decode_entry(bytes);
  const auto* activation = entry.has_value() ? std::get_if<Activation>(&*entry) : nullptr;
  const OpenChange* open = replica_.open();
  const bool closes = activation != nullptr && open != nullptr &&
                      activation->proposal == open->index &&
                      activation->expected == replica_.view()->epoch;
  if (closes && activation->is_moved) activating(*open);
  const bool was_open = open != nullptr;
  replica_.apply(index, bytes);
  if (replica_.open() == nullptr || was_open) return;
  proposed_ = ++order_;
  for (const PoolSlots& moved : replica_.open()->next.moved) {
    moves_.insert(moved.slots.size() << 32U ^ sum_of(moved.slots));
  }
}

std::string FleetCheck::who_routes(const OpenChange& open) const {
  for (const std::weak_ptr<Segment>& weak : segments_) {
    const std::shared_ptr<Segment> segment = weak.lock();
    if (segment == nullptr || segment->deadline <= clock_of_(segment->host)) continue;
    const bool is_other_fleet =
        segment->view == nullptr || segment->view->cluster_id != open.next.view->cluster_id;
    if (is_other_fleet) continue;
    for (const PoolSlots& moved : open.next.moved) {
      const auto unfenced =
          std::find_if(moved.slots.begin(), moved.slots.end(),
                       [&segment](std::uint32_t slot) { return segment->is_routable(slot); });
      if (unfenced == moved.slots.end()) continue;
      return fmt::format("host {} may still route by slot {}", segment->host, *unfenced);
    }
  }
  return {};
}

// From here on others may publish the next view: nobody may route by what it moves.
void FleetCheck::activating(const OpenChange& open) {
  if (const std::string who = who_routes(open); !who.empty()) {
    check_.fail(
        fmt::format("G2: epoch {} is activated while {}", open.next.view->epoch.value, who));
  }
  for (const Op& op : open.proposal.ops) {
    if (const auto* lost = std::get_if<LoseBackend>(&op)) lost_[lost->address] = ++order_;
    if (const auto* admit = std::get_if<AdmitBackend>(&op)) was_flushed(open, admit->address);
  }
  flushed_without_tags(open);
  left_enough(open);
  moved_least(*replica_.view(), *open.next.view, open.proposal);
}

void FleetCheck::flushed(const std::string& address) {
  flushed_[address] = ++order_;
  const OpenChange* open = replica_.open();
  if (open != nullptr && who_routes(*open).empty()) fenced_flush_[address] = order_;
}

void FleetCheck::was_flushed(const OpenChange& open, const std::string& address) {
  has_trouble_[address] = false;
  const Pool* pool = open.next.view->find("p");
  const bool has_tags = pool == nullptr || pool->options.has_tags;
  const auto flush = flushed_.find(address);
  if (flush == flushed_.end() || flush->second < lost_[address]) {
    check_.fail("G3: " + address + " is admitted, and was not flushed since its loss");
  } else if (!has_tags && fenced_flush_[address] < proposed_) {
    check_.fail("G3: " + address + " is admitted to a pool without tags, and was not flushed " +
                "after the last host had fenced");
  }
}

// Without tags, a flush_all is what the backends did between the last fence and its activation.
void FleetCheck::flushed_without_tags(const OpenChange& open) {
  const Pool* pool = open.next.view->find("p");
  const bool flushes_all =
      std::any_of(open.proposal.ops.begin(), open.proposal.ops.end(),
                  [](const Op& op) { return std::holds_alternative<FlushPool>(op); });
  if (!flushes_all || pool == nullptr || pool->options.has_tags) return;
  for (const Backend& backend : pool->backends) {
    const bool serves = backend.status == BackendStatus::serving;
    if (!serves || fenced_flush_[backend.address] >= proposed_) continue;
    check_.fail("G3: a pool without tags is flushed, and " + backend.address + " was not");
  }
}

// Slots of the lost are given out only while enough of the pool is left (all weights are equal
// here).
void FleetCheck::left_enough(const OpenChange& open) {
  const Pool* pool = open.next.view->find("p");
  const bool gives_out =
      std::any_of(open.proposal.ops.begin(), open.proposal.ops.end(),
                  [](const Op& op) { return std::holds_alternative<Reassign>(op); });
  const bool is_made_anew =  // with other tags: every backend is to be admitted again
      std::any_of(open.proposal.ops.begin(), open.proposal.ops.end(),
                  [](const Op& op) { return std::holds_alternative<SetPool>(op); });
  if (!gives_out || is_made_anew || pool == nullptr) return;
  const auto serving = static_cast<std::uint32_t>(std::count_if(
      pool->backends.begin(), pool->backends.end(),
      [](const Backend& backend) { return backend.status == BackendStatus::serving; }));
  if (serving * 100 >= pool->backends.size() * PoolTiming{}.floor_percent) return;
  check_.fail(fmt::format("G6: epoch {} gives out slots of lost backends, and {} of {} are left",
                          open.next.view->epoch.value, serving, pool->backends.size()));
}

// What moves from one that serves to another that served before, moves for nothing (all weights
// are equal here).
void FleetCheck::moved_least(const View& before, const View& after, const Proposal& proposal) {
  const Pool* old_pool = before.find("p");
  const Pool* new_pool = after.find("p");
  if (old_pool == nullptr || new_pool == nullptr) return;
  const auto serves = [](const Pool& pool, std::uint16_t index) {
    return std::any_of(pool.backends.begin(), pool.backends.end(), [index](const Backend& some) {
      return some.index == index && some.status == BackendStatus::serving;
    });
  };
  const bool flushes_all = std::any_of(proposal.ops.begin(), proposal.ops.end(), [](const Op& op) {
    return std::holds_alternative<FlushPool>(op);
  });
  std::map<std::pair<std::uint16_t, std::uint16_t>, std::uint32_t> moves;
  for (std::size_t slot = 0; slot < old_pool->slots.size(); ++slot) {
    if (old_pool->slots.shares_block(new_pool->slots, slot / SlotTable::block_slots)) continue;
    const SlotWord from = old_pool->slots[slot];
    const SlotWord to = new_pool->slots[slot];
    if (from == to || !from.is_routable() || !to.is_routable()) continue;
    if (from.backend() == to.backend() && flushes_all) continue;
    ++moves[{from.backend(), to.backend()}];
  }
  for (const auto& [move, count] : moves) {
    const auto& [from, to] = move;
    if (from != to && (!serves(*new_pool, from) || !serves(*old_pool, to))) continue;
    check_.fail(fmt::format("G4: epoch {} moves {} slots from backend {} to {} for nothing",
                            after.epoch.value, count, from, to));
  }
}

// Only what some change moves is ever fenced, and all of it (a host that lags fences an earlier
// change's).
void FleetCheck::fencing(std::size_t host, const FenceSlots& order) {
  if (moves_.count(order.slots.size() << 32U ^ sum_of(order.slots)) > 0) return;
  check_.fail(
      fmt::format("G4: host {} fences {} slots that no change moves", host, order.slots.size()));
}

// A word that readers route by changes only after it was fenced.
void FleetCheck::publishing(const Segment& segment, const PublishView& order) {
  const Pool* next = order.view->find("p");
  if (next == nullptr || segment.pool == nullptr) return;
  if (segment.deadline <= clock_of_(segment.host)) return;
  const SlotTable& now = segment.pool->slots;
  for (std::uint32_t slot = 0; slot < next->slots.size(); ++slot) {
    if (now.shares_block(next->slots, slot / SlotTable::block_slots)) continue;
    if (now[slot] == next->slots[slot] || segment.fenced[slot]) continue;
    check_.stored(now[slot], next->slots[slot]);
  }
}

void FleetCheck::setting_deadline(std::size_t host, Instant until_truly) {
  constexpr Duration lease = 2_s;
  constexpr Duration drift = 2_ms;  // ± 200 ppm of a lease, twice
  if (until_truly <= confirmed_at_ + lease + drift) return;
  check_.fail(fmt::format("G2: host {} holds a lease for {} us longer than any quorum allows", host,
                          (until_truly - (confirmed_at_ + lease)).ns / 1000));
}

void FleetCheck::flushing(std::size_t host, const std::string& address, bool serves_there) {
  if (!serves_there || has_trouble_[address] || was_flush_all_asked_) return;
  check_.fail(fmt::format("G5: host {} flushes {}, which serves, and nothing happened to it", host,
                          address));
}

}  // namespace ringfence::sim
