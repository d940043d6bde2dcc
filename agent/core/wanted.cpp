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

WantedBackend* find(WantedPool& pool, const std::string& address) {
  for (WantedBackend& backend : pool.backends) {
    if (backend.address == address) return &backend;
  }
  return nullptr;
}

using Places = std::map<std::string, std::size_t>;  // of a pool's backends, by address

// Who names a backend in any way gives consent; of two weights the larger counts. Of several hosts
// one is told to people, and that there are more.
void add_backend(WantedPool& pool, Places& places, const WantedBackend& backend,
                 const std::string& host) {
  constexpr std::string_view and_others = " and others";
  const auto [place, is_new] = places.emplace(backend.address, pool.backends.size());
  if (is_new) {
    WantedBackend& added = pool.backends.emplace_back(backend);
    added.source =
        fmt::format("{} on {}", backend.source.empty() ? "configuration" : backend.source, host);
    return;
  }
  WantedBackend& known = pool.backends[place->second];
  known.weight = std::max(known.weight, backend.weight);
  known.named_by = std::max(known.named_by, backend.named_by);
  if (!std::string_view(known.source).ends_with(and_others)) known.source += and_others;
}

}  // namespace

void Wanted::on_configuration(std::vector<WantedPool> pools, bool is_order) {
  own_ = std::move(pools);
  has_own_ = true;
  is_own_order_ = is_own_order_ || is_order;
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

std::string Wanted::name_of(AgentId id) const {
  const Agent* agent = desk_.replica.view()->find(id);
  return agent == nullptr ? desk_.settings.name : agent->name;
}

bool Wanted::have_all_told() const {
  const auto& agents = desk_.replica.view()->agents;
  return std::all_of(agents.begin(), agents.end(),
                     [this](const Agent& agent) { return told_.count(agent.id) > 0; });
}

// What nobody lists any more may be listed by who has not told yet.
void Wanted::add_view(std::map<std::string, WantedPool>& pools, bool have_all) const {
  for (const Pool& pool : desk_.replica.view()->pools) {
    const auto told = pools.find(pool.name);
    const bool is_whole = have_all && (told == pools.end() || !told->second.is_partial);
    if (is_whole) continue;
    WantedPool& wanted = pools[pool.name];
    for (const Backend& backend : pool.backends) {
      if (find(wanted, backend.address) != nullptr) continue;
      wanted.backends.push_back({backend.address, backend.weight, NamedBy::nobody, {}});
    }
  }
}

// A memcached serves one pool: two would share its keys and its claim. The one that has it keeps
// it, else the first by name gets it.
void Wanted::give_each_to_one(std::map<std::string, WantedPool>& pools) const {
  std::map<std::string, std::string> owners;
  for (const Pool& pool : desk_.replica.view()->pools) {
    if (pools.count(pool.name) == 0) continue;
    for (const Backend& backend : pool.backends) owners.emplace(backend.address, pool.name);
  }
  for (auto& [name, pool] : pools) {
    std::erase_if(pool.backends, [&, &owner_name = name](const WantedBackend& backend) {
      return owners.emplace(backend.address, owner_name).first->second != owner_name;
    });
  }
}

std::vector<WantedPool> Wanted::of_fleet() {
  const ViewPtr view = desk_.replica.view();
  std::map<std::string, WantedPool> pools;
  std::map<std::string, Places> places;
  std::map<std::string, PoolOptions> options;
  for (const auto& [id, told] : told_) {
    const bool counts = view->find(id) != nullptr || id == desk_.settings.id;
    if (!counts) continue;
    for (const WantedPool& pool : told) {
      options.emplace(pool.name, pool.options);
      WantedPool& wanted = pools[pool.name];
      wanted.is_partial = wanted.is_partial || pool.is_partial;
      for (const WantedBackend& backend : pool.backends) {
        add_backend(wanted, places[pool.name], backend, name_of(id));
      }
    }
  }
  add_view(pools, have_all_told());
  give_each_to_one(pools);
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
    const WantedPool* own = find(own_, pool.name);
    if (own == nullptr) continue;
    pool.timing = own->timing;
    for (const WantedBackend& backend : own->backends) {
      WantedBackend* shared = find(pool, backend.address);
      if (shared != nullptr) shared->source = backend.source;
    }
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
