// One question to DNS, by c-ares: all IPv4 and IPv6 addresses of a name. dns_lookup.cpp alone sees
// c-ares. The daemon's loop thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/discovery/dns_answer.hpp"
#include "agent/discovery/source.hpp"

namespace ringfence::agent::discovery {

// `done` is called once, never before this returns. An answer is whole or an error: both kinds of
// address were answered for, if only with none. `servers` are "ip:port"; empty: the system's.
[[nodiscard]] Source start_lookup(uv_loop_t* loop, const std::string& host,
                                  const std::vector<std::string>& servers,
                                  std::function<void(Result<Addresses>)> done);

}  // namespace ringfence::agent::discovery
