#include "agent/backends/endpoint.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <charconv>
#include <cstring>

namespace ringfence::agent::backends {
namespace {

using shm_layout::AddressFamily;

Error address_error(std::string_view address, const char* what) {
  return Error{"address '" + std::string(address) + "': " + what +
               " (use host:port, [v6]:port or /absolute/path)"};
}

Result<Endpoint> parse_unix(std::string_view path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return address_error(path, "a unix path holds at most 107 bytes");
  }
  return Endpoint{AddressFamily::unix_path, std::string(path), 0};
}

AddressFamily family_of(const std::string& host) {
  in_addr v4{};
  in6_addr v6{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return AddressFamily::inet4;
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) return AddressFamily::inet6;
  return AddressFamily::none;
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view address) {
  if (address.starts_with('/')) return parse_unix(address);
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return address_error(address, "no port");
  std::string_view host = address.substr(0, colon);
  const std::string_view port = address.substr(colon + 1);
  Endpoint endpoint;
  const auto [end, failure] =
      std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (failure != std::errc{} || end != port.data() + port.size()) {
    return address_error(address, "the port is not a number from 0 to 65535");
  }
  const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  endpoint.host = std::string(host);
  endpoint.family = family_of(endpoint.host);
  if (is_bracketed != (endpoint.family == AddressFamily::inet6)) {
    return address_error(address, "an IPv6 address stands in brackets, and nothing else does");
  }
  return endpoint;
}

bool operator==(const SocketAddress& a, const SocketAddress& b) {
  return std::memcmp(&a.storage, &b.storage, sizeof(a.storage)) == 0;
}

SocketAddress literal_address(const Endpoint& endpoint) {
  SocketAddress address;
  if (endpoint.family == AddressFamily::inet4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    inet_pton(AF_INET, endpoint.host.c_str(), &v4.sin_addr);
    std::memcpy(&address.storage, &v4, sizeof(v4));
  } else if (endpoint.family == AddressFamily::inet6) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(endpoint.port);
    inet_pton(AF_INET6, endpoint.host.c_str(), &v6.sin6_addr);
    std::memcpy(&address.storage, &v6, sizeof(v6));
  }
  return address;
}

SegmentAddress segment_address(const Endpoint& endpoint, const SocketAddress& resolved) {
  SegmentAddress record;
  if (endpoint.is_unix()) {
    record.family = AddressFamily::unix_path;
    return record;
  }
  record.port = endpoint.port;
  if (resolved.storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &resolved.storage, sizeof(v4));
    record.family = AddressFamily::inet4;
    std::memcpy(record.ip, &v4.sin_addr, sizeof(v4.sin_addr));
  } else if (resolved.storage.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &resolved.storage, sizeof(v6));
    record.family = AddressFamily::inet6;
    std::memcpy(record.ip, &v6.sin6_addr, sizeof(v6.sin6_addr));
  }
  return record;
}

}  // namespace ringfence::agent::backends
