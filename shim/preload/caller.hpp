// Which thread is inside one side of a session. A signal's handler may jump out of a call that
// sleeps there (siglongjmp), with the lock held: the thread must not wait for itself when it comes
// back.
#pragma once

#include <pthread.h>

#include <atomic>

namespace ringfence::shim::preload {

class Caller {
 public:
  // Relaxed all: a thread asks for itself alone.
  [[nodiscard]] bool is_this_thread() const noexcept {
    return thread_.load(std::memory_order_relaxed) == pthread_self();
  }

  // Under the side's lock.
  class Here {
   public:
    explicit Here(Caller& caller) noexcept : caller_(caller) {
      caller.thread_.store(pthread_self(), std::memory_order_relaxed);
    }
    ~Here() { caller_.thread_.store(0, std::memory_order_relaxed); }
    Here(const Here&) = delete;
    Here& operator=(const Here&) = delete;

   private:
    Caller& caller_;
  };

 private:
  std::atomic<pthread_t> thread_{0};  // 0: none
};

}  // namespace ringfence::shim::preload
