// Result<T>: a value, or an error that says what failed, where, and why.
// Neither std::expected nor std::format exists in GCC 12 or clang 14; this is the small part we
// need. Any thread; no allocation on the success path beyond T's own.
#pragma once

#include <cassert>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <variant>

namespace ringfence {

// A failed operation, told once. `message` reads as one sentence for an operator.
struct Error {
  std::string message;
  int os_errno = 0;  // 0 when no system call failed

  // Puts the caller's context before the message: "publish pool default: open /x: No such file".
  [[nodiscard]] Error in(const std::string& context) const {
    return Error{context + ": " + message, os_errno};
  }
};

// `what` names the call and its object, e.g. "open /dev/shm/ringfence/default.default".
[[nodiscard]] inline Error os_error(const std::string& what, int os_errno = errno) {
  return Error{what + ": " + std::strerror(os_errno), os_errno};
}

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool is_ok() const { return std::holds_alternative<T>(state_); }
  explicit operator bool() const { return is_ok(); }

  [[nodiscard]] T& value() & { return std::get<T>(state_); }
  [[nodiscard]] const T& value() const& { return std::get<T>(state_); }
  [[nodiscard]] T&& value() && { return std::get<T>(std::move(state_)); }
  [[nodiscard]] const Error& error() const { return std::get<Error>(state_); }

 private:
  std::variant<T, Error> state_;
};

// For operations that yield nothing but success.
struct Done {};
using Status = Result<Done>;

}  // namespace ringfence
