// libringfence for C++17: RAII, string views and chrono over ringfence.h, nothing else.
// Header-only, so that the library's interface stays C. No function throws; outcomes are statuses.
// What each call means, costs and returns stands in ringfence.h, under the C function that it
// names.
//
//   ringfence::Client client;                     // does everything
//   if (client.open() != RINGFENCE_OK) ...        // NO_VIEW: no agent yet; the client looks again
//   client.set("user:1", "Ada");
//   if (auto hit = client.get("user:1")) use(hit.view());
//
//   ringfence::Router router;                     // for programs with connections of their own
//   if (router.attach() != RINGFENCE_OK) ...
//   if (auto route = router.route("user:1")) {
//     send(*router.backend(route.ticket), route.wire_key("user:1").view());
//     ... and when the reply is there: router.validate(route.ticket) == RINGFENCE_OK
//   }
//
// Thread-safety: as ringfence.h; open, attach, moving and destroying by one thread alone.
#ifndef RINGFENCE_HPP
#define RINGFENCE_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
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

// ---------------------------------------------------------------------------------------------
// The client.

using Timeout = std::chrono::milliseconds;
// The client's own (Options::timeout).
inline constexpr Timeout default_timeout{RINGFENCE_DEFAULT_TIMEOUT};

// memcached's: up to 30 days from now, or a unix time; 0 for ever; negative: expired at once.
using Expiry = std::chrono::seconds;
inline constexpr Expiry forever{0};

// A key of a call with many keys. It does not own its bytes.
struct Key : ringfence_key {
  Key(std::string_view key) noexcept  // NOLINT(google-explicit-constructor): "k" is a key
      : ringfence_key{key.data(), key.size()} {}
  template <typename Text,
            typename = std::enable_if_t<std::is_convertible_v<const Text&, std::string_view> &&
                                        !std::is_same_v<Text, std::string_view>>>
  Key(const Text& key) noexcept  // NOLINT(google-explicit-constructor)
      : Key(std::string_view(key)) {}
};

// What a read found. Give one to read after read, and its memory is used again.
class Value {
 public:
  Value() noexcept = default;
  ~Value() { ringfence_value_free(&raw_); }
  Value(Value&& other) noexcept : raw_(std::exchange(other.raw_, ringfence_value{})) {}
  Value& operator=(Value&& other) noexcept {
    std::swap(raw_, other.raw_);
    return *this;
  }
  Value(const Value&) = delete;
  Value& operator=(const Value&) = delete;

  // Empty after a miss. Valid until this Value is read into again.
  [[nodiscard]] std::string_view view() const noexcept { return {raw_.data, raw_.bytes}; }
  [[nodiscard]] std::uint32_t flags() const noexcept { return raw_.flags; }
  [[nodiscard]] std::uint64_t cas() const noexcept { return raw_.cas; }  // gets, gat; else 0
  [[nodiscard]] ringfence_value* raw() noexcept { return &raw_; }

 private:
  ringfence_value raw_{};
};

// A read's outcome with its value: true is a hit.
struct Read : Value {
  ringfence_status status = RINGFENCE_NO_VIEW;

  explicit operator bool() const noexcept { return status == RINGFENCE_OK; }
  [[nodiscard]] bool is_miss() const noexcept { return status == RINGFENCE_MISS; }
};

// incr's and decr's outcome: true when `value` is the new number.
struct Number {
  ringfence_status status = RINGFENCE_NO_VIEW;
  std::uint64_t value = 0;

  explicit operator bool() const noexcept { return status == RINGFENCE_OK; }
};

// One key's answer in a call with many keys. `data` is valid in the callback only.
struct Answer {
  std::size_t index;  // the key's place in the call
  ringfence_status status;
  std::string_view data;
  std::uint32_t flags;
  std::uint64_t cas;

  explicit operator bool() const noexcept { return status == RINGFENCE_OK; }
};

// One write of a call with many. It owns neither key nor value.
struct Write : ringfence_write {
  [[nodiscard]] static Write set(std::string_view key, std::string_view value,
                                 Expiry expiry = forever, std::uint32_t flags = 0) noexcept {
    return make(RINGFENCE_VERB_SET, key, value, expiry, flags, 0);
  }
  [[nodiscard]] static Write add(std::string_view key, std::string_view value,
                                 Expiry expiry = forever, std::uint32_t flags = 0) noexcept {
    return make(RINGFENCE_VERB_ADD, key, value, expiry, flags, 0);
  }
  [[nodiscard]] static Write replace(std::string_view key, std::string_view value,
                                     Expiry expiry = forever, std::uint32_t flags = 0) noexcept {
    return make(RINGFENCE_VERB_REPLACE, key, value, expiry, flags, 0);
  }
  [[nodiscard]] static Write append(std::string_view key, std::string_view value) noexcept {
    return make(RINGFENCE_VERB_APPEND, key, value, forever, 0, 0);
  }
  [[nodiscard]] static Write prepend(std::string_view key, std::string_view value) noexcept {
    return make(RINGFENCE_VERB_PREPEND, key, value, forever, 0, 0);
  }
  [[nodiscard]] static Write cas(std::string_view key, std::string_view value, std::uint64_t unique,
                                 Expiry expiry = forever, std::uint32_t flags = 0) noexcept {
    return make(RINGFENCE_VERB_CAS, key, value, expiry, flags, unique);
  }
  [[nodiscard]] static Write remove(std::string_view key) noexcept {
    return make(RINGFENCE_VERB_DELETE, key, {}, forever, 0, 0);
  }
  [[nodiscard]] static Write touch(std::string_view key, Expiry expiry) noexcept {
    return make(RINGFENCE_VERB_TOUCH, key, {}, expiry, 0, 0);
  }

 private:
  [[nodiscard]] static Write make(ringfence_verb verb, std::string_view key, std::string_view value,
                                  Expiry expiry, std::uint32_t flags,
                                  std::uint64_t unique) noexcept {
    Write write;
    static_cast<ringfence_write&>(write) = {
        {key.data(), key.size()},        value.data(), value.size(), expiry.count(), unique, flags,
        static_cast<std::uint32_t>(verb)};
    return write;
  }
};

// Arrays of these go to the C functions as they are.
static_assert(sizeof(Key) == sizeof(ringfence_key) && sizeof(Value) == sizeof(ringfence_value) &&
              sizeof(Write) == sizeof(ringfence_write));

// Zero is the default everywhere: ringfence_options says which.
struct Options {
  const char* segment_path = nullptr;
  Timeout timeout{0};
  Timeout connect_timeout{0};
  std::uint32_t connections_per_backend = 0;
  Timeout idle{0};
};

class Client {
 public:
  Client() noexcept = default;
  ~Client() { ringfence_client_close(client_); }
  Client(Client&& other) noexcept : client_(std::exchange(other.client_, nullptr)) {}
  Client& operator=(Client&& other) noexcept {
    std::swap(client_, other.client_);
    return *this;
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // See ringfence_client_open: OK and NO_VIEW make a client. An earlier one is closed first. Before
  // it, and after a status that makes none, every call is INVALID.
  [[nodiscard]] ringfence_status open(const Options& options = {}) noexcept {
    ringfence_client_close(std::exchange(client_, nullptr));
    ringfence_options raw;
    ringfence_options_init(&raw);
    raw.segment_path = options.segment_path;
    raw.timeout_ms = milliseconds(options.timeout);
    raw.connect_timeout_ms = milliseconds(options.connect_timeout);
    raw.connections_per_backend = options.connections_per_backend;
    raw.idle_ms = milliseconds(options.idle);
    return ringfence_client_open(&raw, &client_);
  }
  explicit operator bool() const noexcept { return client_ != nullptr; }
  [[nodiscard]] ringfence_client_t* raw() const noexcept { return client_; }
  // What the server said when this thread's last call returned REFUSED.
  [[nodiscard]] static std::string_view error() noexcept { return ringfence_client_error(); }

  // Reads. Those that take a Value use its memory again.
  [[nodiscard]] Read get(std::string_view key, Timeout timeout = default_timeout) noexcept {
    return read([&](Value& value) { return get(key, value, timeout); });
  }
  [[nodiscard]] ringfence_status get(std::string_view key, Value& value,
                                     Timeout timeout = default_timeout) noexcept {
    return ringfence_get(client_, key.data(), key.size(), value.raw(), timeout.count());
  }
  [[nodiscard]] Read gets(std::string_view key, Timeout timeout = default_timeout) noexcept {
    return read([&](Value& value) { return gets(key, value, timeout); });
  }
  [[nodiscard]] ringfence_status gets(std::string_view key, Value& value,
                                      Timeout timeout = default_timeout) noexcept {
    return ringfence_gets(client_, key.data(), key.size(), value.raw(), timeout.count());
  }
  [[nodiscard]] Read gat(std::string_view key, Expiry expiry,
                         Timeout timeout = default_timeout) noexcept {
    return read([&](Value& value) { return gat(key, expiry, value, timeout); });
  }
  [[nodiscard]] ringfence_status gat(std::string_view key, Expiry expiry, Value& value,
                                     Timeout timeout = default_timeout) noexcept {
    return ringfence_gat(client_, key.data(), key.size(), expiry.count(), value.raw(),
                         timeout.count());
  }

  // Writes.
  ringfence_status set(std::string_view key, std::string_view value, Expiry expiry = forever,
                       std::uint32_t flags = 0, Timeout timeout = default_timeout) noexcept {
    return ringfence_set(client_, key.data(), key.size(), value.data(), value.size(), flags,
                         expiry.count(), timeout.count());
  }
  [[nodiscard]] ringfence_status add(std::string_view key, std::string_view value,
                                     Expiry expiry = forever, std::uint32_t flags = 0,
                                     Timeout timeout = default_timeout) noexcept {
    return ringfence_add(client_, key.data(), key.size(), value.data(), value.size(), flags,
                         expiry.count(), timeout.count());
  }
  [[nodiscard]] ringfence_status replace(std::string_view key, std::string_view value,
                                         Expiry expiry = forever, std::uint32_t flags = 0,
                                         Timeout timeout = default_timeout) noexcept {
    return ringfence_replace(client_, key.data(), key.size(), value.data(), value.size(), flags,
                             expiry.count(), timeout.count());
  }
  [[nodiscard]] ringfence_status append(std::string_view key, std::string_view value,
                                        Timeout timeout = default_timeout) noexcept {
    return ringfence_append(client_, key.data(), key.size(), value.data(), value.size(),
                            timeout.count());
  }
  [[nodiscard]] ringfence_status prepend(std::string_view key, std::string_view value,
                                         Timeout timeout = default_timeout) noexcept {
    return ringfence_prepend(client_, key.data(), key.size(), value.data(), value.size(),
                             timeout.count());
  }
  [[nodiscard]] ringfence_status cas(std::string_view key, std::string_view value,
                                     std::uint64_t unique, Expiry expiry = forever,
                                     std::uint32_t flags = 0,
                                     Timeout timeout = default_timeout) noexcept {
    return ringfence_cas(client_, key.data(), key.size(), value.data(), value.size(), flags,
                         expiry.count(), unique, timeout.count());
  }
  [[nodiscard]] ringfence_status remove(std::string_view key,  // ringfence_delete
                                        Timeout timeout = default_timeout) noexcept {
    return ringfence_delete(client_, key.data(), key.size(), timeout.count());
  }
  [[nodiscard]] ringfence_status touch(std::string_view key, Expiry expiry,
                                       Timeout timeout = default_timeout) noexcept {
    return ringfence_touch(client_, key.data(), key.size(), expiry.count(), timeout.count());
  }
  [[nodiscard]] Number incr(std::string_view key, std::uint64_t delta = 1,
                            Timeout timeout = default_timeout) noexcept {
    Number number;
    number.status =
        ringfence_incr(client_, key.data(), key.size(), delta, &number.value, timeout.count());
    return number;
  }
  [[nodiscard]] Number decr(std::string_view key, std::uint64_t delta = 1,
                            Timeout timeout = default_timeout) noexcept {
    Number number;
    number.status =
        ringfence_decr(client_, key.data(), key.size(), delta, &number.value, timeout.count());
    return number;
  }

  // Many keys: `keys` is a contiguous container of Key (vector, array), or {"a", "b"}. `callable`
  // is called with an Answer for each, as answers arrive. It must not use this client and must not
  // throw (a C function calls it: an exception ends the program).
  template <typename Keys, typename Callable>
  ringfence_status get_each(const Keys& keys, Callable&& callable,
                            Timeout timeout = default_timeout, bool with_cas = false) noexcept {
    using Function = std::remove_reference_t<Callable>;
    return ringfence_get_each(
        client_, first_of(keys), std::size(keys), with_cas ? 1 : 0, &call<Function>,
        const_cast<void*>(static_cast<const void*>(std::addressof(callable))), timeout.count());
  }
  template <typename Callable>
  ringfence_status get_each(std::initializer_list<Key> keys, Callable&& callable,
                            Timeout timeout = default_timeout, bool with_cas = false) noexcept {
    return get_each<std::initializer_list<Key>>(keys, std::forward<Callable>(callable), timeout,
                                                with_cas);
  }
  // Gathered: values[i] and statuses[i] belong to keys[i]; both hold as many as `keys`.
  template <typename Keys>
  [[nodiscard]] ringfence_status get_many(const Keys& keys, Value* values,
                                          ringfence_status* statuses,
                                          Timeout timeout = default_timeout) noexcept {
    return ringfence_get_many(client_, first_of(keys), std::size(keys),
                              reinterpret_cast<ringfence_value*>(values), statuses,
                              timeout.count());
  }
  // statuses[i] is the outcome of writes[i] (a contiguous container of Write).
  template <typename Writes>
  [[nodiscard]] ringfence_status write_many(const Writes& writes, ringfence_status* statuses,
                                            Timeout timeout = default_timeout) noexcept {
    const Write* first = std::data(writes);
    return ringfence_write_many(client_, first, std::size(writes), statuses, timeout.count());
  }

 private:
  [[nodiscard]] static std::uint32_t milliseconds(Timeout time) noexcept {
    constexpr Timeout longest{std::numeric_limits<std::uint32_t>::max()};
    return static_cast<std::uint32_t>(std::clamp(time, Timeout{0}, longest).count());
  }
  template <typename Keys>
  [[nodiscard]] static const ringfence_key* first_of(const Keys& keys) noexcept {
    const Key* first = std::data(keys);  // Key, or it would not be as long
    return first;
  }
  template <typename Function>
  [[nodiscard]] static Read read(Function&& into) noexcept {
    Read made;
    made.status = into(made);
    return made;
  }
  template <typename Function>
  static void call(void* context, std::size_t index, ringfence_status status,
                   const ringfence_value* value) noexcept {
    Answer answer{index, status, {}, 0, 0};
    if (value != nullptr) {
      answer.data = {value->data, value->bytes};
      answer.flags = value->flags;
      answer.cas = value->cas;
    }
    (*static_cast<Function*>(context))(static_cast<const Answer&>(answer));
  }

  ringfence_client_t* client_ = nullptr;
};

}  // namespace ringfence

#endif
