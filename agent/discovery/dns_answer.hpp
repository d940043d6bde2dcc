// What an answer of DNS means: which backends, and until when. Pure; any thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/core/types.hpp"
#include "agent/discovery/list.hpp"

namespace ringfence::agent::discovery {

struct Addresses {
  std::vector<std::string> ips;  // as text, without brackets; none: the name has no address
  std::int64_t ttl_s = 0;        // the least of the answer's records
};

// Each address at the port of `name` ("name:port"), with its weight.
[[nodiscard]] Result<List> backends_at(const Addresses& found, const core::WantedBackend& name,
                                       const ListRules& rules);

struct TtlBounds {
  core::Duration min, max;
};

// When the name is asked for again. A negative TTL is none of the standard's.
[[nodiscard]] constexpr core::Duration bounded_ttl(std::int64_t ttl_s, const TtlBounds& bounds) {
  // 2^31 - 1 s is the longest TTL there is (RFC 2181, section 8).
  const std::int64_t sane_s = std::clamp<std::int64_t>(ttl_s, 0, INT32_MAX);
  return std::clamp(core::Duration{sane_s * 1'000'000'000}, bounds.min, bounds.max);
}

}  // namespace ringfence::agent::discovery
