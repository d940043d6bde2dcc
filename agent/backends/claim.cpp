#include "agent/backends/claim.hpp"

#include <algorithm>

namespace ringfence::agent::backends {

std::string to_hex(const core::ClusterId& cluster_id) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string hex;
  for (const std::uint8_t byte : cluster_id) {
    hex += digits[byte >> 4U];
    hex += digits[byte & 15U];
  }
  return hex;
}

ClaimText make_claim(const core::ClusterId& cluster_id, std::string_view cluster,
                     std::string_view agent) {
  ClaimText claim;
  claim.cluster_id_hex = to_hex(cluster_id);
  claim.value = claim.cluster_id_hex;
  claim.value.append(" ").append(cluster).append(" ").append(agent);
  return claim;
}

std::string storage_command(std::string_view verb, std::string_view key, int expiry_s,
                            std::string_view value) {
  std::string wire(verb);
  wire.append(" ").append(key).append(" 0 ").append(std::to_string(expiry_s)).append(" ");
  wire.append(std::to_string(value.size())).append("\r\n").append(value).append("\r\n");
  return wire;
}

std::string claim_commands(std::string_view verb, std::string_view value) {
  return storage_command(verb, claim_key, claim_expiry_s, value) +
         storage_command("set", mark_key, 0, value);
}

std::string_view claimed_by(std::string_view value) {
  constexpr std::size_t id_digits = 2 * sizeof(core::ClusterId);
  if (value.size() < id_digits + 1 || value[id_digits] != ' ') return {};
  const std::string_view id = value.substr(0, id_digits);
  const bool is_hex = std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  return is_hex ? id : std::string_view{};
}

}  // namespace ringfence::agent::backends
