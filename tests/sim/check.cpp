#include "tests/sim/check.hpp"

#include <algorithm>

#include "shm_layout/slot_word.hpp"

namespace ringfence::sim {

using namespace agent::core;  // NOLINT(google-build-using-namespace)

void Check::fail(const std::string& what) {
  if (failures_.size() < 10) failures_.push_back(what);
}

std::size_t Check::began(std::uint32_t key, std::uint64_t value, Instant now) {
  operations_.push_back({key, value, now, Instant{}, false});
  if (value != 0) writers_[value] = operations_.size() - 1;
  return operations_.size() - 1;
}

void Check::acknowledged(std::size_t operation, Instant now) {
  operations_[operation].ended = now;
  operations_[operation].is_acknowledged = true;
  writes_[operations_[operation].key].push_back(operation);
}

// A value is stale when its write ended before another began that was acknowledged before this get
// began. A write that was never acknowledged counts as concurrent with all that follows.
void Check::hit(std::size_t operation, std::uint64_t value) {
  ++hit_count_;
  const Operation& get = operations_[operation];
  const Operation& write = operations_[writers_.at(value)];
  if (write.key != get.key) fail("G2: a get returned another key's value");
  if (!write.is_acknowledged) return;
  for (const std::size_t other : writes_[get.key]) {
    const Operation& newer = operations_[other];
    if (newer.began > write.ended && newer.ended < get.began) {
      fail("G2: stale hit on key " + std::to_string(get.key) + ": value " + std::to_string(value) +
           " was overwritten by " + std::to_string(newer.value));
      return;
    }
  }
}

void Check::logged(LogIndex index, const std::string& bytes, const ClusterId& fleet) {
  const auto entry = decode_entry(bytes);
  if (entry.has_value() && std::holds_alternative<Proposal>(*entry)) {
    proposed_[fleet] = {std::get<Proposal>(*entry), index};
  }
}

// At the moment a leader decides to activate, whatever it admits was flushed after its last
// trouble.
void Check::committing(const std::string& bytes, std::size_t host, const ClusterId& fleet) {
  const auto entry = decode_entry(bytes);
  if (!entry.has_value()) return fail("an entry that does not decode was committed");
  const auto* activation = std::get_if<Activation>(&*entry);
  if (activation == nullptr || !activation->is_moved) return;
  const Proposed& proposed = proposed_[fleet];
  if (activation->proposal != proposed.index) return;
  for (const Op& op : proposed.proposal.ops) {
    const auto* admit = std::get_if<AdmitBackend>(&op);
    if (admit == nullptr) continue;
    const auto flushed = flushes_.find({host, admit->address});
    const auto trouble = troubles_.find({host, admit->address});
    const bool is_clean = flushed != flushes_.end() &&
                          (trouble == troubles_.end() || trouble->second < flushed->second);
    if (!is_clean) fail("G3: " + admit->address + " is activated without a flush since its loss");
  }
}

void Check::published(const PublishView& order, std::size_t host) {
  const std::uint64_t epoch = order.view->epoch.value;
  const ClusterId& fleet = order.view->cluster_id;
  std::uint64_t& newest = published_epochs_[{fleet, host}];
  if (epoch < newest) fail("G5: epoch " + std::to_string(epoch) + " after a higher one");
  newest = std::max(newest, epoch);
  const auto [place, is_new] = digests_.emplace(OfFleet{fleet, epoch}, order.digest);
  if (!is_new && place->second != order.digest) {
    fail("G1: two views were published as epoch " + std::to_string(epoch));
  }
  if (!is_new) return;
  for (const Pool& pool : order.view->pools) {
    std::vector<std::uint64_t> shares(UINT16_MAX + 1, 0);
    std::uint64_t served = 0;
    std::uint64_t weight_sum = 0;
    for (const SlotWord slot : pool.slots) {
      if (!slot.is_routable()) continue;
      ++shares[slot.backend()];
      ++served;
    }
    for (const Backend& backend : pool.backends) {
      if (backend.status == BackendStatus::serving) weight_sum += backend.weight;
    }
    // Slots kept for a lost backend stand outside the balance until they are given out.
    if (served != pool.slots.size()) continue;
    for (const Backend& backend : pool.backends) {
      if (backend.status != BackendStatus::serving) continue;
      const std::uint64_t held = shares[backend.index] * weight_sum;
      const std::uint64_t ideal = served * backend.weight;
      if (std::max(held, ideal) - std::min(held, ideal) >= weight_sum) {
        fail("G4: " + backend.address + " is a whole slot away from its ideal");
      }
    }
  }
}

// A word that readers route by changes only after it was fenced.
void Check::stored(SlotWord before, SlotWord after) {
  if (before == after || !before.is_routable()) return;
  fail("G2: a slot that was not fenced changed, generation " + std::to_string(before.generation()) +
       " to " + std::to_string(after.generation()));
}

}  // namespace ringfence::sim
