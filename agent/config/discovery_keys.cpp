// The keys of [[pool]] that say where backends come from besides `backends`. See keys.hpp.
#include <fmt/core.h>

#include <algorithm>
#include <cctype>

#include "agent/config/keys.hpp"
#include "agent/config/values.hpp"
#include "shm_layout/layout.hpp"

namespace ringfence::agent::config {
namespace {

using T = Target;
using V = Value;

constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t s = 1000 * ms;
constexpr std::int64_t h = 3600 * s;

Status store_announced(const T& t, const V& v) {
  Result<core::WantedBackend> backend = parse_backend(v.text);
  if (!backend) return backend.error();
  t.pool->discovery.announce.push_back(std::move(backend).value());
  return Done{};
}

Status store_file(const T& t, const V& v) {
  if (!v.text.empty() && v.text.front() != '/') {
    return Error{fmt::format("\"{}\" is no absolute path: it begins with '/'", v.text)};
  }
  if (!v.text.empty() && v.text.back() == '/') {
    return Error{fmt::format("\"{}\" names a directory", v.text)};
  }
  t.pool->discovery.file = v.text;
  return Done{};
}

Status store_word(const T& t, const V& v) {
  if (v.text.empty() || v.text.find('\0') != std::string_view::npos) {
    return Error{"an empty word, or one with a zero byte in it, is no part of a command"};
  }
  t.pool->discovery.exec.emplace_back(v.text);
  return Done{};
}

Status store_dns(const T& t, const V& v) {
  Result<core::WantedBackend> backend = parse_backend(v.text);
  if (!backend) return backend.error();
  const std::string& address = backend.value().address;
  const std::string host = address.substr(0, address.rfind(':'));
  const bool is_name =
      address.front() != '/' && address.front() != '[' &&
      std::any_of(host.begin(), host.end(), [](unsigned char c) { return std::isalpha(c) != 0; });
  if (!is_name) {
    return Error{
        fmt::format("\"{}\" is no name to resolve: write \"name:port\", and addresses into "
                    "`backends`",
                    address)};
  }
  t.pool->discovery.dns.push_back(std::move(backend).value());
  return Done{};
}

Status store_server(const T& t, const V& v) {
  Result<std::string> server = parse_listen(v.text);
  if (!server) return server.error();
  const std::string& address = server.value();
  if (address.front() == '/' || address.substr(address.rfind(':')) == ":0") {
    return Error{fmt::format("\"{}\" is no DNS server: write \"10.0.0.2:53\"", v.text)};
  }
  t.pool->discovery.dns_servers.push_back(address);
  return Done{};
}

std::vector<Key> dns_keys() {
  return {
      {Section::pool, "backends_dns", ValueKind::texts, "[]", 0, 64,
       "name:port, then perhaps weight=N: each address of that name",
       "names whose addresses change; a name that never does can stand in `backends`", store_dns,
       [](const T& t) { t.pool->discovery.dns.clear(); }},
      {Section::pool, "dns_servers", ValueKind::texts, "[]", 0, 8, "ip:port",
       "empty: those of /etc/resolv.conf, read anew for each question", store_server,
       [](const T& t) { t.pool->discovery.dns_servers.clear(); }},
      {Section::pool, "dns_ttl_min", ValueKind::duration, "\"5s\"", 100 * ms, 60 * s, "",
       "a name is asked for again when its TTL is over, but no sooner",
       [](const T& t, const V& v) -> Status {
         t.pool->discovery.dns_ttl_min = {v.number};
         return Done{};
       }},
      {Section::pool, "dns_ttl_max", ValueKind::duration, "\"5m\"", 60 * s, 24 * h, "",
       "and no later: a long TTL must not hide a new instance for hours",
       [](const T& t, const V& v) -> Status {
         t.pool->discovery.dns_ttl_max = {v.number};
         return Done{};
       }},
  };
}

}  // namespace

std::vector<Key> detail::discovery_keys() {
  std::vector<Key> keys = {
      {Section::pool, "announce", ValueKind::texts, "[]", 0, 64,
       "host:port, then perhaps weight=N (1 to 1000)",
       "the memcacheds of this very host, as the others reach them", store_announced,
       [](const T& t) { t.pool->discovery.announce.clear(); }},
      {Section::pool, "backends_file", ValueKind::text, "\"\"", 0, 0,
       "an absolute path; empty: none", "a list that something else writes; read when it changes",
       store_file},
      {Section::pool, "backends_exec", ValueKind::texts, "[]", 0, 64,
       "a word: the program's absolute path, then its arguments",
       "a command that prints a list; runs without a shell, as the agent's user", store_word,
       [](const T& t) { t.pool->discovery.exec.clear(); }},
      {Section::pool, "exec_interval", ValueKind::duration, "\"30s\"", 100 * ms, 24 * h, "",
       "from a command's end to its next run; cloud APIs limit how often they are asked",
       [](const T& t, const V& v) -> Status {
         t.pool->discovery.exec_interval = {v.number};
         return Done{};
       }},
      {Section::pool, "exec_timeout", ValueKind::duration, "\"10s\"", 100 * ms, h, "",
       "a command that takes longer is killed with all it started, and counts as failed",
       [](const T& t, const V& v) -> Status {
         t.pool->discovery.exec_timeout = {v.number};
         return Done{};
       }},
  };
  for (Key& key : dns_keys()) keys.push_back(key);
  return keys;
}

}  // namespace ringfence::agent::config
