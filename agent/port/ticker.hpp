// A periodic call on an I/O thread, by a timer's file. libuv's own timers make every wait of the
// loop one with a time-out, for which the kernel sets and clears a clock each time: with one client
// that was 8 % of the thread's time. Its I/O thread only.
#pragma once

#include <uv.h>

#include <cstdint>

#include "agent/port/socket_watch.hpp"

namespace ringfence::agent::port {

class Ticker final : public SocketOwner {
 public:
  class Owner {
   public:
    virtual void on_tick() = 0;

   protected:
    ~Owner() = default;
  };

  // 0, or -errno when no timer can be made.
  [[nodiscard]] int open(uv_loop_t* loop, std::uint64_t period_ms, Owner& owner);
  // From here on, one period from now. Costs a system call; nothing while it runs.
  void start();
  void stop();
  void close() { watch_.close(); }

 private:
  void on_socket(int events) override;
  void set(std::uint64_t period_ms);

  SocketWatch watch_;
  Owner* owner_ = nullptr;
  std::uint64_t period_ms_ = 0;
  bool is_running_ = false;
};

}  // namespace ringfence::agent::port
