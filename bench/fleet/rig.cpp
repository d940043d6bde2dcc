#include "bench/fleet/rig.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "agent/core/assign.hpp"
#include "shm_layout/layout.hpp"

namespace ringfence::bench {
namespace {

using agent::core::Share;
using shm_layout::slot_count;

// Back soon after a loss, and no budget in the way.
const char* const pool_lines =
    "hold_down = \"50ms\"\n"
    "hold_down_max = \"50ms\"\n"
    "eviction_burst = 1000\n"
    "admission_burst = 1000\n"
    "floor_percent = 0\n";

constexpr std::chrono::milliseconds ask_again{5};

struct Ring {
  std::vector<std::uint16_t> owners;
  std::vector<Share> shares;
};

Ring read_ring(const shm_layout::SegmentReader& segment) {
  Ring ring;
  for (std::uint32_t slot = 0; slot < slot_count; ++slot) {
    ring.owners.push_back(segment.slot(slot).backend());
  }
  for (std::uint32_t i = 0; i < segment.backend_count(); ++i) {
    const auto backend = segment.backend(i);
    if (!backend || backend->serving == 0) continue;
    ring.shares.push_back({static_cast<std::uint16_t>(i), backend->weight});
  }
  return ring;
}

std::uint16_t index_of(const shm_layout::SegmentReader& segment, const std::string& address) {
  for (std::uint32_t i = 0; i < segment.backend_count(); ++i) {
    const auto backend = segment.backend(i);
    const bool is_it = backend && backend->serving != 0 && address == backend->text;
    if (is_it) return static_cast<std::uint16_t>(i);
  }
  throw std::runtime_error(address + " is in no segment");
}

SegmentWatch::Slots slots_between(const std::vector<std::uint16_t>& before,
                                  const std::vector<std::uint16_t>& after) {
  SegmentWatch::Slots slots;
  bool has_moving = false;
  for (std::uint32_t slot = 0; slot < slot_count; ++slot) {
    const bool moves = before[slot] != after[slot];
    slots.moves.push_back(moves);
    (moves ? slots.moving : slots.staying) = slot;
    has_moving = has_moving || moves;
  }
  if (!has_moving) throw std::runtime_error("a change that moves nothing would not be seen");
  return slots;
}

}  // namespace

Rig::Rig(std::size_t agent_count)
    : agent_count_(agent_count),
      agents_(live::Agents::not_started(agent_count + 1, backend_count, pool_lines)) {
  for (std::size_t i = 0; i < agent_count; ++i) start(i);
  settle();
}

// The seeds are the agents that are there from the start.
void Rig::start(std::size_t i) {
  nlohmann::json seeds = nlohmann::json::array();
  for (std::size_t seed = 0; seed < agent_count_; ++seed) {
    seeds.push_back(agents_->mesh_address(seed));
  }
  agents_->start_with(i, "seeds = " + seeds.dump() + "\n");
}

void Rig::settle(std::size_t serving_count) {
  agents_->wait_agreed(agent_count_, serving_count);
}

void Rig::remove(const std::string& address) {
  const nlohmann::json request{{"command", "backend_remove"}, {"address", address}};
  const bool is_done = live::wait_until(
      [&] { return (*agents_)[0].ask_json(request).value("ok", false); }, live::fleet_patience);
  if (!is_done) throw std::runtime_error(address + " could not be removed");
}

std::vector<std::string> Rig::segments() const {
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < agent_count_; ++i) paths.push_back((*agents_)[i].segment());
  return paths;
}

SegmentWatch::Slots Rig::slots_of_weight(const SegmentWatch& watch, std::size_t backend,
                                         std::uint32_t weight) const {
  Ring ring = read_ring(watch.reader(0));
  const std::uint16_t index = index_of(watch.reader(0), address(backend));
  for (Share& share : ring.shares) {
    if (share.index == index) share.weight = weight;
  }
  return slots_between(ring.owners, agent::core::assign(ring.owners, ring.shares));
}

SegmentWatch::Slots Rig::slots_of_loss(const SegmentWatch& watch, const std::string& address) {
  Ring ring = read_ring(watch.reader(0));
  const std::uint16_t index = index_of(watch.reader(0), address);
  std::erase_if(ring.shares, [index](const Share& share) { return share.index == index; });
  return slots_between(ring.owners, agent::core::assign(ring.owners, ring.shares));
}

// Under the index that it had, or the next that is free.
SegmentWatch::Slots Rig::slots_of_coming(const SegmentWatch& watch, const std::string& address) {
  const shm_layout::SegmentReader& segment = watch.reader(0);
  Ring ring = read_ring(segment);
  Share coming{0, 1};
  for (std::uint32_t i = 0; i < segment.backend_count(); ++i) {
    const auto known = segment.backend(i);
    if (known && address == known->text) {
      coming.index = static_cast<std::uint16_t>(i);
      break;
    }
    coming.index = static_cast<std::uint16_t>(i + 1);
  }
  const auto place =
      std::lower_bound(ring.shares.begin(), ring.shares.end(), coming,
                       [](const Share& a, const Share& b) { return a.index < b.index; });
  ring.shares.insert(place, coming);
  return slots_between(ring.owners, agent::core::assign(ring.owners, ring.shares));
}

std::string Rig::address(std::size_t backend) const {
  return agents_->memcacheds().at(backend).address();
}

WeightRequest::WeightRequest(const live::Agent& agent, const std::string& address,
                             std::uint32_t weight)
    : thread_([this, control = agent.control(), address, weight] {
        const nlohmann::json request{
            {"command", "backend_add"}, {"address", address}, {"weight", weight}};
        while (!live::ask_control(control, request).value("ok", false) &&
               !is_ending_.load(std::memory_order_relaxed)) {
          std::this_thread::sleep_for(ask_again);
        }
      }) {}

WeightRequest::~WeightRequest() {
  is_ending_.store(true, std::memory_order_relaxed);
  thread_.join();
}

}  // namespace ringfence::bench
