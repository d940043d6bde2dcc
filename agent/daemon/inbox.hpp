// Hands work from other threads (the engine's, the ports') to the daemon's loop, in order.
// post() from any thread; everything else on the loop's thread.
#pragma once

#include <uv.h>

#include <functional>
#include <mutex>
#include <vector>

namespace ringfence::agent::daemon {

class Inbox {
 public:
  using Work = std::function<void()>;

  explicit Inbox(uv_loop_t* loop);
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  void post(Work work);
  // Work that is posted from now on is dropped. The inbox must outlive the loop's next turn.
  void close();

 private:
  void run();

  uv_async_t wake_{};
  std::mutex mutex_;
  std::vector<Work> waiting_;  // guarded by mutex_
  bool is_closed_ = false;     // guarded by mutex_
};

}  // namespace ringfence::agent::daemon
