// What a client saw of one outage, from its rounds: pure computing.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bench/failover/steady_asker.hpp"

namespace ringfence::bench {

struct Outage {
  std::int64_t gone_ns = 0;         // the signal that ends or stops the memcached
  std::int64_t surely_gone_ns = 0;  // it has ended, or stands still
  std::int64_t returning_ns = 0;    // it is started again, or is about to go on
  std::int64_t back_ns = 0;         // it answers
};

struct Seen {
  std::optional<std::int64_t> served_ns;  // from gone: a key's set and get, by another
  std::optional<std::int64_t> back_ns;    // from its return: the same, by the memcached itself
  std::int64_t unserved_ns = 0;  // of the outage: in gaps between such rounds, of 10 ms and more
  // Of requests that began during the outage, and between the return and the first at home.
  std::uint64_t requests = 0, failed = 0, slow = 0, stale = 0;
  std::uint64_t back_failed = 0;
  std::uint64_t back_stale = 0;  // to the end
};

[[nodiscard]] Seen judge(const std::vector<Round>& rounds, const Outage& outage);

}  // namespace ringfence::bench
