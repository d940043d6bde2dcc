#include "agent/core/preview.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "agent/core/change.hpp"

namespace ringfence::agent::core {
namespace {

// Addresses by index; a slot that is served by nobody has none.
class Owners {
 public:
  explicit Owners(const Pool& pool) {
    for (const Backend& backend : pool.backends) addresses_[backend.index] = backend.address;
  }
  [[nodiscard]] std::string of(SlotWord slot) const {
    const auto found = addresses_.find(slot.backend());
    return !slot.is_routable() || found == addresses_.end() ? std::string() : found->second;
  }

 private:
  std::map<std::uint16_t, std::string> addresses_;
};

}  // namespace

Preview preview(const View& view, const std::string& pool, std::vector<Op> ops) {
  Proposal proposal;
  proposal.ops = std::move(ops);
  const auto next = next_view(view, proposal);
  const Pool* before = view.find(pool);
  const Pool* after = next ? next->view->find(pool) : nullptr;
  Preview made;
  if (before == nullptr || after == nullptr) return made;
  const Owners owners_before(*before);
  const Owners owners_after(*after);
  std::map<std::string, PreviewBackend> backends;
  for (const Pool* some : {before, after}) {
    for (const Backend& backend : some->backends)
      backends[backend.address].address = backend.address;
  }
  std::map<std::pair<std::string, std::string>, std::uint32_t> moves;
  for (std::size_t slot = 0; slot < before->slots.size(); ++slot) {
    const std::string from = owners_before.of(before->slots[slot]);
    const std::string to = owners_after.of(after->slots[slot]);
    if (!from.empty()) ++backends[from].slots_before;
    if (!to.empty()) ++backends[to].slots_after;
    if (before->slots[slot] == after->slots[slot] || (from.empty() && to.empty())) continue;
    ++moves[{from, to}];
    ++made.moved_count;
  }
  for (const auto& [ends, count] : moves) made.moves.push_back({ends.first, ends.second, count});
  std::stable_sort(made.moves.begin(), made.moves.end(),
                   [](const auto& a, const auto& b) { return a.slot_count > b.slot_count; });
  for (auto& [address, backend] : backends) made.backends.push_back(std::move(backend));
  return made;
}

}  // namespace ringfence::agent::core
