// The claim: a small item under a reserved key that says which fleet uses an instance. It expires,
// and its holder renews it, so that a fleet that is gone claims nothing. The same key tells in one
// request that an instance restarted empty, was flushed, or was taken.
//
// The mark: the same value without an expiry, written with the claim. It tells an agent that was
// away for longer than a claim lasts that what lies there is still what its fleet stored: whoever
// restarts or flushes the instance, another fleet's admission too, takes the mark away.
// Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "agent/core/types.hpp"

namespace ringfence::agent::backends {

inline constexpr std::string_view claim_key = "ringfence!claim";
inline constexpr std::string_view mark_key = "ringfence!mark";
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

// "<verb> <key> 0 <expiry> <bytes>\r\n<value>\r\n"
[[nodiscard]] std::string storage_command(std::string_view verb, std::string_view key, int expiry_s,
                                          std::string_view value);
// Claim and mark (two replies of one line); `verb` is of the claim.
[[nodiscard]] std::string claim_commands(std::string_view verb, std::string_view value);

[[nodiscard]] std::string to_hex(const core::ClusterId& cluster_id);

}  // namespace ringfence::agent::backends
