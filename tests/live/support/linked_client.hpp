// The linked client (ringfence.h) with strings, for tests. One thread uses it, unless it says
// otherwise.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shim/ringfence.h"
#include "tests/live/support/tags.hpp"
#include "tests/live/support/wait.hpp"

namespace ringfence::live {

struct Got {
  ringfence_status status = RINGFENCE_INVALID;
  std::string value;
  std::uint64_t cas = 0;
  std::uint32_t flags = 0;
};

class LinkedClient {
 public:
  // Throws unless the segment can be attached to, or is yet to come.
  explicit LinkedClient(const std::string& segment, ringfence_options options = {});
  ~LinkedClient();
  LinkedClient(const LinkedClient&) = delete;
  LinkedClient& operator=(const LinkedClient&) = delete;

  [[nodiscard]] ringfence_client_t* handle() const { return handle_; }
  void set_timeout(Milliseconds timeout) { timeout_ms_ = timeout.count(); }

  [[nodiscard]] Got get(std::string_view key);
  [[nodiscard]] Got gets(std::string_view key);
  [[nodiscard]] Got gat(std::string_view key, std::int64_t exptime);
  ringfence_status set(std::string_view key, std::string_view value, std::uint32_t flags = 0);
  ringfence_status add(std::string_view key, std::string_view value);
  ringfence_status replace(std::string_view key, std::string_view value);
  ringfence_status append(std::string_view key, std::string_view value);
  ringfence_status prepend(std::string_view key, std::string_view value);
  ringfence_status cas(std::string_view key, std::string_view value, std::uint64_t unique);
  ringfence_status remove(std::string_view key);
  ringfence_status touch(std::string_view key, std::int64_t exptime);
  ringfence_status incr(std::string_view key, std::uint64_t delta, std::uint64_t* result);
  ringfence_status decr(std::string_view key, std::uint64_t delta, std::uint64_t* result);

  // Sockets that this process has opened since the client was made and not closed.
  [[nodiscard]] std::size_t connection_count() const;

 private:
  [[nodiscard]] Got got(ringfence_status status) const;

  ringfence_client_t* handle_ = nullptr;
  ringfence_value value_{};
  std::int64_t timeout_ms_ = RINGFENCE_DEFAULT_TIMEOUT;
  std::size_t sockets_before_ = 0;
};

// Files of this process that are sockets.
[[nodiscard]] std::size_t socket_count();

}  // namespace ringfence::live
