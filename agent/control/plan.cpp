#include "agent/control/plan.hpp"

#include <fmt/format.h>

#include "agent/core/preview.hpp"
#include "shm_layout/layout.hpp"

namespace ringfence::agent::control {
namespace {

double share_of(std::uint32_t slot_count) {
  return static_cast<double>(slot_count) / shm_layout::slot_count;
}

// Why the change cannot be, or would do nothing; empty: it can.
std::string refusal_of(const core::Pool& pool, const PlanAsked& asked) {
  const core::Backend* known = pool.find(asked.address);
  const std::string where = fmt::format("{} is not in pool {}", asked.address, pool.name);
  if (asked.kind != PlanKind::add) {
    return known == nullptr ? where + "; `ringfencectl status` lists its backends" : std::string();
  }
  const bool is_serving = known != nullptr && known->status == core::BackendStatus::serving;
  if (is_serving) {
    return fmt::format("{} serves in pool {} already; `plan weight` shows another weight",
                       asked.address, pool.name);
  }
  const bool is_full = known == nullptr && pool.backends.size() >= shm_layout::backend_count_max;
  return is_full ? fmt::format("pool {} has {} backends, and no room for more", pool.name,
                               pool.backends.size())
                 : std::string();
}

core::Op op_of(const core::Pool& pool, const PlanAsked& asked) {
  switch (asked.kind) {
    case PlanKind::add:
      return core::AdmitBackend{pool.name, asked.address, asked.weight};
    case PlanKind::remove:
      return core::RemoveBackend{pool.name, asked.address};
    case PlanKind::weight:
      break;
  }
  return core::SetWeight{pool.name, asked.address, asked.weight};
}

std::string words_of(const PlanAsked& asked) {
  switch (asked.kind) {
    case PlanKind::add:
      return fmt::format("add {} with weight {}", asked.address, asked.weight);
    case PlanKind::remove:
      return "remove " + asked.address;
    case PlanKind::weight:
      break;
  }
  return fmt::format("set the weight of {} to {}", asked.address, asked.weight);
}

}  // namespace

Json plan_json(const core::View& view, const core::Pool& pool, const PlanAsked& asked) {
  if (const std::string refusal = refusal_of(pool, asked); !refusal.empty()) {
    return {{"ok", false}, {"error", refusal}};
  }
  const core::Preview preview = core::preview(view, pool.name, {op_of(pool, asked)});
  Json moves = Json::array();
  for (const core::PreviewMove& move : preview.moves) {
    moves.push_back({{"from", move.from},
                     {"to", move.to},
                     {"slots", move.slot_count},
                     {"share", share_of(move.slot_count)}});
  }
  Json backends = Json::array();
  for (const core::PreviewBackend& backend : preview.backends) {
    backends.push_back({{"address", backend.address},
                        {"slots_before", backend.slots_before},
                        {"slots_after", backend.slots_after},
                        {"share_before", share_of(backend.slots_before)},
                        {"share_after", share_of(backend.slots_after)}});
  }
  return {{"ok", true},
          {"pool", pool.name},
          {"epoch", view.epoch.value},
          {"what", words_of(asked)},
          {"moved_slots", preview.moved_count},
          {"share", share_of(preview.moved_count)},
          {"moves", std::move(moves)},
          {"backends", std::move(backends)}};
}

}  // namespace ringfence::agent::control
