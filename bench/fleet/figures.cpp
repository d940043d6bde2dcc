#include "bench/fleet/figures.hpp"

#include <algorithm>
#include <cstdio>

namespace ringfence::bench {
namespace {

// The smallest value that `share` of the sorted values do not exceed.
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
