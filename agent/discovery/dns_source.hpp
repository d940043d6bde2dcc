// A DNS name whose addresses, IPv4 and IPv6, are backends; asked for again when the answer's TTL is
// over, within bounds. The daemon's loop thread.
#pragma once

#include <string>
#include <vector>

#include "agent/discovery/dns_answer.hpp"
#include "agent/discovery/source.hpp"

namespace ringfence::agent::discovery {

struct DnsSettings {
  core::WantedBackend name;          // "name:port" and the weight of each of its addresses
  std::vector<std::string> servers;  // empty: the system's
  TtlBounds ttl;
};

[[nodiscard]] Source resolve_name(uv_loop_t* loop, const DnsSettings& settings,
                                  const ListRules& rules, Told told);

}  // namespace ringfence::agent::discovery
