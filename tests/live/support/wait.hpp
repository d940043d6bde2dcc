// Waiting for something that another process does, with a limit instead of a guess.
#pragma once

#include <chrono>
#include <functional>

namespace ringfence::live {

using Milliseconds = std::chrono::milliseconds;

// How long a change that should take milliseconds may take on a loaded test machine.
inline constexpr Milliseconds patience{20'000};

// Asks `is_true` every `interval` until it holds (true) or `limit` has passed (false).
[[nodiscard]] bool wait_until(const std::function<bool()>& is_true, Milliseconds limit = patience,
                              Milliseconds interval = Milliseconds{5});

// For the passing of time itself: a lease that must end, a second of memcached's clock.
void pass(Milliseconds time);

}  // namespace ringfence::live
