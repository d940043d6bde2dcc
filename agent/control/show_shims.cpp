// `shims`: what the processes of this host count about themselves. Their numbers and names are
// theirs: bounded and printable by now, but as true as the process is.
#include <algorithm>
#include <map>
#include <utility>

#include "agent/control/show.hpp"
#include "shm_layout/clock.hpp"

namespace ringfence::agent::control {
namespace {

using shm_layout::LatencyCounts;
using shm_layout::ShimBackendCounts;
using shm_layout::ShimCount;

// Records of backends in one reply, over all processes: some 2 MiB of JSON. A host whose processes
// use more has the totals of each in it still.
constexpr std::size_t backend_records_max = 16'384;

constexpr std::uint32_t median_percent = 50;
constexpr std::uint32_t tail_percent = 99;
constexpr std::int64_t ns_per_us = 1000;

// A pool of this agent as a listing needs it.
struct KnownPool {
  std::string name;
  std::map<std::uint32_t, std::string> addresses;  // by index
};
using KnownPools = std::map<std::string, KnownPool>;  // by the segment's file name

KnownPools known_pools(const CommandSource& source) {
  KnownPools pools;
  const core::NodeReport report = source.report();
  for (const PoolFacts& facts : source.pool_facts()) {
    KnownPool& pool = pools[facts.segment.substr(facts.segment.rfind('/') + 1)];
    pool.name = facts.name;
    const core::Pool* in_view = report.view ? report.view->find(facts.name) : nullptr;
    if (in_view == nullptr) continue;
    for (const core::Backend& backend : in_view->backends) {
      pool.addresses[backend.index] = backend.address;
    }
  }
  return pools;
}

// In us, rounded up; null with no answers, -1 beyond the last bound.
Json quantile_json(const LatencyCounts& counts, std::uint32_t percent) {
  const auto bucket = shm_layout::quantile_bucket(counts, percent);
  if (!bucket) return nullptr;
  const auto bound_ns = shm_layout::latency_bound_ns(*bucket);
  if (!bound_ns) return -1;
  return (*bound_ns + ns_per_us - 1) / ns_per_us;
}

std::uint64_t sum_of(const LatencyCounts& counts) {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts) sum = shm_layout::add_counts(sum, count);
  return sum;
}

Json backend_json(const ShimBackendCounts& counts, const KnownPool& pool) {
  const auto address = pool.addresses.find(counts.index);
  return {{"index", counts.index},
          // An index without one: a backend that left the view.
          {"address", address == pool.addresses.end() ? Json() : Json(address->second)},
          {"errors", counts.errors},
          {"answers", sum_of(counts.latency)},
          {"p50_us", quantile_json(counts.latency, median_percent)},
          {"p99_us", quantile_json(counts.latency, tail_percent)}};
}

Json backends_json(const shims::Shim& shim, const KnownPool& pool, std::size_t& records_left) {
  Json list = Json::array();
  for (const ShimBackendCounts& counts : shim.backends) {
    if (records_left == 0) break;
    --records_left;
    list.push_back(backend_json(counts, pool));
  }
  return list;
}

Json shim_json(const shims::Shim& shim, const KnownPool& pool, std::int64_t unix_ms,
               std::size_t& records_left) {
  LatencyCounts latency{};
  std::uint64_t errors = 0;
  for (const ShimBackendCounts& counts : shim.backends) {
    errors = shm_layout::add_counts(errors, counts.errors);
    for (std::size_t bucket = 0; bucket < latency.size(); ++bucket) {
      latency[bucket] = shm_layout::add_counts(latency[bucket], counts.latency[bucket]);
    }
  }
  const auto started_ms =
      static_cast<std::int64_t>(shim.head.started_unix_ns / shm_layout::ns_per_ms);
  return {{"pid", shim.head.pid},
          {"uid", shim.uid},
          {"process", shim.head.process},
          {"kind", shim.head.kind == shm_layout::ShimKind::linked ? "linked" : "preload"},
          {"pool", pool.name},
          {"age_ms", std::max<std::int64_t>(0, unix_ms - started_ms)},
          {"requests", shim.head.count(ShimCount::requests)},
          {"hits", shim.head.count(ShimCount::hits)},
          {"misses", shim.head.count(ShimCount::misses)},
          {"refused_by_lease", shim.head.count(ShimCount::refused_by_lease)},
          {"refused_by_fence", shim.head.count(ShimCount::refused_by_fence)},
          {"redone", shim.head.count(ShimCount::redone)},
          {"timed_out", shim.head.count(ShimCount::timed_out)},
          {"overflowed", shim.head.count(ShimCount::overflowed)},
          {"errors", errors},
          {"answers", sum_of(latency)},
          {"p50_us", quantile_json(latency, median_percent)},
          {"p99_us", quantile_json(latency, tail_percent)},
          {"latency", latency},
          {"backends", backends_json(shim, pool, records_left)},
          {"backends_counted", shim.backends.size()}};
}

// Where each bucket of "latency" ends; the last one has no end.
Json bounds_json() {
  Json bounds = Json::array();
  for (std::size_t bucket = 0; bucket < shm_layout::latency_bucket_count; ++bucket) {
    const auto bound_ns = shm_layout::latency_bound_ns(bucket);
    if (bound_ns) bounds.push_back(static_cast<double>(*bound_ns) / ns_per_us);
  }
  return bounds;
}

}  // namespace

Json shims_json(const CommandSource& source) {
  const KnownPools pools = known_pools(source);
  const shims::ShimListing listing = source.shims();
  std::size_t records_left = backend_records_max;
  Json list = Json::array();
  for (const shims::Shim& shim : listing.shims) {
    const auto pool = pools.find(shim.head.segment);
    if (pool == pools.end()) continue;
    list.push_back(shim_json(shim, pool->second, source.unix_ms(), records_left));
  }
  return {{"ok", true},
          {"shims", std::move(list)},
          {"left_out", listing.left_out_count},
          {"unreadable", listing.unreadable_count},
          {"other_version", listing.other_version_count},
          {"is_cut", listing.is_cut},
          {"latency_bounds_us", bounds_json()}};
}

}  // namespace ringfence::agent::control
