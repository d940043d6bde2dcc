#include "bench/fleet/figures.hpp"

#include <algorithm>
#include <cstdio>

namespace ringfence::bench {
namespace {

// At least `share` of the sorted values stand before it: of 100 values the p99 is the largest.
double percentile(const std::vector<double>& sorted, double share) {
  const auto rank = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
  return sorted[std::min(rank, sorted.size() - 1)];
}

}  // namespace

void Figures::print(const std::string& whose) {
  for (auto& [name, values] : values_) {
    std::sort(values.begin(), values.end());
    std::printf("%s,%s,%zu,%.3f,%.3f,%.3f\n", whose.c_str(), name.c_str(), values.size(),
                percentile(values, 0.5), percentile(values, 0.99), values.back());
  }
  std::fflush(stdout);
  values_.clear();
}

}  // namespace ringfence::bench
