// A token bucket in virtual time: what bounds the blast of mass failures (G6). Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "agent/core/types.hpp"

namespace ringfence::agent::core {

class TokenBucket {
 public:
  // Takes a token if there is one. `burst` tokens at most, one more each `refill`.
  [[nodiscard]] bool take(Instant now, std::uint32_t burst, Duration refill) {
    settle(now, burst, refill);
    if (tokens_ == 0) return false;
    --tokens_;
    return true;
  }
  // When the next token arrives; only meaningful after take() failed.
  [[nodiscard]] Instant next_token_at(Duration refill) const { return counted_until_ + refill; }

 private:
  void settle(Instant now, std::uint32_t burst, Duration refill) {
    if (!is_started_) {
      is_started_ = true;
      tokens_ = burst;
      counted_until_ = now;
    }
    const std::int64_t step_ns = std::max<std::int64_t>(refill.ns, 1);
    const std::int64_t arrived = std::max<std::int64_t>((now - counted_until_).ns / step_ns, 0);
    if (arrived >= static_cast<std::int64_t>(burst) - tokens_) {
      tokens_ = burst;  // full: what arrives from now on is lost
      counted_until_ = now;
    } else {
      tokens_ += static_cast<std::uint32_t>(arrived);
      counted_until_ = counted_until_ + Duration{arrived * step_ns};
    }
  }

  bool is_started_ = false;
  std::uint32_t tokens_ = 0;
  Instant counted_until_;
};

}  // namespace ringfence::agent::core
