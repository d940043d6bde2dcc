// libmemcached in the process that asks.
#include "bench/failover/contender.hpp"

#ifdef RINGFENCE_HAS_LIBMEMCACHED
#include <libmemcached/memcached.h>

#include <cstdlib>
#include <utility>

namespace ringfence::bench {
namespace {

using Behaviors = std::vector<std::pair<memcached_behavior_t, std::uint64_t>>;

constexpr std::uint64_t timeout_ms = 400;  // as twemproxy's documentation advises for twemproxy
constexpr std::uint64_t us_per_ms = 1000;

// Its own default for a failed server's time-out, and the same for a removed one's: its default
// there is 0, which is never.
constexpr std::uint64_t retry_s = 2;

// Ketama: removing a server from the default distribution moves nearly all keys.
const Behaviors remove_failed = {{MEMCACHED_BEHAVIOR_KETAMA, 1},
                                 {MEMCACHED_BEHAVIOR_REMOVE_FAILED_SERVERS, 1}};

const Behaviors remove_at_once = {{MEMCACHED_BEHAVIOR_KETAMA, 1},
                                  {MEMCACHED_BEHAVIOR_REMOVE_FAILED_SERVERS, 1},
                                  {MEMCACHED_BEHAVIOR_SERVER_FAILURE_LIMIT, 1},
                                  {MEMCACHED_BEHAVIOR_RETRY_TIMEOUT, retry_s},
                                  {MEMCACHED_BEHAVIOR_DEAD_TIMEOUT, retry_s},
                                  {MEMCACHED_BEHAVIOR_NO_BLOCK, 1},
                                  {MEMCACHED_BEHAVIOR_TCP_NODELAY, 1},
                                  {MEMCACHED_BEHAVIOR_CONNECT_TIMEOUT, timeout_ms},
                                  {MEMCACHED_BEHAVIOR_POLL_TIMEOUT, timeout_ms},
                                  {MEMCACHED_BEHAVIOR_SND_TIMEOUT, timeout_ms* us_per_ms},
                                  {MEMCACHED_BEHAVIOR_RCV_TIMEOUT, timeout_ms* us_per_ms}};

class Libmemcached final : public Contender {
 public:
  Libmemcached(const Behaviors& behaviors, const std::vector<std::string>& memcacheds)
      : memcached_(memcached_create(nullptr)) {
    for (const auto& [behavior, value] : behaviors) {
      memcached_behavior_set(memcached_, behavior, value);
    }
    for (const std::string& address : memcacheds) {
      const std::size_t colon = address.rfind(':');
      memcached_server_add(memcached_, address.substr(0, colon).c_str(),
                           static_cast<in_port_t>(std::atoi(address.c_str() + colon + 1)));
    }
  }
  ~Libmemcached() override { memcached_free(memcached_); }
  Libmemcached(const Libmemcached&) = delete;
  Libmemcached& operator=(const Libmemcached&) = delete;

  Answer get(const std::string& key) override {
    std::size_t bytes = 0;
    std::uint32_t flags = 0;
    memcached_return_t status{};
    char* found = memcached_get(memcached_, key.data(), key.size(), &bytes, &flags, &status);
    Answer answer;
    answer.is_answered = status == MEMCACHED_SUCCESS || status == MEMCACHED_NOTFOUND;
    if (found != nullptr) answer.value.emplace(found, bytes);
    std::free(found);  // NOLINT: libmemcached gives memory of malloc
    return answer;
  }
  bool set(const std::string& key, const std::string& value) override {
    return memcached_set(memcached_, key.data(), key.size(), value.data(), value.size(), 0, 0) ==
           MEMCACHED_SUCCESS;
  }

 private:
  memcached_st* memcached_;
};

Kind kind(const char* name, const Behaviors& behaviors) {
  Kind made;
  made.name = name;
  made.make = [behaviors](const std::vector<std::string>& memcacheds) {
    return std::make_unique<Libmemcached>(behaviors, memcacheds);
  };
  return made;
}

}  // namespace

std::vector<Kind> libmemcached_kinds() {
  return {kind("libmemcached_default", {}), kind("libmemcached_remove", remove_failed),
          kind("libmemcached_at_once", remove_at_once)};
}

}  // namespace ringfence::bench

#else

namespace ringfence::bench {

std::vector<Kind> libmemcached_kinds() {
  return {};
}

}  // namespace ringfence::bench

#endif
