#include "agent/mesh/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>
#include <cstring>

namespace ringfence::agent::mesh {
namespace {

Error address_error(std::string_view address, const char* what) {
  return Error{"address '" + std::string(address) + "': " + what + " (use host:port or [v6]:port)"};
}

template <typename Kind>
Kind read_as(const SocketAddress& address) {
  Kind read;
  std::memcpy(&read, &address.storage, sizeof read);
  return read;
}

// The IPv4 address in network order, also of one mapped into IPv6.
bool ip4_of(const SocketAddress& address, in_addr& ip) {
  if (address.storage.ss_family == AF_INET) {
    ip = read_as<sockaddr_in>(address).sin_addr;
    return true;
  }
  if (address.storage.ss_family != AF_INET6) return false;
  const auto v6 = read_as<sockaddr_in6>(address);
  if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return false;
  std::memcpy(&ip, v6.sin6_addr.s6_addr + 12, sizeof ip);
  return true;
}

}  // namespace

Result<HostPort> split_address(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return address_error(address, "no port");
  std::string_view host = address.substr(0, colon);
  const std::string_view port = address.substr(colon + 1);
  HostPort parts;
  const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), parts.port);
  if (failure != std::errc{} || end != port.data() + port.size()) {
    return address_error(address, "the port is not a number from 0 to 65535");
  }
  const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  parts.host = std::string(host);
  in6_addr v6{};
  if (is_bracketed != (inet_pton(AF_INET6, parts.host.c_str(), &v6) == 1)) {
    return address_error(address, "an IPv6 address stands in brackets, and nothing else does");
  }
  return parts;
}

SocketAddress literal_address(const HostPort& address) {
  SocketAddress literal;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET, address.host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    std::memcpy(&literal.storage, &v4, sizeof v4);
  } else if (inet_pton(AF_INET6, address.host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    std::memcpy(&literal.storage, &v6, sizeof v6);
  }
  return literal;
}

SocketAddress with_port(const sockaddr* address, std::uint16_t port) {
  SocketAddress made;
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof v4);
    v4.sin_port = htons(port);
    std::memcpy(&made.storage, &v4, sizeof v4);
  } else if (address->sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, address, sizeof v6);
    v6.sin6_port = htons(port);
    std::memcpy(&made.storage, &v6, sizeof v6);
  }
  return made;
}

std::string ip_text(const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  in_addr v4{};
  if (ip4_of(address, v4)) {
    inet_ntop(AF_INET, &v4, text, sizeof text);
  } else if (address.storage.ss_family == AF_INET6) {
    const auto v6 = read_as<sockaddr_in6>(address);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
  }
  return text;
}

std::uint16_t port_of(const SocketAddress& address) {
  if (address.storage.ss_family == AF_INET) return ntohs(read_as<sockaddr_in>(address).sin_port);
  if (address.storage.ss_family != AF_INET6) return 0;
  return ntohs(read_as<sockaddr_in6>(address).sin6_port);
}

bool is_loopback(const SocketAddress& address) {
  in_addr v4{};
  if (ip4_of(address, v4)) return (ntohl(v4.s_addr) >> 24) == 127;
  if (address.storage.ss_family != AF_INET6) return false;
  const auto v6 = read_as<sockaddr_in6>(address);
  return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

bool is_wildcard(const SocketAddress& address) {
  in_addr v4{};
  if (ip4_of(address, v4)) return v4.s_addr == htonl(INADDR_ANY);
  if (address.storage.ss_family != AF_INET6) return false;
  const auto v6 = read_as<sockaddr_in6>(address);
  return IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr);
}

}  // namespace ringfence::agent::mesh
