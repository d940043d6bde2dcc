// libringfence for C++17: RAII and string views over ringfence.h, nothing else. Header-only, so
// that the library's interface stays C. No function throws; outcomes are statuses.
//
//   ringfence::Router router;
//   if (router.attach() != RINGFENCE_OK) ...
//   if (auto route = router.route("user:1")) {
//     send(*router.backend(route.ticket), route.wire_key("user:1").view());
//     ... and when the reply is there: router.validate(route.ticket) == RINGFENCE_OK
//   }
//
// Thread-safety: as ringfence.h; attach, moving and destroying by one thread alone.
#ifndef RINGFENCE_HPP
#define RINGFENCE_HPP

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "ringfence.h"

namespace ringfence {

// A key as memcached must see it.
class TaggedKey {
 public:
  TaggedKey(const ringfence_ticket& ticket, std::string_view key) noexcept
      : size_(ringfence_wire_key(&ticket, key.data(), key.size(), bytes_)) {}
  // Empty if the key was empty or too long.
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_, size_}; }

 private:
  char bytes_[RINGFENCE_KEY_MAX];
  std::size_t size_;
};

struct Route {
  ringfence_status status = RINGFENCE_NO_VIEW;
  ringfence_ticket ticket{};

  explicit operator bool() const noexcept { return status == RINGFENCE_OK; }
  [[nodiscard]] TaggedKey wire_key(std::string_view key) const noexcept { return {ticket, key}; }
};

class Router {
 public:
  Router() noexcept = default;
  ~Router() { ringfence_detach(handle_); }
  Router(Router&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Router& operator=(Router&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  // See ringfence_attach. An earlier attachment is given up first.
  [[nodiscard]] ringfence_status attach(const char* segment_path = nullptr) noexcept {
    ringfence_detach(std::exchange(handle_, nullptr));
    return ringfence_attach(segment_path, &handle_);
  }
  ringfence_status refresh() noexcept { return ringfence_refresh(handle_); }

  [[nodiscard]] Route route(std::string_view key) const noexcept {
    Route made;
    made.status = ringfence_route(handle_, key.data(), key.size(), &made.ticket);
    return made;
  }
  [[nodiscard]] ringfence_status validate(const ringfence_ticket& ticket) const noexcept {
    return ringfence_validate(handle_, &ticket);
  }
  [[nodiscard]] std::optional<ringfence_address> backend(
      const ringfence_ticket& ticket) const noexcept {
    ringfence_address address;
    if (ringfence_backend(handle_, &ticket, &address) != RINGFENCE_OK) return std::nullopt;
    return address;
  }
  [[nodiscard]] std::uint64_t epoch() const noexcept { return ringfence_epoch(handle_); }

 private:
  ringfence_t* handle_ = nullptr;
};

}  // namespace ringfence

#endif
