// Addresses of backends and of our own ports, in one canonical spelling. See values.hpp and
// config.hpp.
#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "agent/config/config.hpp"
#include "agent/config/values.hpp"
#include "shm_layout/layout.hpp"

namespace ringfence::agent::config {
namespace {

constexpr std::size_t address_length_max = shm_layout::address_bytes - 1;
constexpr std::size_t unix_path_length_max = sizeof(sockaddr_un::sun_path) - 1;

constexpr std::string_view address_forms =
    "write \"10.0.0.5:11211\", \"[::1]:11211\" or an absolute path such as \"/run/m.sock\"";

Error no_address(std::string_view text, std::string_view why) {
  return Error{fmt::format("\"{}\" is no address: {}; {}", text, why, address_forms)};
}

Result<std::string> parse_path(std::string_view text) {
  if (text.size() > unix_path_length_max) {
    return Error{fmt::format("\"{}\" has {} bytes: a unix path has at most {}", text, text.size(),
                             unix_path_length_max)};
  }
  if (text.back() == '/') return no_address(text, "it names a directory");
  const bool is_printable =
      std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > ' ' && c < 0x7f; });
  if (!is_printable) return no_address(text, "a path holds printable characters and no spaces");
  return std::string(text);
}

// Splits at the last colon; the port without sign, spaces or leading zeros.
struct HostAndPort {
  std::string_view host;
  std::uint32_t port = 0;
};
Result<HostAndPort> split(std::string_view text, std::uint32_t port_min) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return no_address(text, "no host and port");
  const std::string_view digits = text.substr(colon + 1);
  HostAndPort parts{text.substr(0, colon), 0};
  const char* end = digits.data() + digits.size();
  const auto [rest, code] = std::from_chars(digits.data(), end, parts.port);
  const bool is_number = code == std::errc{} && rest == end && !digits.empty();
  if (!is_number || parts.port < port_min || parts.port > 65535) {
    return no_address(text, fmt::format("the port is {} to 65535", port_min));
  }
  return parts;
}

Result<std::string> canonical_ip6(std::string_view text, const HostAndPort& parts) {
  if (parts.host.size() < 3 || parts.host.back() != ']') return no_address(text, "']' is missing");
  const std::string inner(parts.host.substr(1, parts.host.size() - 2));
  in6_addr ip{};
  if (inet_pton(AF_INET6, inner.c_str(), &ip) != 1) return no_address(text, "not an IPv6 address");
  char shown[INET6_ADDRSTRLEN];
  inet_ntop(AF_INET6, &ip, shown, sizeof shown);
  return fmt::format("[{}]:{}", shown, parts.port);
}

Result<std::string> canonical_host(std::string_view text, const HostAndPort& parts) {
  std::string host(parts.host);
  std::transform(host.begin(), host.end(), host.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyz0123456789.-_";
  if (host.find_first_not_of(allowed) != std::string::npos) {
    return no_address(text, "a host has letters, digits, '.', '-' and '_' (IPv6 stands in [ ])");
  }
  if (host.find_first_not_of("0123456789.") == std::string::npos) {
    return no_address(text, "not an IPv4 address");
  }
  return fmt::format("{}:{}", host, parts.port);
}

Result<std::string> parse(std::string_view text, std::uint32_t port_min, bool allows_names) {
  if (text.empty()) return no_address(text, "it is empty");
  if (text.front() == '/') return parse_path(text);
  const Result<HostAndPort> parts = split(text, port_min);
  if (!parts) return parts.error();
  if (text.front() == '[') return canonical_ip6(text, parts.value());
  in_addr ip{};
  const std::string host(parts.value().host);
  if (inet_pton(AF_INET, host.c_str(), &ip) == 1) {
    return fmt::format("{}:{}", host, parts.value().port);
  }
  if (!allows_names) return no_address(text, "a port is opened on a literal address, not a name");
  Result<std::string> named = canonical_host(text, parts.value());
  if (named && named.value().size() > address_length_max) {
    return Error{fmt::format("\"{}\" has {} bytes: an address has at most {}", text,
                             named.value().size(), address_length_max)};
  }
  return named;
}

Result<std::uint32_t> parse_weight(std::string_view word) {
  constexpr std::string_view prefix = "weight=";
  const std::string_view digits =
      word.substr(0, prefix.size()) == prefix ? word.substr(prefix.size()) : "";
  std::uint32_t weight = 0;
  const char* end = digits.data() + digits.size();
  const auto [rest, code] = std::from_chars(digits.data(), end, weight);
  const bool is_number = code == std::errc{} && rest == end && !digits.empty();
  if (!is_number || weight < 1 || weight > core::weight_max) {
    return Error{
        fmt::format("\"{}\" is not understood: after the address only weight=N may stand, "
                    "N from 1 to {}",
                    word, core::weight_max)};
  }
  return weight;
}

}  // namespace

Result<std::string> parse_listen(std::string_view text) {
  return parse(text, 0, false);
}
Result<std::string> parse_address(std::string_view text) {
  return parse(text, 1, true);
}

bool is_loopback(std::string_view canonical) {
  return canonical.substr(0, 4) == "127." || canonical.substr(0, 6) == "[::1]:" ||
         canonical.substr(0, 1) == "/";
}

Result<core::WantedBackend> parse_backend(std::string_view text) {
  const std::size_t space = text.find(' ');
  const Result<std::string> address = parse_address(text.substr(0, space));
  if (!address) return address.error();
  core::WantedBackend backend;
  backend.address = address.value();
  if (space == std::string_view::npos) return backend;
  const std::size_t word = text.find_first_not_of(' ', space);
  const Result<std::uint32_t> weight =
      parse_weight(word == std::string_view::npos ? "" : text.substr(word));
  if (!weight) return weight.error();
  backend.weight = weight.value();
  return backend;
}

}  // namespace ringfence::agent::config
