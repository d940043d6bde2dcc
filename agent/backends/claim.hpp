// The claim: a small item under a reserved key that says which fleet uses an instance. It expires,
// and its holder renews it, so that a fleet that is gone claims nothing. The same key tells in one
// request that an instance restarted empty, was flushed, or was taken.
// Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "agent/core/types.hpp"

namespace ringfence::agent::backends {

inline constexpr std::string_view claim_key = "ringfence!claim";
inline constexpr std::string_view canary_key = "ringfence!canary";

// Seconds. Four renewals may fail before a claim ends; a fleet that is gone blocks for a minute.
inline constexpr int claim_expiry_s = 60;
inline constexpr int claim_renewal_s = 15;

struct ClaimText {
  std::string cluster_id_hex;
  std::string value;  // "<cluster id> <cluster name> <agent name>"
};
[[nodiscard]] ClaimText make_claim(const core::ClusterId& cluster_id, std::string_view cluster,
                                   std::string_view agent);

// The cluster id in hex that a claim's value names; empty when the value is no claim.
[[nodiscard]] std::string_view claimed_by(std::string_view value);

[[nodiscard]] std::string to_hex(const core::ClusterId& cluster_id);

}  // namespace ringfence::agent::backends
