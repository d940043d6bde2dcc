#include "bench/failover/outage.hpp"

#include <algorithm>

namespace ringfence::bench {
namespace {

constexpr std::int64_t gap_ns = 10'000'000;  // a round and its rest take 1 to 2 ms

void judge_away(const Round& round, Seen& seen) {
  seen.requests += round.requests;
  seen.failed += round.failed;
  seen.slow += round.slow;
  seen.stale += round.is_stale ? 1 : 0;
}

void judge_back(const Round& round, const Outage& outage, Seen& seen) {
  seen.back_stale += round.is_stale ? 1 : 0;
  if (!seen.back_ns) seen.back_failed += round.failed;
  if (!seen.back_ns && round.is_home) {
    seen.back_ns = std::max<std::int64_t>(round.end_ns - outage.back_ns, 0);
  }
}

std::int64_t gaps(const std::vector<Round>& rounds, const Outage& outage) {
  std::int64_t sum_ns = 0;
  std::int64_t last_ns = outage.gone_ns;
  const auto count_until = [&](std::int64_t end_ns) {
    if (end_ns - last_ns >= gap_ns) sum_ns += end_ns - last_ns;
    last_ns = end_ns;
  };
  for (const Round& round : rounds) {
    const bool is_inside = round.begin_ns >= outage.gone_ns && round.end_ns < outage.returning_ns;
    if (round.is_done && is_inside) count_until(round.end_ns);
  }
  count_until(outage.returning_ns);
  return sum_ns;
}

}  // namespace

Seen judge(const std::vector<Round>& rounds, const Outage& outage) {
  Seen seen;
  bool has_failed = false;
  for (const Round& round : rounds) {
    if (round.begin_ns < outage.gone_ns) continue;
    const bool is_away = round.begin_ns < outage.returning_ns;
    has_failed = has_failed || round.failed > 0;
    const bool is_elsewhere = has_failed || round.begin_ns > outage.surely_gone_ns;
    const bool is_served = round.is_done && is_elsewhere && round.end_ns < outage.returning_ns;
    if (is_served && !seen.served_ns) seen.served_ns = round.end_ns - outage.gone_ns;
    if (is_away) judge_away(round, seen);
    // A round that waited for the return counts there as well.
    if (round.end_ns >= outage.back_ns) judge_back(round, outage, seen);
  }
  seen.unserved_ns = gaps(rounds, outage);
  return seen;
}

}  // namespace ringfence::bench
