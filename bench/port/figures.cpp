#include "bench/port/figures.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>

namespace ringfence::bench {
namespace {

double percentile(std::vector<double> values, double share) {
  const auto rank = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  const auto at = values.begin() + rank;
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

double median(const Figures& figures, double Round::*what) {
  std::vector<double> values;
  for (const Round& round : figures.rounds) values.push_back(round.*what);
  return percentile(std::move(values), 0.5);
}

double median_ratio(const Figures& figures, const Figures& other, double Round::*what,
                    double Round::*what_of_other) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < figures.rounds.size(); ++i) {
    const double divisor = other.rounds[i].*what_of_other;
    ratios.push_back(divisor > 0 ? figures.rounds[i].*what / divisor : 0);
  }
  return percentile(std::move(ratios), 0.5);
}

const Figures& named(const std::vector<Figures>& contenders, std::string_view name) {
  return *std::find_if(contenders.begin(), contenders.end(),
                       [name](const Figures& figures) { return figures.contender == name; });
}

}  // namespace

void print_heading() {
  std::printf(
      "scenario,contender,keys_per_second,p50_us,p99_us,rate_of_twemproxy,rate_of_direct,"
      "proxy_us,io_thread_us,memcached_us,client_us,proxy_of_twemproxy,io_thread_of_twemproxy,"
      "peak_rss_mib\n");
}

void print(std::string_view scenario, const std::vector<Figures>& contenders) {
  const Figures& twemproxy = named(contenders, "twemproxy");
  const Figures& direct = named(contenders, "direct");
  const auto rate = &Round::keys_per_second;
  for (const Figures& figures : contenders) {
    std::printf("%s,%s,%.0f,%.1f,%.1f,%.3f,%.3f,%.2f,%.2f,%.2f,%.2f,%.3f,%.3f,%.1f\n",
                std::string(scenario).c_str(), std::string(figures.contender).c_str(),
                median(figures, rate), percentile(figures.call_us, 0.5),
                percentile(figures.call_us, 0.99), median_ratio(figures, twemproxy, rate, rate),
                median_ratio(figures, direct, rate, rate), median(figures, &Round::proxy_us),
                median(figures, &Round::io_thread_us), median(figures, &Round::memcached_us),
                median(figures, &Round::client_us),
                median_ratio(figures, twemproxy, &Round::proxy_us, &Round::proxy_us),
                median_ratio(figures, twemproxy, &Round::io_thread_us, &Round::proxy_us),
                figures.peak_rss_mib);
  }
  std::fflush(stdout);
}

}  // namespace ringfence::bench
