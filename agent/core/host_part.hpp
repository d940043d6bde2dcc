// The host in an address: what an agent's mesh and a backend on the same host share. Pure; any
// thread.
#pragma once

#include <string_view>

namespace ringfence::agent::core {

// "10.0.0.5" of "10.0.0.5:7411", "::1" of "[::1]:7411"; empty for a unix path, which is on each
// host.
[[nodiscard]] inline std::string_view host_part(std::string_view address) {
  if (address.empty() || address.front() == '/') return {};
  std::string_view host = address.substr(0, address.rfind(':'));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  return host;
}

}  // namespace ringfence::agent::core
