#include "agent/daemon/inbox.hpp"

#include <utility>

namespace ringfence::agent::daemon {

Inbox::Inbox(uv_loop_t* loop) {
  wake_.data = this;
  uv_async_init(loop, &wake_, [](uv_async_t* wake) { static_cast<Inbox*>(wake->data)->run(); });
}

void Inbox::post(Work work) {
  const std::lock_guard guard(mutex_);
  if (is_closed_) return;
  waiting_.push_back(std::move(work));
  // Under the lock, so that close() cannot end the handle in between.
  uv_async_send(&wake_);
}

void Inbox::run() {
  std::vector<Work> taken;
  {
    const std::lock_guard guard(mutex_);
    taken.swap(waiting_);
  }
  for (const Work& work : taken) work();
}

void Inbox::close() {
  const std::lock_guard guard(mutex_);
  if (is_closed_) return;
  is_closed_ = true;
  waiting_.clear();
  uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
}

}  // namespace ringfence::agent::daemon
