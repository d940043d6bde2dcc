// A loop that a test turns itself. One thread; a limit on every wait.
#pragma once

#include <uv.h>

#include <cstdio>
#include <functional>

#include "tests/live/support/wait.hpp"

namespace ringfence::live {

class TurningLoop {
 public:
  TurningLoop() {
    uv_loop_init(&loop_);
    uv_timer_init(&loop_, &turn_);
  }
  TurningLoop(const TurningLoop&) = delete;
  TurningLoop& operator=(const TurningLoop&) = delete;

  [[nodiscard]] uv_loop_t* get() { return &loop_; }
  // Turns it until that holds, or the limit has passed.
  [[nodiscard]] bool until(const std::function<bool()>& is_true, Milliseconds limit = patience) {
    uv_timer_start(
        &turn_, [](uv_timer_t*) {}, 5, 5);
    return wait_until(
        [&] {
          uv_run(&loop_, UV_RUN_ONCE);
          return is_true();
        },
        limit, Milliseconds{0});
  }
  void turn_for(Milliseconds time) {
    static_cast<void>(until([] { return false; }, time));
  }
  // Once whoever uses it has closed what it opened, and before that goes: nothing is left then.
  void end() {
    uv_close(reinterpret_cast<uv_handle_t*>(&turn_), nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    const int status = uv_loop_close(&loop_);
    if (status != 0) std::fprintf(stderr, "the loop still has handles: %s\n", uv_strerror(status));
  }

 private:
  uv_loop_t loop_{};
  uv_timer_t turn_{};
};

}  // namespace ringfence::live
