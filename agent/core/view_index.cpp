#include "agent/core/view_index.hpp"

#include <vector>

namespace ringfence::agent::core {

ViewIndex::ViewIndex(ViewPtr view) : view_(std::move(view)) {
  for (const Pool& pool : view_->pools) {
    std::vector<std::uint32_t> served(std::size_t{UINT16_MAX} + 1, 0);
    std::vector<std::uint32_t> kept(std::size_t{UINT16_MAX} + 1, 0);
    for (const SlotWord slot : pool.slots) {
      ++(slot.is_routable() ? served : kept)[slot.backend()];
    }
    for (const Backend& backend : pool.backends) {
      placed_[{pool.name, backend.address}] =
          PlacedBackend{&backend, &pool, served[backend.index], kept[backend.index]};
    }
  }
}

const PlacedBackend* ViewIndex::find(const std::string& pool, const std::string& address) const {
  const auto found = placed_.find({pool, address});
  return found == placed_.end() ? nullptr : &found->second;
}

}  // namespace ringfence::agent::core
