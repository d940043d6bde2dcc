// The agent's own conversation with a memcached: commands go out, whole replies come back in order.
// Pure: bytes in, calls out; no socket, no clock. One dialogue a connection, on the loop's thread.
// Nothing is allocated for a probe: exchanges and their strings are reused.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "shim/text/reply.hpp"

namespace ringfence::agent::backends {

// What the agent reads of `stats`.
struct ServerStats {
  std::uint64_t pid = 0;
  std::uint64_t curr_items = 0;
  std::uint64_t cmd_flush = 0;
  std::int64_t time_s = 0;    // the server's own wall clock
  std::int64_t uptime_s = 0;  // on that clock
  bool has_pid = false, has_items = false, has_time = false, has_flushes = false;
  bool has_proxy = false;  // it has counters of a proxy: it serves for others

  // A memcached that shows all of the above; a proxy in front of others does not.
  [[nodiscard]] bool is_memcached() const {
    return has_pid && has_items && has_time && has_flushes && !has_proxy;
  }
  [[nodiscard]] std::int64_t started_s() const { return time_s - uptime_s; }
};

void read_stat(std::string_view name_and_value, ServerStats& stats);

// Enough for a claim or canary; longer values are cut, which still tells them from ours.
inline constexpr std::size_t kept_value_bytes_max = 512;

struct Reply {
  std::string line;  // of a reply that was one line, error lines included
  bool has_value = false;
  std::string value;
  ServerStats stats;
  void clear();
};

class Dialogue {
 public:
  using Replies = std::span<const Reply>;
  using Then = std::function<void(Replies)>;
  static constexpr std::size_t reply_count_max = 5;     // of one exchange
  static constexpr std::size_t exchange_count_max = 4;  // outstanding

  // The caller has sent (or sends right after this) commands that are answered by replies of these
  // shapes. False: too many exchanges are outstanding; do not send.
  [[nodiscard]] bool expect(std::span<const shim::text::ReplyShape> shapes, Then then);
  // Takes what has arrived. False: the server broke the protocol, or said more than it was asked;
  // `violation()` says which.
  [[nodiscard]] bool feed(std::string_view bytes);
  [[nodiscard]] bool is_idle() const { return count_ == 0; }
  [[nodiscard]] const std::string& violation() const { return violation_; }
  // Forgets everything outstanding: the connection is gone.
  void reset();

 private:
  struct Exchange {
    std::array<shim::text::ReplyShape, reply_count_max> shapes{};
    std::array<Reply, reply_count_max> replies;
    std::size_t expected = 0, answered = 0;
    Then then;
  };

  [[nodiscard]] bool feed_buffered(std::string_view& bytes);
  [[nodiscard]] bool take(const shim::text::ReplyEvent& event);
  void finish_reply();

  std::array<Exchange, exchange_count_max> exchanges_;
  std::size_t first_ = 0, count_ = 0;
  std::uint64_t life_ = 0;  // grows with reset(), so that feed() notices one from a callback
  shim::text::ReplyParser parser_;
  std::string rest_;  // of an incomplete line
  std::string violation_;
};

}  // namespace ringfence::agent::backends
