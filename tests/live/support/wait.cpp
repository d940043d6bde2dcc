#include "tests/live/support/wait.hpp"

#include <thread>

namespace ringfence::live {

bool wait_until(const std::function<bool()>& is_true, Milliseconds limit, Milliseconds interval) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!is_true()) {
    if (std::chrono::steady_clock::now() >= end) {
      return false;
    }
    std::this_thread::sleep_for(interval);
  }
  return true;
}

void pass(Milliseconds time) {
  std::this_thread::sleep_for(time);
}

}  // namespace ringfence::live
