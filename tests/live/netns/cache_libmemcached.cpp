// libmemcached as its documentation has it survive servers that come and go: ketama, a failed
// server is removed at once and asked again after two seconds. `target`:
// milliseconds,address,address... One time-out for connecting, sending, receiving and polling.
#include <libmemcached/memcached.h>

#include <cstdlib>
#include <sstream>

#include "tests/live/netns/cache.hpp"

namespace netns {
namespace {

constexpr std::uint64_t us_per_ms = 1000;

class LibmemcachedCache final : public Cache {
 public:
  explicit LibmemcachedCache(const std::string& target) : memcached_(memcached_create(nullptr)) {
    std::istringstream parts(target);
    std::string part;
    std::getline(parts, part, ',');
    const std::uint64_t timeout_ms = std::strtoul(part.c_str(), nullptr, 10);
    behave(MEMCACHED_BEHAVIOR_KETAMA, 1);
    behave(MEMCACHED_BEHAVIOR_TCP_NODELAY, 1);
    behave(MEMCACHED_BEHAVIOR_NO_BLOCK, 1);
    behave(MEMCACHED_BEHAVIOR_CONNECT_TIMEOUT, timeout_ms);
    behave(MEMCACHED_BEHAVIOR_POLL_TIMEOUT, timeout_ms);
    behave(MEMCACHED_BEHAVIOR_SND_TIMEOUT, timeout_ms * us_per_ms);
    behave(MEMCACHED_BEHAVIOR_RCV_TIMEOUT, timeout_ms * us_per_ms);
    behave(MEMCACHED_BEHAVIOR_SERVER_FAILURE_LIMIT, 1);
    behave(MEMCACHED_BEHAVIOR_REMOVE_FAILED_SERVERS, 1);
    behave(MEMCACHED_BEHAVIOR_RETRY_TIMEOUT, 2);
    behave(MEMCACHED_BEHAVIOR_DEAD_TIMEOUT, 2);
    while (std::getline(parts, part, ',')) {
      const std::size_t colon = part.rfind(':');
      memcached_server_add(memcached_, part.substr(0, colon).c_str(),
                           static_cast<in_port_t>(std::atoi(part.c_str() + colon + 1)));
    }
  }
  ~LibmemcachedCache() override { memcached_free(memcached_); }

  Answer get(const std::string& key, std::string& value) override {
    std::size_t bytes = 0;
    std::uint32_t flags = 0;
    memcached_return_t status{};
    char* found = memcached_get(memcached_, key.data(), key.size(), &bytes, &flags, &status);
    if (found != nullptr) value.assign(found, bytes);
    std::free(found);  // NOLINT: libmemcached gives memory of malloc
    if (status == MEMCACHED_SUCCESS) return Answer::hit;
    return status == MEMCACHED_NOTFOUND ? Answer::miss : Answer::failed;
  }
  Answer set(const std::string& key, const std::string& value) override {
    return written(
        memcached_set(memcached_, key.data(), key.size(), value.data(), value.size(), 0, 0));
  }
  Answer add(const std::string& key, const std::string& value) override {
    return written(
        memcached_add(memcached_, key.data(), key.size(), value.data(), value.size(), 0, 0));
  }
  Answer erase(const std::string& key) override {
    return written(memcached_delete(memcached_, key.data(), key.size(), 0));
  }

 private:
  void behave(memcached_behavior_t behavior, std::uint64_t value) {
    memcached_behavior_set(memcached_, behavior, value);
  }
  static Answer written(memcached_return_t status) {
    if (status == MEMCACHED_SUCCESS) return Answer::done;
    const bool is_told = status == MEMCACHED_NOTSTORED || status == MEMCACHED_NOTFOUND;
    return is_told ? Answer::not_done : Answer::failed;
  }

  memcached_st* memcached_;
};

}  // namespace

std::unique_ptr<Cache> open_cache(const std::string& kind, const std::string& target) {
  if (kind != "libmemcached") return nullptr;
  return std::make_unique<LibmemcachedCache>(target);
}

}  // namespace netns
