// The linked client of ringfence, by its C API alone. `target` is the segment.
#include "shim/ringfence.h"
#include "tests/live/netns/cache.hpp"

namespace netns {
namespace {

constexpr unsigned call_timeout_ms = 2000;  // as the port's clients have it

class LinkedCache final : public Cache {
 public:
  explicit LinkedCache(const std::string& segment) {
    ringfence_options options;
    ringfence_options_init(&options);
    options.segment_path = segment.c_str();
    options.timeout_ms = call_timeout_ms;
    ringfence_client_open(&options, &client_);
  }
  ~LinkedCache() override {
    ringfence_client_close(client_);
    ringfence_value_free(&value_);
  }
  [[nodiscard]] bool is_open() const { return client_ != nullptr; }

  Answer get(const std::string& key, std::string& value) override {
    const ringfence_status status =
        ringfence_get(client_, key.data(), key.size(), &value_, RINGFENCE_DEFAULT_TIMEOUT);
    if (status == RINGFENCE_OK) value.assign(value_.data, value_.bytes);
    if (status == RINGFENCE_OK) return Answer::hit;
    return status == RINGFENCE_MISS ? Answer::miss : failure(status);
  }
  Answer set(const std::string& key, const std::string& value) override {
    return written(ringfence_set(client_, key.data(), key.size(), value.data(), value.size(), 0, 0,
                                 RINGFENCE_DEFAULT_TIMEOUT));
  }
  Answer add(const std::string& key, const std::string& value) override {
    return written(ringfence_add(client_, key.data(), key.size(), value.data(), value.size(), 0, 0,
                                 RINGFENCE_DEFAULT_TIMEOUT));
  }
  Answer erase(const std::string& key) override {
    return written(ringfence_delete(client_, key.data(), key.size(), RINGFENCE_DEFAULT_TIMEOUT));
  }

 private:
  static Answer written(ringfence_status status) {
    if (status == RINGFENCE_OK) return Answer::done;
    const bool is_told = status == RINGFENCE_NOT_STORED || status == RINGFENCE_NOT_FOUND;
    return is_told ? Answer::not_done : failure(status);
  }
  static Answer failure(ringfence_status status) {
    return status == RINGFENCE_TIMED_OUT ? Answer::unanswered : Answer::failed;
  }

  ringfence_client_t* client_ = nullptr;
  ringfence_value value_{};
};

}  // namespace

std::unique_ptr<Cache> open_cache(const std::string& kind, const std::string& target) {
  if (kind == "text") return open_text(target);
  if (kind == "meta") return open_meta(target);
  if (kind == "binary") return open_binary(target);
  auto linked = std::make_unique<LinkedCache>(target);
  if (kind != "linked" || !linked->is_open()) return nullptr;
  return linked;
}

}  // namespace netns
