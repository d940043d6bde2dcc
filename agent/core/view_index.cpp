#include "agent/core/view_index.hpp"

#include <vector>

namespace ringfence::agent::core {

ViewIndex::ViewIndex(ViewPtr view) : view_(std::move(view)) {
  for (const Pool& pool : view_->pools) {
    const std::vector<Holding> holdings = pool.slots.holdings();
    auto holding = holdings.begin();
    for (const Backend& backend : pool.backends) {  // both ascend by index
      while (holding != holdings.end() && holding->backend < backend.index) ++holding;
      PlacedBackend& placed = placed_[{pool.name, backend.address}];
      placed.backend = &backend;
      placed.pool = &pool;
      if (holding == holdings.end() || holding->backend != backend.index) continue;
      placed.served_slots = holding->served;
      placed.kept_slots = holding->unserved;
    }
  }
}

const PlacedBackend* ViewIndex::find(const std::string& pool, const std::string& address) const {
  const auto found = placed_.find({pool, address});
  return found == placed_.end() ? nullptr : &found->second;
}

}  // namespace ringfence::agent::core
