// The keys of [[pool]]. See keys.hpp.
#include <fmt/core.h>

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

std::vector<Key> identity_keys() {
  return {
      {Section::pool, "name", ValueKind::text, "\"default\"", 0, 0, "1 to 63 of A-Z a-z 0-9 _ -",
       "part of the segment's file name",
       [](const T& t, const V& v) -> Status {
         if (!is_name(v.text)) {
           return Error{fmt::format("\"{}\" is no name: 1 to 63 of A-Z a-z 0-9 _ -", v.text)};
         }
         t.pool->name = v.text;
         return Done{};
       }},
      {Section::pool, "listen", ValueKind::texts, "[\"127.0.0.1:11210\"]", 0,
       shm_layout::intercept_count_max, "ip:port or an absolute path",
       "loopback, beside memcached's own port; an only pool has it, of several each names its own",
       [](const T& t, const V& v) -> Status {
         Result<std::string> listen = parse_listen(v.text);
         if (!listen) return listen.error();
         t.pool->listen.push_back(std::move(listen).value());
         return Done{};
       },
       [](const T& t) { t.pool->listen.clear(); }},
      {Section::pool, "backends", ValueKind::texts, "[]", 0, shm_layout::backend_count_max,
       "host:port or an absolute path, then perhaps weight=N (1 to 1000)",
       "none until named; with no `[[pool]]` at all 127.0.0.1:11211, which waits for consent if "
       "it holds items",
       [](const T& t, const V& v) -> Status {
         Result<core::WantedBackend> backend = parse_backend(v.text);
         if (!backend) return backend.error();
         t.pool->backends.push_back(std::move(backend).value());
         return Done{};
       },
       [](const T& t) { t.pool->backends.clear(); }},
  };
}

Status store_hash_tag(const T& t, const V& v) {
  const bool has_two = v.text.size() == 2 && v.text[0] > ' ' && v.text[0] < 0x7f &&
                       v.text[1] > ' ' && v.text[1] < 0x7f;
  if (!v.text.empty() && !has_two) {
    return Error{
        fmt::format("\"{}\" is no hash tag: two printable characters that open and close "
                    "it, as in \"{{}}\", or empty for none",
                    v.text)};
  }
  t.pool->options.hash_tag_open = has_two ? v.text[0] : '\0';
  t.pool->options.hash_tag_close = has_two ? v.text[1] : '\0';
  return Done{};
}

std::vector<Key> option_keys() {
  return {
      {Section::pool, "tags", ValueKind::truth, "true", 0, 0, "",
       "without generation tags a stale value can be read",
       [](const T& t, const V& v) -> Status {
         t.pool->options.has_tags = v.is_true;
         return Done{};
       }},
      {Section::pool, "hash_tag", ValueKind::text, "\"\"", 0, 0,
       "two characters, such as \"{}\"; empty: the whole key is hashed",
       "a brace in a key means nothing unless somebody says so", store_hash_tag},
      {Section::pool, "flush_all", ValueKind::choice, "\"allow\"", 0, 0, "allow | refuse",
       "what memcached does; a shared pool may refuse it",
       [](const T& t, const V& v) -> Status {
         t.pool->options.allows_flush_all = v.text == "allow";
         return Done{};
       }},
      {Section::pool, "admit_unflushed", ValueKind::truth, "false", 0, 0, "",
       "a server that cannot be flushed may hold anything",
       [](const T& t, const V& v) -> Status {
         t.pool->options.admits_unflushed = v.is_true;
         return Done{};
       }},
      {Section::pool, "on_lease_loss", ValueKind::choice, "\"miss\"", 0, 0, "miss | serve",
       "no stale hit; serve gives that up for hits without a quorum",
       [](const T& t, const V& v) -> Status {
         t.pool->options.on_lease_loss =
             v.text == "miss" ? core::OnLeaseLoss::miss : core::OnLeaseLoss::serve;
         return Done{};
       }},
  };
}

std::vector<Key> budget_keys() {
  return {
      {Section::pool, "grace", ValueKind::duration, "\"0s\"", 0, 600 * s, "",
       "a lost backend's slots move at once; with a grace they miss while it may come back",
       [](const T& t, const V& v) -> Status {
         t.pool->timing.grace = {v.number};
         return Done{};
       }},
      {Section::pool, "hold_down", ValueKind::duration, "\"1s\"", 0, h, "",
       "a backend that returns waits; doubles with each loss",
       [](const T& t, const V& v) -> Status {
         t.pool->timing.hold_down = {v.number};
         return Done{};
       }},
      {Section::pool, "hold_down_max", ValueKind::duration, "\"1m\"", 0, 24 * h,
       "not below hold_down", "a flapping backend moves slots once a minute at most",
       [](const T& t, const V& v) -> Status {
         t.pool->timing.hold_down_max = {v.number};
         return Done{};
       }},
      {Section::pool, "hold_down_forget", ValueKind::duration, "\"10m\"", s, 168 * h, "",
       "in service this long, a backend counts as steady again",
       [](const T& t, const V& v) -> Status {
         t.pool->timing.hold_down_forget = {v.number};
         return Done{};
       }},
      {Section::pool, "eviction_burst", ValueKind::count, "4", 1, 1024, "",
       "losses whose slots move at once; more at a time is a network's trouble",
       [](const T& t, const V& v) -> Status {
         t.pool->timing.eviction_burst = static_cast<std::uint32_t>(v.number);
         return Done{};
       }},
      {Section::pool, "eviction_refill", ValueKind::duration, "\"15s\"", 100 * ms, h, "",
       "one more loss may move its slots after this",
       [](const T& t, const V& v) -> Status {
         t.pool->timing.eviction_refill = {v.number};
         return Done{};
       }},
      {Section::pool, "admission_burst", ValueKind::count, "16", 1, 1024, "",
       "a pool of ordinary size starts at once",
       [](const T& t, const V& v) -> Status {
         t.pool->timing.admission_burst = static_cast<std::uint32_t>(v.number);
         return Done{};
       }},
      {Section::pool, "admission_refill", ValueKind::duration, "\"5s\"", 100 * ms, h, "",
       "the cache behind moved slots refills from the database: not all at once",
       [](const T& t, const V& v) -> Status {
         t.pool->timing.admission_refill = {v.number};
         return Done{};
       }},
      {Section::pool, "partial_patience", ValueKind::duration, "\"1s\"", 0, h, "",
       "out of some hosts' reach alone, a backend is lost for all: a link that flaps is not; 0: at "
       "once",
       [](const T& t, const V& v) -> Status {
         t.pool->timing.partial_patience = {v.number};
         return Done{};
       }},
      {Section::pool, "floor_percent", ValueKind::count, "50", 0, 100, "",
       "of the pool's weight: fewer backends could not carry the load of all",
       [](const T& t, const V& v) -> Status {
         t.pool->timing.floor_percent = static_cast<std::uint32_t>(v.number);
         return Done{};
       }},
  };
}

std::vector<Key> limit_keys() {
  return {
      {Section::pool, "probe_interval", ValueKind::duration, "\"100ms\"", 10 * ms, 60 * s, "",
       "10 small requests a second a backend; finds a hung one within 0.7 s",
       [](const T& t, const V& v) -> Status {
         t.pool->probe_interval = {v.number};
         return Done{};
       }},
      {Section::pool, "probe_timeout", ValueKind::duration, "\"300ms\"", 10 * ms, 60 * s, "",
       "memcached answers in well under 1 ms; a busy host may stall for 100",
       [](const T& t, const V& v) -> Status {
         t.pool->probe_timeout = {v.number};
         return Done{};
       }},
      {Section::pool, "connect_timeout", ValueKind::duration, "\"300ms\"", 10 * ms, 60 * s, "",
       "as probe_timeout; a lost SYN is sent again only after 1 s",
       [](const T& t, const V& v) -> Status {
         t.pool->connect_timeout = {v.number};
         return Done{};
       }},
      {Section::pool, "request_timeout", ValueKind::duration, "\"1s\"", 10 * ms, 60 * s, "",
       "a backend's answer to a client's request; clients wait no longer by default",
       [](const T& t, const V& v) -> Status {
         t.pool->request_timeout = {v.number};
         return Done{};
       }},
      {Section::pool, "change_wait", ValueKind::duration, "\"1s\"", 0, 60 * s, "",
       "a request for a moving slot waits this long; a change takes some 5 ms",
       [](const T& t, const V& v) -> Status {
         t.pool->change_wait = {v.number};
         return Done{};
       }},
      {Section::pool, "max_connections", ValueKind::count, "16384", 1, 1'000'000, "",
       "clients of the port; the agent's memory grows with them",
       [](const T& t, const V& v) -> Status {
         t.pool->max_connections = static_cast<std::uint32_t>(v.number);
         return Done{};
       }},
      {Section::pool, "get_failure", ValueKind::choice, "\"miss\"", 0, 0, "miss | error",
       "what a get that cannot be answered is told as; some clients give an only server up for an "
       "error",
       [](const T& t, const V& v) -> Status {
         t.pool->tells_get_failure = v.text == "error";
         return Done{};
       }},
      {Section::pool, "store_failure", ValueKind::choice, "\"not_stored\"", 0, 0,
       "not_stored | error", "the same for set add replace append prepend cas",
       [](const T& t, const V& v) -> Status {
         t.pool->tells_store_failure = v.text == "error";
         return Done{};
       }},
      {Section::pool, "preload_connections", ValueKind::count, "512", 1, 65'536, "",
       "half of memcached's 1,024; share it among hosts whose clients are preloaded",
       [](const T& t, const V& v) -> Status {
         t.pool->preload_connections = static_cast<std::uint32_t>(v.number);
         return Done{};
       }},
  };
}

}  // namespace

std::vector<Key> detail::pool_keys() {
  std::vector<Key> keys = identity_keys();
  for (Key& key : discovery_keys()) keys.push_back(key);
  for (Key& key : option_keys()) keys.push_back(key);
  for (Key& key : budget_keys()) keys.push_back(key);
  for (Key& key : limit_keys()) keys.push_back(key);
  return keys;
}

}  // namespace ringfence::agent::config
