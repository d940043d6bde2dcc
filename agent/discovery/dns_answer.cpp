#include "agent/discovery/dns_answer.hpp"

#include <fmt/format.h>

namespace ringfence::agent::discovery {

Result<List> backends_at(const Addresses& found, const core::WantedBackend& name,
                         const ListRules& rules) {
  const std::string port = name.address.substr(name.address.rfind(':') + 1);
  List list;
  for (const std::string& ip : found.ips) {
    const bool is_ip6 = ip.find(':') != std::string::npos;
    core::WantedBackend backend = name;
    backend.address = is_ip6 ? fmt::format("[{}]:{}", ip, port) : fmt::format("{}:{}", ip, port);
    if (rules.is_shared) {
      const std::string why = why_not_shared(backend.address);
      if (!why.empty()) return Error{name.address + ": " + why};
    }
    list.push_back(std::move(backend));
  }
  make_canonical(list);
  return list;
}

}  // namespace ringfence::agent::discovery
