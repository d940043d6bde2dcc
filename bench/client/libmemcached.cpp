// libmemcached as its users configure it: ketama, TCP_NODELAY, one set after the other (it aborts
// under sustained buffered sets).
#include "bench/client/contender.hpp"

#ifdef RINGFENCE_HAS_LIBMEMCACHED
#include <libmemcached/memcached.h>

#include <cstdlib>
#include <stdexcept>

namespace ringfence::bench {
namespace {

class Libmemcached final : public Contender {
 public:
  explicit Libmemcached(const Fleet& fleet) : memcached_(memcached_create(nullptr)) {
    memcached_behavior_set(memcached_, MEMCACHED_BEHAVIOR_KETAMA, 1);
    memcached_behavior_set(memcached_, MEMCACHED_BEHAVIOR_TCP_NODELAY, 1);
    for (std::size_t i = 0; i < server_count; ++i) {
      check(memcached_server_add(memcached_, "127.0.0.1", fleet.port(i)));
    }
  }
  ~Libmemcached() override { memcached_free(memcached_); }
  [[nodiscard]] std::string_view name() const override { return "libmemcached"; }

  void fill(const Keys& keys, const std::string& value) override {
    keys_ = keys;
    value_ = value;
    for (const std::string& key : keys_) {
      pointers_.push_back(key.data());
      sizes_.push_back(key.size());
    }
    for (std::size_t batch = 0; batch < keys.size() / batch_sets; ++batch) set_many(batch);
  }

  std::size_t get(std::size_t key) override {
    std::size_t bytes = 0;
    std::uint32_t flags = 0;
    memcached_return_t status{};
    char* value = memcached_get(memcached_, pointers_[key], sizes_[key], &bytes, &flags, &status);
    check(status);
    std::free(value);
    return bytes;
  }
  std::size_t get_many(std::size_t batch) override {
    const std::size_t first = batch * batch_keys;
    check(memcached_mget(memcached_, &pointers_[first], &sizes_[first], batch_keys));
    std::size_t bytes = 0;
    memcached_result_st result;
    memcached_result_create(memcached_, &result);
    memcached_return_t status{};
    while (memcached_fetch_result(memcached_, &result, &status) != nullptr) {
      bytes += memcached_result_length(&result);
    }
    memcached_result_free(&result);
    return bytes;
  }
  void set_many(std::size_t batch) override {
    for (std::size_t i = batch * batch_sets; i < (batch + 1) * batch_sets; ++i) {
      check(memcached_set(memcached_, pointers_[i], sizes_[i], value_.data(), value_.size(), 0, 0));
    }
  }

 private:
  static void check(memcached_return_t status) {
    if (status != MEMCACHED_SUCCESS) throw std::runtime_error(memcached_strerror(nullptr, status));
  }

  memcached_st* memcached_;
  Keys keys_;
  std::string value_;
  std::vector<const char*> pointers_;
  std::vector<std::size_t> sizes_;
};

}  // namespace

std::unique_ptr<Contender> make_libmemcached(const Fleet& fleet) {
  return std::make_unique<Libmemcached>(fleet);
}

}  // namespace ringfence::bench

#else

namespace ringfence::bench {

std::unique_ptr<Contender> make_libmemcached(const Fleet& /*fleet*/) {
  return nullptr;
}

}  // namespace ringfence::bench

#endif
