#include "agent/core/wanted.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ringfence::agent::core {
namespace {

const WantedPool* find(const std::vector<WantedPool>& pools, const std::string& name) {
  for (const WantedPool& pool : pools) {
    if (pool.name == name) return &pool;
  }
  return nullptr;
}

// Who names a backend in any way gives consent; of two weights the larger counts.
void add_backend(WantedPool& pool, const WantedBackend& backend) {
  for (WantedBackend& known : pool.backends) {
    if (known.address != backend.address) continue;
    known.weight = std::max(known.weight, backend.weight);
    known.named_by = std::max(known.named_by, backend.named_by);
    return;
  }
  pool.backends.push_back(backend);
}

}  // namespace

void Wanted::on_configuration(std::vector<WantedPool> pools, bool is_order) {
  own_ = std::move(pools);
  has_own_ = true;
  is_own_order_ = is_order;
}

WantedTold Wanted::take_own() {
  return {std::exchange(is_own_order_, false), own_};
}

void Wanted::on_told(AgentId from, WantedTold told) {
  if (told.is_order) {
    for (const WantedPool& pool : told.pools) orders_[pool.name] = pool.options;
  }
  told_[from] = std::move(told.pools);
}

void Wanted::forget_others() {
  told_.clear();
  orders_.clear();
}

bool Wanted::have_all_told() const {
  const auto& agents = desk_.replica.view()->agents;
  return std::all_of(agents.begin(), agents.end(),
                     [this](const Agent& agent) { return told_.count(agent.id) > 0; });
}

void Wanted::add_view(std::map<std::string, WantedPool>& pools) const {
  for (const Pool& pool : desk_.replica.view()->pools) {
    WantedPool& wanted = pools[pool.name];
    for (const Backend& backend : pool.backends) {
      add_backend(wanted, {backend.address, backend.weight, NamedBy::nobody});
    }
  }
}

std::vector<WantedPool> Wanted::of_fleet() {
  const ViewPtr view = desk_.replica.view();
  std::map<std::string, WantedPool> pools;
  std::map<std::string, PoolOptions> options;
  for (const auto& [id, told] : told_) {
    const bool counts = view->find(id) != nullptr || id == desk_.settings.id;
    if (!counts) continue;
    for (const WantedPool& pool : told) {
      options.emplace(pool.name, pool.options);
      for (const WantedBackend& backend : pool.backends) add_backend(pools[pool.name], backend);
      (void)pools[pool.name];
    }
  }
  if (!have_all_told()) add_view(pools);
  const bool is_alone = view->agents.size() <= 1;
  std::vector<WantedPool> made;
  for (auto& [name, pool] : pools) {
    const Pool* known = view->find(name);
    const auto order = orders_.find(name);
    pool.name = name;
    pool.options = options[name];
    if (known != nullptr && !is_alone) pool.options = known->options;
    if (order != orders_.end()) pool.options = order->second;
    if (known != nullptr && order != orders_.end() && known->options == order->second) {
      orders_.erase(order);
    }
    if (const WantedPool* own = find(own_, name)) pool.timing = own->timing;
    made.push_back(std::move(pool));
  }
  return made;
}

std::vector<WantedPool> Wanted::for_member() const {
  if (fleet_.empty()) return own_;
  std::vector<WantedPool> pools = fleet_;
  for (WantedPool& pool : pools) {
    if (const WantedPool* own = find(own_, pool.name)) pool.timing = own->timing;
  }
  return pools;
}

std::vector<std::string> Wanted::differences() const {
  std::vector<std::string> sentences;
  for (const WantedPool& pool : own_) {
    const Pool* agreed = desk_.replica.view()->find(pool.name);
    if (agreed == nullptr || agreed->options == pool.options) continue;
    sentences.push_back(fmt::format(
        "pool {}: this host's file differs from the fleet's options (tags, hash_tag, flush_all, "
        "admit_unflushed or on_lease_loss), and the fleet's count; change the file, or reload this "
        "agent after a change to make its options the fleet's",
        pool.name));
  }
  return sentences;
}

}  // namespace ringfence::agent::core
