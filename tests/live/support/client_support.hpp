// What the tests of the linked client share: a client of a test's segment, how a status is printed,
// and how long a call may take.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <ostream>
#include <stdexcept>
#include <string>

#include "shim/ringfence.hpp"
#include "tests/live/support/sanitized.hpp"
#include "tests/live/support/wait.hpp"

// In the enum's own namespace, where GoogleTest looks.
inline void PrintTo(ringfence_status status, std::ostream* out) {  // NOLINT: GoogleTest's name
  *out << static_cast<int>(status) << " (" << ringfence_describe(status) << ")";
}

namespace ringfence::live {

// What a call may take beyond its timeout: 20 ms are promised; the rest is for a machine with more
// to do than it has cores, and for sanitizers.
inline constexpr Milliseconds slack{1000};

inline Client client_of(const std::string& segment, Options options = {}) {
  options.segment_path = segment.c_str();
  Client client;
  if (const ringfence_status status = client.open(options); status != RINGFENCE_OK) {
    throw std::runtime_error(std::string("client of ") + segment + ": " +
                             ringfence_describe(status));
  }
  return client;
}

class Stopwatch {
 public:
  [[nodiscard]] Milliseconds elapsed() const {
    return std::chrono::duration_cast<Milliseconds>(Clock::now() - start_);
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

// A call that is under way in a thread of its own while the test makes trouble.
template <typename Call>
[[nodiscard]] auto in_background(Call call) {
  return std::async(std::launch::async, std::move(call));
}

// Calls until the status is OK, for while a change of the view may be under way.
template <typename Call>
void until_ok(Call call) {
  ringfence_status status = RINGFENCE_OK;
  if (!wait_until([&] { return (status = call()) == RINGFENCE_OK; })) {
    throw std::runtime_error(std::string("a call keeps returning: ") + ringfence_describe(status));
  }
}

}  // namespace ringfence::live
